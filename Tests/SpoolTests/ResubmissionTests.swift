import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Failed and refused jobs go back to the queue.
@Suite struct ResubmissionTests {
    let temporary: TemporarySpool
    private let order: Int64 = 1_905_314_685_000_000_007

    init() throws { temporary = try TemporarySpool() }

    /// What came of it, in words.
    private func run(_ state: JobState) throws -> String {
        let again = Resubmission(spool: temporary.spool, id: try JobID("a"), state: state)
        return try temporary.whileBusy {
            switch try again.run(order: { () throws(SystemError) in order }) {
            case .queued: "queued"
            case .refused(_, let refusal): "\(refusal.code.rawValue): \(refusal.detail)"
            case .busy: nil
            case .gone: "gone"
            }
        }
    }

    @Test func `a failed job is queued as new, but for its history`() throws {
        let json = #"{"instruction":"blur","system_prompt":"be kind","metadata":{"n":1}}"#
        try temporary.admit("a", json: json)
        let end = words(of: try temporary.claim().fail("Too dark.", deadLetter: true))
        #expect(end == "moved")
        try temporary.change("failed/a") {
            $0.claims = 4
            $0.retries = 2
            $0.pipelineKills = 2
            $0.view.attempts = 3
            $0.view.station = "kiosk"
            $0.dueNanoseconds = order + 5
        }
        let before = try temporary.record("failed/a")
        let lease = try temporary.status("failed/a/lease").identity
        let image = try temporary.status("failed/a/a.png").identity
        #expect(try run(.failed) == "queued")
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
        #expect(try temporary.read("queued/a/a.png") == Sample.png)
        #expect(try temporary.status("queued/a/a.png").identity == image)
        #expect(try temporary.text("queued/a/request.json") == json)
        #expect(try temporary.status("queued/a/lease").identity == lease)
        #expect(try temporary.status("queued/a").modified == order)

        var expected = before
        expected.view.status = .queued
        expected.view.attempts = 0
        expected.view.error = nil
        expected.view.startedAt = nil
        expected.view.completedAt = nil
        expected.view.progress = nil
        expected.view.isDeadLetter = false
        expected.orderNanoseconds = order
        expected.dueNanoseconds = 0
        expected.retries = 3
        expected.pipelineKills = 0
        var after = try temporary.record("queued/a")
        after.view.updatedAt = expected.view.updatedAt
        #expect(after == expected)
        // The names of attempts never repeat.
        let claim = try temporary.claim()
        #expect(claim.attempt.claim == 5)
    }

    @Test func `a job that was cancelled in the queue never ran, so this is no retry`() throws {
        try temporary.admit("a")
        _ = try temporary.whileBusy {
            if case .dismissed(let record) = try temporary.spool.dismiss(
                try JobID("a"), as: .cancelled, "No.")
            {
                record
            } else {
                nil
            }
        }
        #expect(try run(.failed) == "queued")
        let record = try temporary.record("queued/a")
        #expect(record.view.status == .queued)
        #expect(record.retries == 0)
        #expect(record.claims == 0)
    }

    @Test func `a drop that was refused for want of room comes in without its reason`() throws {
        try temporary.refuse("a")
        #expect(try temporary.names("rejected/a").contains("reason.json"))
        #expect(try run(.rejected) == "queued")
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
        let record = try temporary.record("queued/a")
        #expect(record.view.reason == nil)
        #expect(record.view.error == nil)
        #expect(record.view.instruction == "blur")
        #expect(record.view.sha256 == SHA256.hex(of: Sample.png))
        #expect(record.image == "a.png")
        let claim = try temporary.claim()
        #expect(claim.attempt.claim == 1)
    }

    @Test func `a job that is not due before a time still is not`() throws {
        let due = Timestamp.now.advanced(by: .seconds(3600)).rfc3339
        try temporary.admit("a", json: #"{"instruction":"blur","not_before":"\#(due)"}"#)
        try temporary.spool.root.rename("queued/a", to: "failed/a")
        let again = Resubmission(spool: temporary.spool, id: try JobID("a"), state: .failed)
        _ = try temporary.whileBusy {
            if case .queued(let record) = try again.run(order: { () throws(SystemError) in 5 }) {
                record
            } else {
                nil
            }
        }
        let record = try temporary.record("queued/a")
        #expect(Timestamp(nanoseconds: record.dueNanoseconds).rfc3339 == due)
        #expect(try temporary.status("queued/a").modified == record.dueNanoseconds)
    }

    // MARK: Refused

    enum Fault: CaseIterable {
        case noImage, noRequest, cutImage, badRequest, stranger

        var answer: String {
            switch self {
            case .noImage, .noRequest:
                "incomplete_bundle: It has no whole JSON and image. Drop both again."
            case .cutImage: "incomplete_bundle: 'a.png': the PNG's end marker is missing."
            case .badRequest: "invalid_request: "
            case .stranger:
                "invalid_request: It also holds 'notes.txt'; only one JSON and one image are "
                    + "allowed. Drop both again without it."
            }
        }
    }

    @Test(arguments: Fault.allCases, [JobState.failed, .rejected])
    func `what would be refused again stays where it is and says so`(
        _ fault: Fault, _ state: JobState
    ) throws {
        if state == .failed { try temporary.admitAndFail("a") } else { try temporary.refuse("a") }
        let bundle = Path("\(state.rawValue)/a")
        let ended = try temporary.record(bundle).view.completedAt
        try damage(bundle, fault)
        let files = try temporary.names(bundle)
        let answer = try run(state)
        #expect(answer.hasPrefix(fault.answer), "\(answer)")
        #expect(try temporary.bundles() == ["\(state.rawValue)/a"])
        #expect(try temporary.names(bundle) == files)
        let record = try temporary.record(bundle)
        #expect(record.view.status == (state == .failed ? .failed : .rejected))
        #expect(record.view.error?.hasPrefix("It cannot be retried: ") == true)
        #expect((record.view.reason == nil) == (state == .failed))
        // Its time to live goes on as it did.
        #expect(record.view.completedAt == ended)
        let modified = Timestamp(nanoseconds: try temporary.status(bundle).modified)
        #expect(modified.rfc3339 == ended?.rfc3339)
    }

    private func damage(_ bundle: Path, _ fault: Fault) throws {
        switch fault {
        case .noImage: try temporary.spool.root.remove(bundle / "a.png")
        case .noRequest: try temporary.spool.root.remove(bundle / "request.json")
        case .cutImage: try temporary.rename(into: bundle / "a.png", Array(Sample.png.dropLast(8)))
        case .badRequest: try temporary.rename(into: bundle / "request.json", "{}")
        case .stranger: try temporary.write(bundle / "notes.txt", "mine")
        }
    }

    @Test func `what workers left in the bundle is no stranger and goes`() throws {
        try temporary.admitAndFail("a")
        try temporary.write("failed/a/out.1.part", "half")
        try temporary.write("failed/a/status.1.tmp", "{")
        #expect(try run(.failed) == "queued")
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
    }

    // MARK: Others

    @Test func `a job that somebody holds waits`() throws {
        try temporary.admitAndFail("a")
        guard case .held(let lease) = try temporary.spool.lease("failed/a") else {
            Issue.record("not held")
            return
        }
        let before = try temporary.snapshot("failed/a")
        let again = Resubmission(spool: temporary.spool, id: try JobID("a"), state: .failed)
        guard case .busy = try again.run(order: { () throws(SystemError) in order }) else {
            Issue.record("not busy")
            return
        }
        #expect(try temporary.snapshot("failed/a") == before)
        #expect(try temporary.spool.holds(lease, of: "failed/a"))
    }

    @Test func `what is not there, or cannot be read, is gone`() throws {
        #expect(try run(.failed) == "gone")
        try temporary.admitAndFail("a")
        try temporary.rename(into: "failed/a/status.json", "{")
        #expect(try run(.failed) == "gone")
        #expect(try temporary.bundles() == ["failed/a"])
    }

    // A crash behind the record leaves the bundle where it was: the order still stands.
    @Test(arguments: [JobState.failed, .rejected])
    func `after a crash before the rename it is done again, and counted once`(_ state: JobState)
        throws
    {
        if state == .failed { try temporary.admitAndFail("a") } else { try temporary.refuse("a") }
        // In the way of the rename.
        try temporary.makeDirectory("queued/a")
        #expect(throws: SystemError.self) { try run(state) }
        #expect(try temporary.record("\(state.rawValue)/a").view.status == .queued)
        try temporary.spool.root.removeDirectory("queued/a")
        #expect(try run(state) == "queued")
        #expect(try temporary.bundles() == ["queued/a"])
        let record = try temporary.record("queued/a")
        #expect(record.retries == (state == .failed ? 1 : 0))
        #expect(record.claims == (state == .failed ? 1 : 0))
        #expect(try temporary.status("queued/a").modified == order)
        #expect(try temporary.read("queued/a/a.png") == Sample.png)
    }
}
