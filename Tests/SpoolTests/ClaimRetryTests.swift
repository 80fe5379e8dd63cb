import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Runs that failed and may be repeated, and orders that meet a claim.
@Suite struct ClaimRetryTests {
    let temporary: TemporarySpool

    init() throws {
        temporary = try TemporarySpool { $0.jobRetryDelay = .seconds(100) }
        try temporary.admit("a")
    }

    private func retry(killed: Bool = false) throws -> String {
        words(of: try temporary.claim().retry("Out of memory.", killedPipeline: killed))
    }

    /// Makes a job due that waits for its next run.
    private func makeDue() throws {
        try temporary.change("queued/a") { $0.dueNanoseconds = 1 }
    }

    // MARK: Delay

    @Test func `a retryable failure comes back later, by its mtime and its record`() throws {
        let order = try temporary.record("queued/a").orderNanoseconds
        let before = Timestamp.now
        #expect(try retry() == "moved")
        let after = Timestamp.now
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
        let record = try temporary.record("queued/a")
        #expect(record.view.status == .queued)
        #expect(record.view.attempts == 1)
        #expect(record.view.error == "Out of memory.")
        #expect(record.view.startedAt == nil)
        #expect(record.claims == 1)
        #expect(record.retries == 1)
        #expect(record.pipelineKills == 0)
        #expect(record.orderNanoseconds == order)
        let due = Timestamp(nanoseconds: record.dueNanoseconds)
        #expect(due >= before.advanced(by: .seconds(100)))
        #expect(due <= after.advanced(by: .seconds(125)))
        #expect(try temporary.status("queued/a").modified == record.dueNanoseconds)
        // It is not claimed before, and the worker knows when to ask.
        try temporary.admit("b")
        let queue = try JobQueue(temporary.spool, on: try EventLoop()) {}
        let isClaimed = try eventually { try queue.claimOne() == "b@1" }
        #expect(isClaimed)
        #expect(try queue.wait().due == record.dueNanoseconds)
    }

    @Test func `the second wait is twice as long`() throws {
        #expect(try retry() == "moved")
        try makeDue()
        let before = Timestamp.now
        #expect(try retry() == "moved")
        let record = try temporary.record("queued/a")
        #expect(record.view.attempts == 2)
        #expect(record.retries == 2)
        let due = Timestamp(nanoseconds: record.dueNanoseconds)
        #expect(due >= before.advanced(by: .seconds(200)))
        #expect(due <= Timestamp.now.advanced(by: .seconds(250)))
    }

    // MARK: Dead letters

    @Test func `at MAX_ATTEMPTS the job is a dead letter`() throws {
        temporary.spool.settings.maxAttempts = 2
        #expect(try retry() == "moved")
        try makeDue()
        #expect(try retry() == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .failed)
        #expect(record.view.isDeadLetter)
        #expect(record.view.error == "Out of memory.")
        #expect(record.view.attempts == 2)
        #expect(record.retries == 1, "no run followed the last one")
        #expect(record.claims == 2)
    }

    @Test func `a job that kills its pipeline twice is a dead letter`() throws {
        temporary.spool.settings.maxAttempts = 10
        #expect(try retry(killed: true) == "moved")
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(try temporary.record("queued/a").pipelineKills == 1)
        try makeDue()
        // What fails otherwise in between does not make it harmless.
        #expect(try retry() == "moved")
        #expect(try temporary.record("queued/a").pipelineKills == 1)
        try makeDue()
        #expect(try retry(killed: true) == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
        let record = try temporary.record("failed/a")
        #expect(record.view.isDeadLetter)
        #expect(record.pipelineKills == 2)
        #expect(record.view.attempts == 3)
    }

    @Test func `a job that is given back is not counted, and can still be tried as often`() throws {
        temporary.spool.settings.maxAttempts = 1
        for _ in 1...3 {
            let end = words(of: try temporary.claim().giveBack(counted: false))
            #expect(end == "moved")
            let record = try temporary.record("queued/a")
            #expect(record.view.attempts == 0)
            #expect(record.retries == 0)
            #expect(try temporary.status("queued/a").modified == record.orderNanoseconds)
        }
        #expect(try temporary.record("queued/a").claims == 3)
    }

    // MARK: Cancel

    enum End: CaseIterable { case cancel, giveBack, giveBackCounted, retry, retryAfterKill }

    // R9: a cancelled job is never queued again.
    @Test(arguments: End.allCases)
    func `a claim with an order to cancel ends cancelled`(_ end: End) throws {
        let claim = try temporary.claim()
        try temporary.write(claim.attempt.path / "out.1.part", "half")
        if end != .cancel {
            var orders = try Orders(temporary.spool)
            try orders.give(.cancel, for: try JobID("a"))
        }
        let outcome =
            switch end {
            case .cancel: words(of: claim.cancel())
            case .giveBack: words(of: claim.giveBack(counted: false))
            case .giveBackCounted: words(of: claim.giveBack(counted: true))
            case .retry: words(of: claim.retry("No.", killedPipeline: false))
            case .retryAfterKill: words(of: claim.retry("No.", killedPipeline: true))
            }
        #expect(outcome == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
        #expect(
            try temporary.names("failed/a") == ["a.png", "lease", "request.json", "status.json"])
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .cancelled)
        #expect(record.view.error == "The job was cancelled.")
        #expect(!record.view.isDeadLetter)
        let modified = Timestamp(nanoseconds: try temporary.status("failed/a").modified)
        #expect(modified.rfc3339 == record.view.completedAt?.rfc3339)
    }

    @Test func `a result that was whole first wins`() throws {
        let claim = try temporary.claim()
        try temporary.write("running/a@1/out.1.part", Sample.png)
        var orders = try Orders(temporary.spool)
        try orders.give(.cancel, for: try JobID("a"))
        let model = try #require(ModelName("rules"))
        let end = words(of: claim.complete(model: model, seed: 1))
        #expect(end == "moved")
        #expect(try temporary.bundles() == ["done/a"])
        #expect(try temporary.record("done/a").view.status == .completed)
    }
}

extension AttemptName {
    /// Where its bundle stands.
    var path: Path { .bundle(self) }
}
