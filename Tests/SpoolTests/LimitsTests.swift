import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Whose limit is in force: a station's own, or that of the settings.
@Suite struct LimitsTests {
    let temporary: TemporarySpool
    private let stations: Stations

    init() throws {
        temporary = try TemporarySpool { $0.jobsPerMinuteLimit = 7 }
        stations = Stations(temporary.spool)
    }

    private func name(_ text: String) throws -> StationName { try #require(StationName(text)) }

    private func limits() throws -> Limits {
        var limits = Limits(temporary.spool)
        try limits.read()
        return limits
    }

    @Test func `a station has its own limit, none, or that of the settings`() throws {
        _ = try stations.add(try name("kiosk")) { $0.jobsPerMinute = 2 }
        _ = try stations.add(try name("free")) { $0.jobsPerMinute = 0 }
        _ = try stations.add(try name("desk"))
        let limits = try limits()
        #expect(limits.jobsPerMinute(of: try name("kiosk")) == 2)
        #expect(limits.jobsPerMinute(of: try name("free")) == nil)
        #expect(limits.jobsPerMinute(of: try name("desk")) == 7)
        #expect(limits.jobsPerMinute(of: try name("unknown")) == 7)
        #expect(limits.jobsPerMinute(of: nil) == 7)
    }

    @Test(arguments: ["", "limits", "[]", #"{"jobs_per_min": -1}"#, #"{"jobs_per_min": "5"}"#])
    func `a damaged declaration is a station with the settings' limits`(_ text: String) throws {
        _ = try stations.add(try name("kiosk")) { $0.jobsPerMinute = 2 }
        try temporary.write(".spool/stations/desk", text)
        let limits = try limits()
        #expect(limits.terms.count == 2)
        #expect(limits.jobsPerMinute(of: try name("desk")) == 7)
        #expect(limits.jobsPerMinute(of: try name("kiosk")) == 2)
    }

    // Somebody's mistake in one declaration kept the watcher from serving all others.
    @Test func `a declaration that cannot be read keeps the terms it had`() throws {
        _ = try stations.add(try name("kiosk")) { $0.jobsPerMinute = 2 }
        _ = try stations.add(try name("desk")) { $0.jobsPerMinute = 3 }
        var limits = try limits()
        try temporary.spool.root.remove(".spool/stations/desk")
        try temporary.makeDirectory(".spool/stations/desk")
        _ = try stations.add(try name("kiosk")) { $0.jobsPerMinute = 4 }
        try limits.read()
        #expect(limits.jobsPerMinute(of: try name("desk")) == 3)
        #expect(limits.jobsPerMinute(of: try name("kiosk")) == 4)
    }

    @Test func `with a group that is gone nobody but the service reads`() throws {
        _ = try stations.add(try name("kiosk")) { $0.group = "no group has this name" }
        #expect(try limits().readers(of: try name("kiosk")) == .owner)
    }

    @Test func `a station that was withdrawn keeps its readers`() throws {
        _ = try stations.add(try name("kiosk")) { $0.group = "no group has this name" }
        var limits = try limits()
        _ = try stations.withdraw(try name("kiosk"))
        try limits.read()
        #expect(limits.terms.isEmpty)
        #expect(limits.readers(of: try name("kiosk")) == .owner)
        #expect(limits.readers(of: try name("desk")) == nil)
    }
}
