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
        let before = try snapshot(place)
        let outcome: String
        switch end {
        case .complete:
            let model = try #require(ModelName("rules"))
            outcome = words(of: claim.complete(model: model, seed: 1))
        case .fail: outcome = words(of: claim.fail("no"))
        case .giveBack: outcome = words(of: claim.giveBack(counted: true))
        }
        #expect(outcome == "lost")
        #expect(try snapshot(place) == before)
        #expect(try temporary.bundles() == ["\(place)"])
    }

    private func snapshot(_ bundle: Path) throws -> [String] {
        try temporary.names(bundle).map { name in
            "\(name) \(SHA256.hex(of: try temporary.read(bundle / Path(name))))"
        } + ["\(try temporary.status(bundle).modified)"]
    }

    @Test(arguments: [Loss.requeued, .claimedAgain])
    func `a claim that was lost at once is not made durable`(_ loss: Loss) throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        let place = try lose(loss)
        let before = try snapshot(place)
        let isOurs = try claim.makeDurable()
        #expect(!isOurs)
        #expect(try snapshot(place) == before)
    }

    // R12: nothing is overwritten, and a foreign hand does not stop the worker.
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
        let end = words(of: claim.complete(model: model, seed: 1))
        #expect(end == "lost")
        #expect(try temporary.bundles() == ["running/a@1", "done/a"])
        #expect(try temporary.names("done/a") == ["theirs"])
        #expect(try temporary.record(running).view.status == .completed)
    }

    @Test func `an end that the disk did not allow goes on when it does`() throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        try temporary.write(running / "out.1.part", Sample.png)
        // In the way of the record's temporary name.
        try temporary.makeDirectory(running / "status.1.tmp")
        let model = try #require(ModelName("rules"))
        guard case .stuck(let stuck, let error) = claim.complete(model: model, seed: 1) else {
            Issue.record("not stuck")
            return
        }
        #expect(error.code == .isADirectory)
        #expect(try temporary.leaseState(running) == "busy")
        try temporary.spool.root.removeDirectory(running / "status.1.tmp")
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
