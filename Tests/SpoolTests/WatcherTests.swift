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

    /// Events are read many at once: a job moves on between its event and the look.
    @Test func `a job that has gone on since its event counts`() throws {
        let watcher = try Watcher.start(temporary.spool, on: loop)
        try temporary.admit("a")
        try temporary.spool.root.rename("queued/a", to: "running/a@1")
        try watcher.arrived("a", in: .queued)
        #expect(watcher.table.live.map(\.text) == ["a"])
        try watcher.arrived("a@1", in: .running)
        #expect(watcher.table.live.map(\.text) == ["a"])
        #expect(watcher.table.runningCount == 1)
    }

    @Test func `a stray file among the bundles takes no slot`() throws {
        for name in ["queued/a", "running/b@1", "done/c", "failed/d", "rejected/e"] {
            try temporary.write(Path(name), "x")
        }
        try temporary.makeDirectory(".spool/retry/x")
        try temporary.makeDirectory(".spool/totals")
        let watcher = try Watcher.start(temporary.spool, on: loop)
        #expect(watcher.table.live == [])
        #expect(watcher.table.jobs.isEmpty)
    }

    /// Its slot counted for ever.
    @Test(arguments: [JobState.queued, .running])
    func `a job that was moved out of the spool by hand counts no longer`(_ state: JobState) throws
    {
        let watching = try Watching { $0.maxInflightJobs = 1 }
        try watching.drop("a")
        try watching.wait(for: "queued/a")
        var name = Path("queued/a")
        if state == .running {
            try watching.temporary.spool.root.rename(name, to: "running/a@1")
            name = "running/a@1"
            try watching.wait { [watching] in watching.watcher?.table.runningCount == 1 }
        }
        try watching.temporary.spool.root.rename(name, to: "elsewhere")
        try watching.wait { [watching] in watching.watcher?.table.live == [] }
        try watching.drop("b")
        try watching.wait(for: "queued/b")
    }

    /// Recovery took nothing of it, and its drop was forgotten where it stood.
    @Test func `a drop that staging lets go of again is taken anew`() throws {
        let watching = try Watching()
        let temporary = watching.temporary
        // Its name in staging is taken by what cannot go on.
        try temporary.makeDirectory(".spool/staging/a")
        try temporary.write(".spool/staging/a/lease", "")
        try watching.drop("a")
        try watching.wait(for: "queued/a")
        #expect(try temporary.names(.incoming) == [])
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
