import Glibc
import Linux
import SpoolFormat
import Testing

@testable import Spool

/// I4: one that lost its lease can neither finish nor change the job.
@Suite struct ClaimLossTests {
    let temporary: TemporarySpool
    let loop: EventLoop
    private let running: Path = "running/a@1"

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
        try temporary.admit("a")
    }

    enum Loss: CaseIterable {
        /// Recovery gave it back to the queue.
        case requeued
        /// Another claim runs it.
        case claimedAgain
        /// The bundle has another lease.
        case replaced
    }

    enum End: CaseIterable {
        case complete
        case fail
        case giveBack
        case retry
        case cancel
    }

    private func lose(_ loss: Loss) throws -> Path {
        let root = temporary.spool
        switch loss {
        case .requeued: try root.root.rename(running, to: "queued/a")
        case .claimedAgain: try root.root.rename(running, to: "running/a@2")
        case .replaced:
            try root.root.remove(running / "lease")
            try temporary.write(running / "lease", "")
        }
        return switch loss {
        case .requeued: "queued/a"
        case .claimedAgain: "running/a@2"
        case .replaced: running
        }
    }

    @Test(arguments: Loss.allCases, End.allCases)
    func `the end of a lost claim changes nothing`(_ loss: Loss, _ end: End) throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        let isOurs = try claim.makeDurable()
        #expect(isOurs)
        try temporary.write(running / "out.1.part", Sample.png)
        let place = try lose(loss)
        let before = try temporary.snapshot(place)
        #expect(try outcome(of: end, claim) == "lost")
        #expect(try temporary.snapshot(place) == before)
        #expect(try temporary.bundles() == ["\(place)"])
    }

    private func outcome(of end: End, _ claim: consuming Claim) throws -> String {
        let model = try #require(ModelName("rules"))
        return switch end {
        case .complete: words(of: claim.complete(model: model, seed: 1))
        case .fail: words(of: claim.fail("no"))
        case .giveBack: words(of: claim.giveBack(counted: true))
        case .retry: words(of: claim.retry("no", killedPipeline: true))
        case .cancel: words(of: claim.cancel())
        }
    }

    // MARK: The lock alone is lost, as a network filesystem can do

    @Test(arguments: End.allCases)
    func `a claim whose lock somebody else has can end nothing`(_ end: End) throws {
        let claim = try temporary.claim()
        try temporary.write(running / "out.1.part", Sample.png)
        try loseLock(of: running)
        guard case .held(let theirs) = try temporary.spool.lease(running) else {
            Issue.record("not lost")
            return
        }
        let before = try temporary.snapshot(running)
        #expect(try outcome(of: end, claim) == "lost")
        #expect(try temporary.snapshot(running) == before)
        #expect(try temporary.bundles() == ["running/a@1"])
        #expect(try temporary.spool.holds(theirs, of: running))
    }

    @Test func `a lock that nobody else took is taken again`() throws {
        let claim = try temporary.claim()
        try loseLock(of: running)
        #expect(try outcome(of: .fail, claim) == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
    }

    /// Unlocks every descriptor of this process that is the bundle's lease.
    private func loseLock(of bundle: Path) throws {
        let lease = try temporary.status(bundle / "lease").identity
        var found = 0
        for name in try Directory("/proc/self/fd").names() {
            var status = stat()
            guard let number = Int32(name.description), fstat(number, &status) == 0,
                UInt64(status.st_dev) == lease.device, UInt64(status.st_ino) == lease.inode
            else { continue }
            try #require(flock(number, LOCK_UN) == 0)
            found += 1
        }
        try #require(found == 1)
    }

    @Test(arguments: [Loss.requeued, .claimedAgain])
    func `a claim that was lost at once is not made durable`(_ loss: Loss) throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        let place = try lose(loss)
        let before = try temporary.snapshot(place)
        let isOurs = try claim.makeDurable()
        #expect(!isOurs)
        #expect(try temporary.snapshot(place) == before)
    }

    // R12: nothing is overwritten; the worker keeps the job until the name is free.
    @Test func `a name that is taken in done is never overwritten`() throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        try temporary.write(running / "out.1.part", Sample.png)
        try temporary.makeDirectory("done/a")
        try temporary.write("done/a/theirs", "x")
        let model = try #require(ModelName("rules"))
        guard case .stuck(let stuck, let error) = claim.complete(model: model, seed: 1) else {
            Issue.record("not stuck")
            return
        }
        #expect(error.code == .exists)
        #expect(try temporary.leaseState(running) == "busy")
        #expect(try temporary.bundles() == ["running/a@1", "done/a"])
        #expect(try temporary.names("done/a") == ["theirs"])
        #expect(try temporary.record(running).view.status == .completed)
        try temporary.spool.root.rename("done/a", to: "done/theirs")
        let end = words(of: stuck.end())
        #expect(end == "moved")
        #expect(try temporary.bundles() == ["done/a", "done/theirs"])
    }

    // It was taken for a lost lease, and let go.
    @Test func `a state that is not there for a moment loses no claim`() throws {
        let claim = try temporary.claim()
        try temporary.spool.root.removeDirectory("failed")
        guard case .stuck(let stuck, let error) = claim.fail("No.") else {
            Issue.record("not stuck")
            return
        }
        #expect(error.code == .notFound)
        try temporary.makeDirectory("failed")
        let end = words(of: stuck.end())
        #expect(end == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
    }

    @Test func `an end that the disk did not allow goes on when it does`() throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        try temporary.write(running / "out.1.part", Sample.png)
        // In the way of the record's name.
        try temporary.spool.root.rename(running / "status.json", to: "status.json")
        try temporary.makeDirectory(running / "status.json")
        let model = try #require(ModelName("rules"))
        guard case .stuck(let stuck, let error) = claim.complete(model: model, seed: 1) else {
            Issue.record("not stuck")
            return
        }
        #expect(error.code == .isADirectory)
        #expect(try temporary.leaseState(running) == "busy")
        try temporary.spool.root.removeDirectory(running / "status.json")
        let end = words(of: stuck.end())
        #expect(end == "moved")
        #expect(try temporary.bundles() == ["done/a"])
        let result = try #require(try temporary.record("done/a").view.resultPath)
        #expect(try temporary.read("done/a" / Path(result)) == Sample.png)
    }
}

/// What came of ending a claim, in one word.
func words(of end: consuming Claim.End) -> String {
    switch consume end {
    case .moved: "moved"
    case .lost: "lost"
    case .stuck: "stuck"
    }
}
