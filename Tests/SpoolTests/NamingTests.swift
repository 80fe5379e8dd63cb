import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Which name a newcomer gets where an older job has its own.
@Suite struct NamingTests {
    @Test func `a finished job gives way`() throws {
        let watching = try Watching(starts: false)
        try watching.temporary.finish("a", in: "failed")
        try watching.start()
        try watching.drop("a")
        try watching.wait(for: "queued/a", "failed/a~1")
    }

    /// R1, R13.
    @Test func `a finished job that somebody holds gives way when it is let go`() throws {
        let watching = try Watching(starts: false)
        try watching.temporary.finish("a", in: "failed")
        try watching.start()
        guard case .held(let lease) = try watching.temporary.spool.lease("failed/a") else {
            Issue.record("not held")
            return
        }
        try watching.drop("a")
        try watching.pass()
        #expect(try watching.temporary.bundles() == ["failed/a"])
        _ = consume lease
        try watching.wait(for: "queued/a", "failed/a~1")
    }

    /// Whose it is nobody knows.
    @Test func `a finished job whose record cannot be read keeps its name`() throws {
        let watching = try Watching(starts: false)
        try watching.temporary.finish("a", in: "failed")
        try watching.temporary.spool.root.remove("failed/a/status.json")
        try watching.temporary.write("failed/a/status.json", "no record")
        try watching.start()
        try watching.drop("a")
        try watching.wait(for: "queued/a~2", "failed/a")
    }

    @Test func `a finished job of another station keeps its name`() throws {
        let watching = try Watching(starts: false)
        _ = try Stations(watching.temporary.spool).add(try #require(StationName("kiosk")))
        try watching.temporary.finish("kiosk.a", in: "failed")
        try watching.start()
        try watching.drop("a", in: "incoming/kiosk")
        try watching.wait(for: "queued/kiosk.a~2", "failed/kiosk.a")
    }
}

extension TemporarySpool {
    /// A job of no station that has ended.
    fileprivate func finish(_ id: String, in state: Path) throws {
        try admit(id)
        try spool.root.rename("queued" / Path(id), to: state / Path(id))
    }
}
