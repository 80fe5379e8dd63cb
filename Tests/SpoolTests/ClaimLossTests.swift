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

    enum End: CaseIterable { case durable, complete, fail, giveBack }

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
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        // A replaced lease is found by the ends; the first record is written before any of them.
        if loss == .replaced, end == .durable { return }
        try temporary.write(running / "out.1.part", Sample.png)
        let place = try lose(loss)
        let before = try snapshot(place)
        switch end {
        case .durable: #expect(try claim.makeDurable() == .lost)
        case .complete:
            let model = try #require(ModelName("rules"))
            #expect(try claim.complete(model: model, seed: 1) == .lost)
        case .fail: #expect(try claim.fail("no") == .lost)
        case .giveBack: #expect(try claim.giveBack(counted: true) == .lost)
        }
        #expect(try snapshot(place) == before)
        #expect(try temporary.bundles() == ["\(place)"])
    }

    private func snapshot(_ bundle: Path) throws -> [String] {
        try temporary.names(bundle).map { name in
            "\(name) \(SHA256.hex(of: try temporary.read(bundle / Path(name))))"
        } + ["\(try temporary.status(bundle).modified)"]
    }

    // R12: nothing is overwritten; recovery finishes what stands in running/ with its result.
    @Test func `a name that is taken in done stops completion before the rename`() throws {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        try temporary.write(running / "out.1.part", Sample.png)
        try temporary.makeDirectory("done/a")
        try temporary.write("done/a/theirs", "x")
        let model = try #require(ModelName("rules"))
        var code: SystemError.Code?
        do throws(SystemError) {
            _ = try claim.complete(model: model, seed: 1)
        } catch { code = error.code }
        #expect(code == .exists)
        #expect(try temporary.bundles() == ["running/a@1", "done/a"])
        #expect(try temporary.names("done/a") == ["theirs"])
        #expect(try temporary.record(running).view.status == .completed)
    }
}
