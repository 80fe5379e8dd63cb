import Linux
import SpoolFormat
import Testing

@testable import Spool

/// One thing that cannot be read is a finding of its own.
@Suite struct VerificationUnreadableTests {
    // Each ended verify, and hid whatever else was wrong.
    @Test(arguments: ["status/d.json", "rejected", "failed/f", "done/d"])
    func `what cannot be read hides nothing else`(_ path: Path) throws {
        let wreck = try Wreck()
        try putLink(path, in: wreck)
        try wreck.remove("queued/p/lease")
        let found = try Verification(wreck.spool).run().findings.filter { $0.severity == .error }
        #expect(found.contains { $0.path == "queued/p" })
        #expect(path == "status/d.json" || found.contains { "\($0.path)".hasPrefix("\(path)") })
    }

    /// Puts a link in the place of what stands there.
    private func putLink(_ path: Path, in wreck: Wreck) throws {
        if try wreck.temporary.exists(path) { try wreck.spool.root.rename(path, to: "moved") }
        try wreck.temporary.link(path, to: "\(wreck.spool.path)/moved")
    }
}
