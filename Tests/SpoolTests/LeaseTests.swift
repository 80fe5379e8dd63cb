import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R1, the lease rule.
@Suite struct LeaseTests {
    let temporary: TemporarySpool
    private let bundle: Path = "queued/a"

    init() throws {
        temporary = try TemporarySpool()
        try temporary.admit("a")
    }

    @Test func `a free lease is given, and again once it was let go`() throws {
        #expect(try temporary.leaseState(bundle) == "held")
        #expect(try temporary.leaseState(bundle) == "held")
    }

    @Test func `a lease that somebody holds is busy until its holder lets it go`() throws {
        func hold() throws {
            guard case .held(let lease) = try temporary.spool.lease(bundle) else {
                Issue.record("not held")
                return
            }
            #expect(try temporary.leaseState(bundle) == "busy")
            #expect(try temporary.spool.holds(lease, of: bundle))
        }
        try hold()
        #expect(try temporary.leaseState(bundle) == "held")
    }

    @Test(arguments: ["queued/b", "done/a"])
    func `the lease of a bundle that is not there is gone`(_ bundle: Path) throws {
        #expect(try temporary.leaseState(bundle) == "gone")
    }

    @Test func `a bundle without its lease file is gone`() throws {
        try temporary.spool.root.remove(bundle / "lease")
        #expect(try temporary.leaseState(bundle) == "gone")
    }

    // A late locker: it opened the file, then the bundle moved on and another took its name.
    @Test func `a holder finds out that the bundle has moved or its lease was replaced`() throws {
        guard case .held(let lease) = try temporary.spool.lease(bundle) else {
            Issue.record("not held")
            return
        }
        let root = temporary.spool
        try root.root.rename(bundle, to: "done/a")
        #expect(try !root.holds(lease, of: bundle))
        #expect(try root.holds(lease, of: "done/a"))
        try temporary.spool.root.remove("done/a/lease")
        try temporary.write("done/a/lease", "")
        #expect(try !root.holds(lease, of: "done/a"))
    }

    @Test func `the lease file keeps its identity through the job's life`() throws {
        guard case .held(let lease) = try temporary.spool.lease(bundle) else {
            Issue.record("not held")
            return
        }
        #expect(try temporary.status(bundle / "lease").identity == lease.identity)
        try temporary.spool.root.rename(bundle, to: "running/a@1")
        #expect(try temporary.leaseState("running/a@1") == "busy")
    }
}
