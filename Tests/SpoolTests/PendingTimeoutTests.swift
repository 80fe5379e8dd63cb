import Linux
import SpoolFormat
import Testing

@testable import Spool

/// `JOB_PENDING_TIMEOUT_SECONDS`: a job that nobody takes fails and says so.
@Suite struct PendingTimeoutTests {
    private let watching: Watching
    private var temporary: TemporarySpool { watching.temporary }

    init() throws {
        watching = try Watching(starts: false) { $0.jobPendingTimeout = .milliseconds(200) }
    }

    @Test func `a job that nobody took in time fails and says so`() throws {
        try watching.start()
        try watching.drop("a")
        try watching.wait(for: "failed/a")
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .failed)
        #expect(record.view.error == "No worker took the job within 0.2 s.")
        #expect(!record.view.isDeadLetter)
        let ended = try #require(record.view.completedAt)
        let queued = Timestamp(nanoseconds: record.orderNanoseconds)
        #expect(ended >= queued.advanced(by: .milliseconds(199)), "too early")
        try watching.wait { [watching] in try watching.queue()?.failedCount == 1 }
        #expect(try watching.queue()?.queueSize == 0)
    }

    // Nobody could have taken it while nobody watched: an upgrade must not fail the whole queue.
    @Test func `the time without a watcher does not count`() throws {
        try temporary.admit("a")
        try temporary.change("queued/a") { $0.orderNanoseconds = 7 }
        try temporary.spool.root.directory("queued/a").setModified(7)
        let start = Timestamp.now
        try watching.start()
        try watching.wait(for: "failed/a")
        let ended = try #require(try temporary.record("failed/a").view.completedAt)
        #expect(ended >= start.advanced(by: .milliseconds(199)))
    }

    @Test func `a job that runs, or is not due, is no forgotten one`() throws {
        let due = Timestamp.now.advanced(by: .seconds(3600)).rfc3339
        try temporary.admit("running")
        let claim = try temporary.claim()
        try temporary.admit("later", json: #"{"instruction":"blur","not_before":"\#(due)"}"#)
        try temporary.admit("a")
        try watching.start()
        try watching.wait(for: "queued/later", "running/running@1", "failed/a")
        _ = consume claim
    }

    @Test func `a held job is not forgotten, and its time begins with its release`() throws {
        try temporary.write(".spool/held/a", "")
        try temporary.admit("a", "b")
        try watching.start()
        // The younger one's time is over: so would the older one's be.
        try watching.wait(for: "queued/a", "failed/b")
        let release = Timestamp.now
        try watching.obeyed("a.release")
        try watching.wait(for: "failed/a", "failed/b")
        let ended = try #require(try temporary.record("failed/a").view.completedAt)
        #expect(ended >= release.advanced(by: .milliseconds(199)))
    }

    @Test func `while the spool is paused nobody is forgotten`() throws {
        try temporary.spool.pause()
        try temporary.admit("a")
        try watching.start()
        let late = Moment.now + .milliseconds(250)
        try watching.wait { Moment.now > late }
        // A turn behind the limit.
        try watching.pass()
        #expect(try temporary.bundles() == ["queued/a"])
        let resumed = Timestamp.now
        try temporary.spool.resume()
        try watching.wait(for: "failed/a")
        let ended = try #require(try temporary.record("failed/a").view.completedAt)
        #expect(ended >= resumed.advanced(by: .milliseconds(199)))
    }

    // R7: it may be about to run.
    @Test func `a job that somebody holds is not dismissed`() throws {
        try temporary.admit("a", "b")
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        try watching.start()
        try watching.wait(for: "queued/a", "failed/b")
        try watching.pass()
        #expect(try temporary.bundles() == ["queued/a", "failed/b"])
        #expect(try temporary.record("queued/a").view.status == .queued)
        let end = drop(lease)
        #expect(end)
        try watching.wait(for: "failed/a", "failed/b")
    }

    private func drop(_ lease: consuming Lease) -> Bool { true }
}
