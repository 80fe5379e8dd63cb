import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct DismissalTests {
    let temporary: TemporarySpool
    private let a: JobID

    init() throws {
        temporary = try TemporarySpool()
        a = try JobID("a")
        try temporary.admit("a")
    }

    private func dismiss(as status: JobStatus = .cancelled, _ error: String = "No.") throws
        -> Dismissal
    {
        try temporary.whileBusy {
            let dismissal = try temporary.spool.dismiss(a, as: status, error)
            if case .busy = dismissal { return nil }
            return dismissal
        }
    }

    @Test(arguments: [JobStatus.cancelled, .failed])
    func `a queued job ends in failed with its error, whole`(_ status: JobStatus) throws {
        let before = try temporary.record("queued/a")
        let request = try temporary.read("queued/a/request.json")
        guard case .dismissed(let record) = try dismiss(as: status) else {
            Issue.record("not dismissed")
            return
        }
        #expect(try temporary.bundles() == ["failed/a"])
        #expect(
            try temporary.names("failed/a") == ["a.png", "lease", "request.json", "status.json"])
        #expect(try temporary.read("failed/a/a.png") == Sample.png)
        #expect(try temporary.read("failed/a/request.json") == request)
        let after = try temporary.record("failed/a")
        #expect(after.view.status == status)
        #expect(after.view.error == "No.")
        #expect(!after.view.isDeadLetter)
        #expect(after.claims == 0)
        #expect(after.orderNanoseconds == before.orderNanoseconds)
        #expect(record.view.status == status)
        let ended = try #require(record.view.completedAt)
        #expect(try temporary.status("failed/a").modified == ended.nanoseconds)
        #expect(try temporary.isFree("failed/a"))
    }

    // It went to failed/ with a record that said `processing`, and its view said so for ever.
    @Test(arguments: [JobStatus.processing, .completed, .rejected])
    func `a job that waits is dismissed as told, whatever its record says`(_ status: JobStatus)
        throws
    {
        var record = try temporary.record("queued/a")
        record.view.status = status
        record.view.startedAt = .now
        record.view.progress = 0.5
        try temporary.spool.write(record, in: "queued/a")
        #expect(!record.isDismissed)
        guard case .dismissed(let after) = try dismiss() else {
            Issue.record("not dismissed")
            return
        }
        #expect(after.view.status == .cancelled)
        #expect(after.view.startedAt == nil && after.view.progress == nil)
        #expect(try temporary.record("failed/a").view.status == .cancelled)
    }

    @Test func `a job that somebody holds is not touched`() throws {
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        let before = try temporary.snapshot("queued/a")
        guard case .busy = try temporary.spool.dismiss(a, as: .cancelled, "No.") else {
            Issue.record("not busy")
            return
        }
        #expect(try temporary.snapshot("queued/a") == before)
        #expect(try temporary.spool.holds(lease, of: "queued/a"))
    }

    @Test(arguments: ["running/a@1", "done/a"])
    func `a job that left the queue is gone`(_ place: Path) throws {
        try temporary.spool.root.rename("queued/a", to: place)
        let before = try temporary.snapshot(place)
        guard case .gone = try dismiss() else {
            Issue.record("not gone")
            return
        }
        #expect(try temporary.snapshot(place) == before)
    }

    @Test func `a job without a readable record is left for a person`() throws {
        try temporary.spool.root.remove("queued/a/status.json")
        try temporary.write("queued/a/status.json", "{")
        guard case .damaged = try dismiss() else {
            Issue.record("not damaged")
            return
        }
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(try temporary.text("queued/a/status.json") == "{")
    }

    @Test func `what was decided before a crash stays decided`() throws {
        let ended = Timestamp(nanoseconds: 1_705_314_685_000_000_000)
        try temporary.change("queued/a") {
            $0.dismiss(as: .failed, "Nobody took it.")
            $0.view.completedAt = ended
        }
        _ = try dismiss(as: .cancelled)
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .failed)
        #expect(record.view.error == "Nobody took it.")
        #expect(try temporary.status("failed/a").modified == ended.nanoseconds)
    }

    // R12.
    @Test func `a name that is taken in failed is never overwritten`() throws {
        try temporary.makeDirectory("failed/a")
        try temporary.write("failed/a/theirs", "x")
        #expect(throws: SystemError.self) { try dismiss() }
        #expect(try temporary.bundles() == ["queued/a", "failed/a"])
        #expect(try temporary.names("failed/a") == ["theirs"])
        #expect(try temporary.record("queued/a").view.status == .cancelled)
    }
}
