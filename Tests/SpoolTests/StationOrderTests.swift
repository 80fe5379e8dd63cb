import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Who may order what: a station its own jobs, `incoming/` those without station, the inlet all.
@Suite struct StationOrderTests {
    private let watching: Watching
    private var temporary: TemporarySpool { watching.temporary }
    private static let all = ["queued/a", "queued/kiosk.a", "queued/other.a"]

    init() throws {
        watching = try Watching(starts: false)
        let stations = Stations(watching.temporary.spool)
        for name in ["kiosk", "other"] { _ = try stations.add(try #require(StationName(name))) }
        try watching.start()
        for box: Path in [.incoming, "incoming/kiosk", "incoming/other"] {
            try watching.drop("a", in: box)
        }
        try watching.wait { [watching] in try watching.temporary.bundles() == Self.all }
    }

    @Test(arguments: [
        (Path.incoming, Path("a.cancel"), "a"), ("incoming/kiosk", "a.cancel", "kiosk.a"),
        ("incoming/kiosk", "kiosk.a.cancel", "kiosk.a"), (.inlet, "a.cancel", "a"),
        (.inlet, "other.a.cancel", "other.a"),
    ])
    func `each may order its own`(_ box: Path, _ order: Path, _ id: String) throws {
        try watching.obeyed(order, in: box)
        let rest = Self.all.filter { $0 != "queued/\(id)" }
        try watching.wait { [temporary] in try temporary.bundles() == rest + ["failed/\(id)"] }
        #expect(try watching.orders() == [])
    }

    @Test(arguments: [
        (Path.incoming, Path("kiosk.a.cancel")), ("incoming/kiosk", "other.a.cancel"),
        ("incoming/kiosk", "b.cancel"), ("incoming/other", "kiosk.a.hold"),
    ])
    func `nobody may order another's`(_ box: Path, _ order: Path) throws {
        try watching.obeyed(order, in: box)
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == Self.all)
    }

    @Test func `a station retries what is its own`() throws {
        for id in ["a", "kiosk.a"] {
            try temporary.spool.root.rename("queued/\(id)", to: "failed/\(id)")
        }
        try watching.wait { [watching] in watching.watcher?.table.live.count == 1 }
        try watching.obeyed("a.retry", in: "incoming/kiosk")
        try watching.wait(for: "queued/kiosk.a", "queued/other.a", "failed/a")
        #expect(try watching.orders() == [])
    }
}
