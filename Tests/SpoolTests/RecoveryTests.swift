import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Each test stops a worker at one point of a job by letting its claim go, as a crash does.
@Suite struct RecoveryTests {
    let temporary: TemporarySpool
    private let running: Path = "running/a@1"

    init() throws {
        temporary = try TemporarySpool()
        try temporary.admit("a")
    }

    private enum Failure: Error { case notClaimed }

    private func claim() throws -> Claim {
        let queue = try JobQueue(temporary.spool, on: try EventLoop()) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            throw Failure.notClaimed
        }
        return claim
    }

    /// What recovery makes of the one claim there is, once its dead holder's lock is gone.
    private func recover(settings: Settings = Settings()) throws -> Recovery.Outcome {
        _ = try temporary.isFree(running)
        temporary.spool.settings = settings
        return try #require(try Recovery(spool: temporary.spool).run().first).outcome
    }

    private func change(_ edit: (inout JobRecord) -> Void) throws {
        var record = try temporary.record(running)
        edit(&record)
        try temporary.spool.write(record, in: running, claim: 1)
    }

    @Test func `a claim whose record was never written goes back and counts`() throws {
        let order = try temporary.record("queued/a").orderNanoseconds
        do { _ = try claim() }
        #expect(try recover() == .moved(.queued))
        #expect(try temporary.bundles() == ["queued/a"])
        let record = try temporary.record("queued/a")
        #expect(record.claims == 1)
        #expect(record.view.attempts == 1)
        #expect(try temporary.status("queued/a").modified == order)
    }

    @Test func `a job that was cut off goes back to its old place without leftovers`() throws {
        let order = try temporary.record("queued/a").orderNanoseconds
        do {
            var claim = try claim()
            _ = try claim.makeDurable()
            try temporary.write("running/a@1/out.1.part", "half")
            try temporary.write("running/a@1/status.1.tmp", "half")
            try temporary.write("running/a@1/rules_20240115_103125_s1_a1b2c3d4.png", "result")
        }
        let seed = try temporary.record(running).seed
        #expect(try recover() == .moved(.queued))
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
        let record = try temporary.record("queued/a")
        #expect(record.view.attempts == 1)
        #expect(record.view.startedAt == nil)
        #expect(record.seed == seed, "a retry must repeat the seed")
        #expect(try temporary.status("queued/a").modified == order)
    }

    @Test func `a whole result with its completed record is finished, not run again`() throws {
        do {
            var claim = try claim()
            _ = try claim.makeDurable()
            try temporary.write("running/a@1/result.png", Sample.png)
        }
        let end = Timestamp(nanoseconds: 1_705_314_685_000_000_000)
        try change {
            $0.view.status = .completed
            $0.view.completedAt = end
            $0.view.resultPath = "result.png"
        }
        #expect(try recover() == .moved(.completed))
        #expect(try temporary.bundles() == ["done/a"])
        #expect(try temporary.read("done/a/result.png") == Sample.png)
        #expect(try temporary.status("done/a").modified == end.nanoseconds)
    }

    @Test func `a completed record without a whole result is not believed`() throws {
        do {
            var claim = try claim()
            _ = try claim.makeDurable()
            try temporary.write("running/a@1/result.png", Array(Sample.png.dropLast()))
        }
        try change {
            $0.view.status = .completed
            $0.view.completedAt = .now
            $0.view.resultPath = "result.png"
        }
        #expect(try recover() == .moved(.queued))
        let view = try temporary.record("queued/a").view
        #expect(view.resultPath == nil)
        #expect(view.completedAt == nil)
        #expect(try !temporary.exists("queued/a/result.png"))
    }

    @Test(arguments: [
        (JobStatus.failed, "failed/a", 1), (.cancelled, "failed/a", 1), (.queued, "queued/a", 1),
    ])
    func `an end that was decided is reached`(
        _ status: JobStatus, _ place: String, _ attempts: Int
    ) throws {
        do {
            var claim = try claim()
            _ = try claim.makeDurable()
        }
        try change { $0.view.status = status }
        #expect(try recover() == .moved(status))
        #expect(try temporary.bundles() == [place])
        #expect(try temporary.record(Path(place)).view.attempts == attempts)
    }

    @Test func `a job whose attempts are used up is a dead letter`() throws {
        do { _ = try claim() }
        var settings = Settings()
        settings.maxAttempts = 1
        #expect(try recover(settings: settings) == .moved(.failed))
        let view = try temporary.record("failed/a").view
        #expect(view.isDeadLetter)
        #expect(view.error == "The worker died once while it ran this job.")
    }

    // R9: a cancelled job is never queued again.
    @Test func `a job that was to be cancelled ends cancelled`() throws {
        do { _ = try claim() }
        var orders = try Orders(temporary.spool)
        try orders.give(.cancel, for: try JobID("a"))
        #expect(try recover() == .moved(.cancelled))
        #expect(try temporary.bundles() == ["failed/a"])
        let view = try temporary.record("failed/a").view
        #expect(view.status == .cancelled)
        #expect(view.error == "The job was cancelled.")
    }

    @Test func `a whole result goes before an order to cancel`() throws {
        do {
            var claim = try claim()
            _ = try claim.makeDurable()
            try temporary.write("running/a@1/result.png", Sample.png)
        }
        try change {
            $0.view.status = .completed
            $0.view.completedAt = .now
            $0.view.resultPath = "result.png"
        }
        var orders = try Orders(temporary.spool)
        try orders.give(.cancel, for: try JobID("a"))
        #expect(try recover() == .moved(.completed))
        #expect(try temporary.bundles() == ["done/a"])
    }

    @Test func `a run that was cut off is followed by another one, which counts`() throws {
        do { _ = try claim() }
        #expect(try recover() == .moved(.queued))
        let record = try temporary.record("queued/a")
        #expect(record.retries == 1)
        #expect(record.dueNanoseconds == 0, "a dead worker is not the job's fault")
    }

    @Test func `a living worker's claim is left alone`() throws {
        let claim = try claim()
        #expect(try Recovery(spool: temporary.spool).run().map(\.outcome) == [.alive])
        #expect(try temporary.bundles() == ["running/a@1"])
        _ = consume claim
    }

    @Test func `a claim number is never used again`() throws {
        do { _ = try claim() }
        _ = try recover()
        let second = try claim()
        #expect(second.attempt.claim == 2)
        _ = consume second
    }

    @Test func `an unreadable record is left for a person`() throws {
        do { _ = try claim() }
        try temporary.spool.root.remove(running / "status.json")
        try temporary.write(running / "status.json", "{")
        #expect(try recover() == .damaged)
        #expect(try temporary.bundles() == ["running/a@1"])
    }

    @Test func `two recoveries at once move a job once`() throws {
        do { _ = try claim() }
        _ = try temporary.isFree(running)
        let path = temporary.spool.path
        let moved = try inThreads(4) { _ in
            let spool = try Spool(path, settings: Settings(), log: Log())
            return try Recovery(spool: spool).run().filter { $0.outcome == .moved(.queued) }.count
        }
        #expect(moved.reduce(0, +) == 1)
        #expect(try temporary.record("queued/a").view.attempts == 1)
    }
}
