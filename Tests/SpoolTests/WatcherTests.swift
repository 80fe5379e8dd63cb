import Linux
import SpoolFormat
import Testing

@testable import Spool

/// What the watcher takes over at its start.
@Suite struct WatcherTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
    }

    // The slot was reserved when the bundle was listed and never given back.
    @Test func `staging that was thrown away at the start takes no slot`() throws {
        try temporary.makeDirectory(".spool/staging/a")
        try temporary.write(".spool/staging/a/lease", "")
        let watcher = try Watcher.start(temporary.spool, on: loop)
        #expect(watcher.table.live == [])
        #expect(try temporary.bundles() == [])
    }

    @Test func `all jobs that stand there at the start are counted`() throws {
        try temporary.admit("q1", "q2", "r", "d", "f")
        try temporary.spool.root.rename("queued/r", to: "running/r@1")
        try temporary.spool.root.rename("queued/d", to: "done/d")
        try temporary.spool.root.rename("queued/f", to: "failed/f")
        let staged = try temporary.pair("s")
        try temporary.makeDirectory(".spool/staging/s")
        try temporary.write(".spool/staging/s/lease", "")
        try temporary.write(".spool/staging/s/.members", JSONText.encode(Membership(staged)))
        let watcher = try Watcher.start(temporary.spool, on: loop)
        #expect(watcher.table.live.map(\.text).sorted() == ["q1", "q2", "r", "s"])
        #expect(watcher.table.runningCount == 1)
        #expect(watcher.table.queue.entries.map(\.id.text) == ["q1", "q2", "s"])
        #expect([.done, .failed, .rejected].map(watcher.table.count) == [1, 1, 0])
    }

    /// Its slot was given away while it waited in the queue.
    @Test func `a failed job's record that is read late does not count out its retry`() throws {
        try temporary.admit("a")
        try temporary.spool.root.rename("queued/a", to: "failed/a")
        let watcher = try Watcher.start(temporary.spool, on: loop)
        watcher.unread.insert("a", .failed)
        try temporary.spool.root.rename("failed/a", to: "queued/a")
        try watcher.arrived("a", in: .queued)
        watcher.readUnread(at: .now + .seconds(6))
        #expect(watcher.table.live.map(\.text) == ["a"])
    }

    @Test func `a new stamp is later than that of every kept job`() throws {
        try temporary.admit("a")
        try temporary.spool.root.rename("queued/a", to: "rejected/a")
        try temporary.spool.root.remove(".spool/stamp")
        var record = try temporary.record("rejected/a")
        record.orderNanoseconds = WallClock.nanoseconds + 1_000_000_000_000
        try temporary.spool.write(record, in: "rejected/a")
        let watcher = try Watcher.start(temporary.spool, on: loop)
        _ = watcher.staging.take([try temporary.pair("b")])
        #expect(try temporary.record("queued/b").orderNanoseconds == record.orderNanoseconds + 1)
    }

    /// After a power cut and with a clock that was set back, a stamp was given twice.
    @Test func `a new stamp is later than that of a job that stands in staging`() throws {
        try temporary.admit("a")
        try temporary.spool.root.rename("queued/a", to: ".spool/staging/a")
        try temporary.spool.root.remove(".spool/stamp")
        var record = try temporary.record(".spool/staging/a")
        record.orderNanoseconds = WallClock.nanoseconds + 1_000_000_000_000
        try temporary.spool.write(record, in: ".spool/staging/a")
        let watcher = try Watcher.start(temporary.spool, on: loop)
        _ = watcher.staging.take([try temporary.pair("b")])
        #expect(try temporary.status("queued/a").modified == record.orderNanoseconds)
        #expect(try temporary.record("queued/b").orderNanoseconds == record.orderNanoseconds + 1)
    }

    @Test func `a second watcher is told who serves the spool`() throws {
        let first = try Watcher.start(temporary.spool, on: loop)
        do throws(WatcherProblem) {
            _ = try Watcher.start(temporary.spool, on: loop)
            Issue.record("two watchers")
        } catch {
            guard case .taken(let holder) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(holder == "process \(Host.pid) on \(Host.name)")
        }
        #expect(first.table.live == [])
    }
}
