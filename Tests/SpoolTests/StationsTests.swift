import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct StationsTests {
    let temporary: TemporarySpool
    private let stations: Stations

    init() throws {
        temporary = try TemporarySpool()
        stations = Stations(temporary.spool)
    }

    private func name(_ text: String) throws -> StationName { try #require(StationName(text)) }

    @Test func `a station has a declaration and a drop box`() throws {
        let path = try stations.add(try name("Kiosk 2"))
        #expect(path == temporary.spool.path / "incoming/Kiosk 2")
        #expect(try temporary.names(.incoming) == ["Kiosk 2"])
        #expect(try temporary.names(".spool/stations") == ["Kiosk 2"])
        #expect(try temporary.status(".spool/stations/Kiosk 2").mode == 0o600)
        #expect(try stations.list().map(\.description) == ["Kiosk 2"])
    }

    @Test func `declaring a station again changes nothing`() throws {
        _ = try stations.add(try name("kiosk"))
        try temporary.spool.root.remove(".spool/stations/kiosk")
        try temporary.write(".spool/stations/kiosk", "limits")
        try temporary.write("incoming/kiosk/a.png", "x")
        _ = try stations.add(try name("kiosk"))
        #expect(try temporary.text(".spool/stations/kiosk") == "limits")
        #expect(try temporary.names("incoming/kiosk") == ["a.png"])
    }

    @Test func `a station's terms are replaced, and what is not changed stays`() throws {
        let kiosk = try name("kiosk")
        _ = try stations.add(kiosk) { $0.jobsPerMinute = 5 }
        #expect(try temporary.text(".spool/stations/kiosk").contains("\"jobs_per_min\" : 5"))
        #expect(try temporary.status(".spool/stations/kiosk").mode == 0o600)
        _ = try stations.add(kiosk)
        #expect(try stations.terms(of: kiosk)?.jobsPerMinute == 5)
        _ = try stations.add(kiosk) { $0.jobsPerMinute = 6 }
        #expect(try stations.terms(of: kiosk)?.jobsPerMinute == 6)
        #expect(try temporary.names(".spool/tmp") == [])
        #expect(try stations.terms(of: try name("other")) == nil)
    }

    @Test func `stations are listed by name, and nothing else is`() throws {
        for text in ["b", "a", "C"] { _ = try stations.add(try name(text)) }
        try temporary.write(".spool/stations/.odd!", "x")
        #expect(try stations.list().map(\.description) == ["C", "a", "b"])
    }

    @Test func `a station is withdrawn with its empty drop box`() throws {
        _ = try stations.add(try name("kiosk"))
        guard case .removed = try stations.withdraw(try name("kiosk")) else {
            Issue.record("not removed")
            return
        }
        #expect(try temporary.names(.incoming) == [])
        #expect(try stations.list().isEmpty)
        guard case .unknown = try stations.withdraw(try name("kiosk")) else {
            Issue.record("removed twice")
            return
        }
    }

    @Test func `a station whose box holds files stays`() throws {
        _ = try stations.add(try name("kiosk"))
        try temporary.write("incoming/kiosk/a.png", "x")
        guard case .holdsFiles(let names) = try stations.withdraw(try name("kiosk")) else {
            Issue.record("removed")
            return
        }
        #expect(names == ["a.png"])
        #expect(try stations.list().count == 1)
    }

    @Test func `a station whose box is gone can be withdrawn`() throws {
        _ = try stations.add(try name("kiosk"))
        try temporary.spool.root.removeDirectory("incoming/kiosk")
        guard case .removed = try stations.withdraw(try name("kiosk")) else {
            Issue.record("not removed")
            return
        }
    }

    /// Whoever it was open to before.
    @Test func `with a group that is not there a drop box is the service's own`() throws {
        let kiosk = try name("kiosk")
        _ = try stations.add(kiosk)
        _ = try stations.add(kiosk) { $0.group = "no group has this name" }
        #expect(try temporary.status("incoming/kiosk").mode & 0o077 == 0)
    }

    // MARK: Groups

    /// Who may look besides the owner, as the mode tells: with a list, its group bits are its mask.
    private func boxMode() throws -> UInt32 { try temporary.status("incoming/kiosk").mode }

    @Test func `a box is closed by a group, and opened when that is taken away`() throws {
        let kiosk = try name("kiosk")
        _ = try stations.add(kiosk) { $0.group = "games" }
        #expect(try boxMode() & 0o007 == 0)
        _ = try stations.add(kiosk) { $0.group = nil }
        #expect(try boxMode() == 0o755)
        // A second change has nothing to open: an operator's own mode stays.
        #expect(try temporary.text(".spool/stations/kiosk").filter { !$0.isWhitespace } == "{}")
        try temporary.spool.root.setMode(of: "incoming/kiosk", 0o700)
        _ = try stations.add(kiosk) { $0.jobsPerMinute = 5 }
        #expect(try boxMode() == 0o700)
    }

    /// As a crash leaves it before the box is open. It stayed closed for good.
    private func cutOff() throws {
        _ = try stations.add(try name("kiosk")) { $0.group = "games" }
        try temporary.spool.root.remove(".spool/stations/kiosk")
        try temporary.write(".spool/stations/kiosk", #"{"opens_drop_box": true}"#)
    }

    @Test func `a box that was to be opened is opened by the next command`() throws {
        try cutOff()
        _ = try stations.add(try name("kiosk"))
        #expect(try boxMode() == 0o755)
        #expect(try stations.terms(of: try name("kiosk")) == StationTerms())
    }

    @Test func `a box that was to be opened is opened by the next watcher`() throws {
        try cutOff()
        let watcher = try Watcher.start(temporary.spool, on: EventLoop())
        #expect(try boxMode() == 0o755)
        withExtendedLifetime(watcher) {}
    }

    @Test func `another group closes a box that was to be opened`() throws {
        try cutOff()
        _ = try stations.add(try name("kiosk")) { $0.group = "users" }
        #expect(try boxMode() & 0o007 == 0)
        #expect(try stations.terms(of: try name("kiosk"))?.opensDropBox == false)
    }

    /// The bundle of an ended job stayed closed when its group was taken away with no watcher there.
    @Test func `what is there follows at the watcher's start`() throws {
        let kiosk = try name("kiosk")
        _ = try stations.add(kiosk) { $0.group = "games" }
        try temporary.admit("a", of: "kiosk")
        try temporary.spool.root.rename("queued/kiosk.a", to: "failed/kiosk.a")
        let steps: [(String?, UInt32)] = [("games", 0o750), (nil, 0o755), ("users", 0o750)]
        for (group, mode) in steps {
            _ = try stations.add(kiosk) { $0.group = group }
            let watcher = try Watcher.start(temporary.spool, on: EventLoop())
            #expect(try temporary.status("failed/kiosk.a").mode == mode)
            withExtendedLifetime(watcher) {}
        }
    }
}
