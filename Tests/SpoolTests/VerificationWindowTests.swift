import Linux
import SpoolFormat
import Testing

@testable import Spool

/// What a crash may leave (PROTOCOL.md, the table of transitions) is no damage.
@Suite struct VerificationWindowTests {
    typealias Damage = VerificationTests.Damage

    static let windows: [Damage] = [
        Damage("a staged bundle that is empty", "note .spool/staging/s") {
            try $0.temporary.makeDirectory(.staging(try JobID("s")))
        },
        Damage("a staged bundle with half an intention", "note .spool/staging/s") {
            let bundle = Path.staging(try JobID("s"))
            try $0.temporary.makeDirectory(bundle)
            try $0.temporary.write(bundle / "lease", [], mode: 0o600)
            try $0.temporary.write(bundle / ".members", "{")
        },
        Damage("a staged bundle whose files are taken", "note .spool/staging/s") {
            let drop = try $0.temporary.pair("s")
            let bundle = Path.staging(try JobID("s"))
            try $0.temporary.makeDirectory(bundle)
            try $0.temporary.write(bundle / "lease", [], mode: 0o600)
            try $0.temporary.write(bundle / ".members", JSONText.encode(Membership(drop)))
            try $0.spool.root.rename("incoming/s.png", to: bundle / "s.png")
        },
        Damage("a staged bundle that is to be published", "note .spool/staging/p") {
            try $0.spool.root.rename("queued/p", to: .staging(try JobID("p")))
        },
        Damage("a claim whose record was not written", "note running/p@1", "note running/n@1") {
            try $0.spool.root.rename("queued/p", to: "running/p@1")
        },
        Damage("a claim that had completed", "note running/n@1") {
            try $0.change("running/n@1") { $0.view.status = .completed }
        },
        Damage("a claim that was given back", "note running/n@1") {
            try $0.change("running/n@1") { $0.view.status = .queued }
        },
        Damage("a job that was being cancelled", "note queued/p", "note running/n@1") {
            try $0.temporary.write(.order(.cancel, try JobID("p")), "")
            try $0.change("queued/p") { $0.dismiss(as: .cancelled, "No.") }
            try $0.spool.root.directory("queued/p").setModified(7)
        },
        Damage("a job that was being retried", "note running/n@1", "note failed/f") {
            try $0.temporary.write(.order(.retry, try JobID("f")), "")
            try $0.change("failed/f") { $0.view.status = .queued }
            try $0.spool.root.directory("failed/f").setModified(7)
        },
        Damage("a refusal that was being retried", "note running/n@1", "note rejected/r") {
            try $0.temporary.write(.order(.retry, try JobID("r")), "")
            try $0.remove("rejected/r/reason.json")
        },
        Damage("a name that was given away", "note running/n@1") {
            try $0.spool.root.rename("done/d", to: "done/d~1")
        },
        Damage("an order for nobody", "note .spool/cancel/x") {
            try $0.temporary.write(.order(.cancel, try JobID("x")), "")
        },
        Damage("a stamp that was not flushed", "note .spool/stamp") {
            try $0.spool.root.remove(.hidden("stamp"))
        },
        Damage("trash", "note .spool/trash", "note status") {
            try $0.spool.root.rename("done/d", to: .hidden("trash/d.1.1"))
        },
    ]

    @Test(arguments: windows)
    func `what the service puts right by itself is a note, and only at rest`(window: Damage) throws
    {
        let wreck = try Wreck()
        try window.make(wreck)
        let atRest = try wreck.check()
        #expect(!atRest.isBroken, "\(atRest.findings)")
        let notes = Set(atRest.findings.map { "\($0.severity.rawValue) \($0.path)" })
        #expect(notes.isSuperset(of: window.found), "\(atRest.findings)")
        let lock = try wreck.spool.root.openOrCreate(.hidden("watcher.lock"), mode: 0o644)
        let isLocked = try lock.tryLock()
        try #require(isLocked)
        let inUse = try wreck.check()
        #expect(inUse.findings.isEmpty, "\(inUse.findings)")
        _ = consume lock
    }
}
