import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct DismissalQueueTests {
    /// A job that nobody took in time went to the end of the queue when the watcher was killed
    /// after it had made the record's temporary file in the bundle.
    @Test func `a dismissal makes no name in a bundle that stands in the queue`() throws {
        let temporary = try TemporarySpool()
        try temporary.admit("a")
        let inotify = try Inotify(try EventLoop()) {}
        _ = try inotify.add(temporary.spool.path / "queued/a", [.created, .movedTo])
        let outcome = try temporary.spool.dismiss(try JobID("a"), as: .failed, "Too late.")
        guard case .dismissed = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(try inotify.drain().map { "\($0.name)" } == ["status.json"])
        #expect(try temporary.bundles() == ["failed/a"])
        #expect(try temporary.names(.hidden("tmp")).isEmpty)
    }
}
