import Linux
import SpoolFormat
import Synchronization
import Testing

@testable import Spool

/// What moves under our eyes, and what others hold.
@Suite struct VerificationInUseTests {
    /// The lock as a watcher holds it, while `body` runs.
    private func watched(_ wreck: Wreck, _ body: () throws -> Void) throws {
        let lock = try wreck.spool.root.openOrCreate(.hidden("watcher.lock"), mode: 0o644)
        let isLocked = try lock.tryLock()
        try #require(isLocked)
        try body()
        _ = consume lock
    }

    @Test func `a bundle in somebody's hands is left alone`() throws {
        let wreck = try Wreck()
        try wreck.change("queued/p") { $0.view.status = .processing }
        guard case .held(let lease) = try wreck.spool.lease("queued/p") else {
            Issue.record("not held")
            return
        }
        let report = try wreck.check()
        #expect(wreck.breaks(report) == [])
        let detail = report.findings.first { $0.path == "queued/p" }?.detail
        #expect(
            detail == "is in somebody's hands and was not checked: "
                + "it has a record that says 'processing'")
        _ = consume lease
        #expect(try wreck.breaks(wreck.check()) == ["I1 queued/p"])
    }

    @Test func `a suspicion is dropped when its holder puts it right`() throws {
        let wreck = try Wreck()
        try wreck.change("queued/p") { $0.view.status = .processing }
        let path = wreck.spool.path
        let held = Mutex(false)
        let reports = try inThreads(2) { index in
            let spool = try Spool(path, settings: Settings(), log: Log())
            guard index == 0 else {
                _ = eventually { held.withLock { $0 } }
                return try Verification(spool).run().findings.filter { $0.path == "queued/p" }
            }
            guard case .held(let lease) = try spool.lease("queued/p") else { return [] }
            held.withLock { $0 = true }
            // Longer than a look, shorter than its patience.
            Moment.pause(.milliseconds(200))
            let id = try JobID("p")
            guard var record = try spool.record(in: "queued/p", of: id) else { return [] }
            record.view.status = .queued
            try spool.write(record, in: "queued/p")
            try spool.root.directory("queued/p").setModified(record.stamp)
            _ = consume lease
            return []
        }
        #expect(reports.flatMap { $0 }.map(\.detail) == [])
    }

    @Test func `a job that a worker runs is checked and not held`() throws {
        let wreck = try Wreck()
        guard case .held(let lease) = try wreck.spool.lease("running/n@1") else {
            Issue.record("not held")
            return
        }
        #expect(try wreck.check().findings.filter { $0.path == "running/n@1" }.isEmpty)
        try wreck.damage("running/n@1/n.png")
        try watched(wreck) {
            #expect(try wreck.breaks(wreck.check()) == ["I7 running/n@1"])
            let repair = try wreck.repair()
            #expect(repair.findings.first?.isRepaired == false)
            #expect(
                repair.findings.first?.detail.hasSuffix("not repaired: somebody holds its lease")
                    == true)
        }
        _ = consume lease
    }

    /// A watcher would go on counting a job that left the queue for no other state.
    @Test func `what only the watcher may do is left to it`() throws {
        let wreck = try Wreck()
        try wreck.copy("queued/p", to: "failed/p")
        try wreck.temporary.makeDirectory("running/x")
        try wreck.remove("done/d/lease")
        try wreck.temporary.write(.staging(try JobID("s")), "text")
        let before = try wreck.temporary.bundles()
        try watched(wreck) {
            let report = try wreck.repair()
            #expect(report.findings.filter(\.isRepaired).map(\.path) == [])
            let hints = Set(report.findings.map { $0.detail.hasSuffix("stop the watcher first") })
            #expect(hints == [true], "\(report.findings)")
            #expect(try wreck.temporary.bundles() == before)
        }
        #expect(try !wreck.repair().isBroken)
    }

    @Test func `what a lease covers is repaired beside a watcher`() throws {
        let wreck = try Wreck()
        try wreck.damage("queued/p/p.png")
        try wreck.spool.root.directory("queued/q").setModified(5)
        try wreck.remove("rejected/r/reason.json")
        try wreck.temporary.makeDirectory("done/-x")
        try watched(wreck) {
            let repair = try wreck.repair()
            #expect(!repair.isBroken, "\(repair.findings)")
            #expect(try wreck.check().findings.isEmpty)
        }
        #expect(try wreck.aside == ["-x"])
    }

    @Test func `no lease is made while a worker runs`() throws {
        let wreck = try Wreck()
        try wreck.remove("running/n@1/lease")
        let path = Path.lock(ofWorker: "w")
        let lock = try wreck.spool.root.openOrCreate(path, mode: 0o600)
        let isLocked = try lock.tryLock()
        try #require(isLocked)
        let report = try wreck.repair()
        #expect(report.findings.first?.detail.hasSuffix("stop the workers first") == true)
        _ = consume lock
        #expect(try !wreck.repair().isBroken)
    }

    @Test func `while a repair runs no watcher starts`() throws {
        let wreck = try Wreck()
        let lock = try wreck.spool.root.openOrCreate(.hidden("watcher.lock"), mode: 0o644)
        let isOurs = try Repair.lock(lock)
        try #require(isOurs)
        let loop = try EventLoop()
        var holder: String?
        do throws(WatcherProblem) { _ = try Watcher.start(wreck.spool, on: loop) } catch {
            if case .taken(let by) = error { holder = by }
        }
        #expect(holder == "verify --repair, process \(Host.pid) on \(Host.name)")
        _ = consume lock
    }

    /// Jobs are claimed, given back and finished while they are looked at.
    @Test func `jobs that move raise no alarm`() throws {
        let wreck = try Wreck()
        let path = wreck.spool.path
        let isOver = Mutex(false)
        let alarms = try inThreads(3) { index -> [String] in
            let spool = try Spool(path, settings: Settings(), log: Log())
            if index == 0 {
                let queue = try JobQueue(spool, on: try EventLoop()) {}
                for round in 0..<100 {
                    guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else {
                        continue
                    }
                    if round % 2 == 0 { _ = try claim.makeDurable() }
                    _ = claim.giveBack(counted: false)
                }
                isOver.withLock { $0 = true }
                return []
            }
            var found: [String] = []
            repeat {
                found += try Verification(spool).run().findings
                    .filter { $0.severity == .error }.map { "\($0.path): \($0.detail)" }
            } while !isOver.withLock { $0 }
            return found
        }
        #expect(alarms.flatMap { $0 } == [])
    }
}
