import Linux
import SpoolFormat
import Testing

@testable import Spool

/// `ORDER=fair`: who is next.
@Suite struct TurnsTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool { $0.order = .fair }
        loop = try EventLoop()
    }

    private func queue() throws -> JobQueue { try JobQueue(temporary.spool, on: loop) {} }

    private func sender(_ item: String) -> StationName? { StationName(String(item.prefix(1))) }

    @Test func `each sender is served once a round, those first that waited longest`() throws {
        let (a, b) = (try #require(StationName("a")), try #require(StationName("b")))
        let items = ["b1", "b2", "b3", "a1", " 1", "a2"]
        #expect(
            Turns().ordered(items, sender: sender) == ["b1", "a1", " 1", "b2", "a2", "b3"])
        let turns = Turns([a: 5, b: 7, nil: 6])
        #expect(turns.ordered(items, sender: sender) == ["a1", " 1", "b1", "a2", "b2", "b3"])
        #expect(turns.bySender(items, sender: sender) == ["a1", "a2", " 1", "b1", "b2", "b3"])
    }

    // After a clock that was wrong, its last sender was served last for ever, or always first.
    @Test func `a turn is later than all others, whatever the clock says`() {
        #expect(Turns([nil: 900]).next(at: 5) == 901)
        #expect(Turns([nil: 900]).next(at: 1000) == 1000)
        #expect(Turns().next(at: 5) == 5)
    }

    @Test func `stations are served by turns, also after a restart`() throws {
        for stem in ["a", "b", "c"] { try temporary.admit(stem, of: "kiosk") }
        try temporary.admit("d", of: "desk")
        try temporary.admit("e", of: nil)
        var claims: [String] = []
        // Each with a queue of its own, as after a restart.
        for _ in 1...3 { claims.append(try queue().claimOne() ?? "none") }
        try temporary.admit("f", of: "desk")
        claims += try queue().claimAll()
        #expect(
            claims == [
                "kiosk.a@1", "desk.d@1", "e@1", "kiosk.b@1", "desk.f@1", "kiosk.c@1",
            ])
    }

    @Test func `whose first job cannot run has its second run`() throws {
        for stem in ["a", "b"] { try temporary.admit(stem, of: "kiosk") }
        try temporary.admit("c", of: "desk")
        try temporary.write(".spool/held/kiosk.a", "")
        #expect(try queue().claimAll() == ["kiosk.b@1", "desk.c@1"])
        // The next worker may choose.
        let isFree = try eventually { try temporary.spool.lockTurns() != nil }
        #expect(isFree)
    }

    // Both chose before either had noted whose turn it was.
    @Test func `two workers that look at once serve two stations`() throws {
        for number in 1...8 { try temporary.admit("\(number)", of: "kiosk") }
        for number in 1...8 { try temporary.admit("\(number)", of: "desk") }
        let path = temporary.spool.path
        let settings = temporary.spool.settings
        for _ in 1...8 {
            let claims = try inThreads(2) { _ in
                let spool = try Spool(path, settings: settings, log: Log())
                return try JobQueue(spool, on: try EventLoop()) {}.claimOne() ?? "none"
            }
            #expect(Set(claims.map { $0.prefix(2) }) == ["ki", "de"], "\(claims)")
        }
    }

    // A process that is stopped in the middle of its choice held up all others.
    @Test func `who keeps the choice for itself keeps nobody from working`() throws {
        try temporary.admit("a", of: nil)
        let lock = try temporary.spool.lockTurns()
        #expect(try queue().claimAll() == ["a@1"])
        withExtendedLifetime(lock) {}
    }
}

/// `ORDER=fair` at the door, and what the watcher tells.
@Suite struct FairDoorTests {
    private func watching(_ overflow: Overflow, stations: String...) throws -> Watching {
        let watching = try Watching(starts: false) {
            $0.order = .fair
            $0.maxInflightJobs = 4
            $0.overflow = overflow
        }
        for name in stations {
            _ = try Stations(watching.temporary.spool).add(try #require(StationName(name)))
        }
        return watching
    }

    // A crowd of one station had all places before the other's drop came.
    @Test func `a place is kept for each station without a job`() throws {
        let watching = try watching(.reject, stations: "kiosk", "desk")
        for number in 1...5 { try watching.drop("\(number)", in: "incoming/kiosk") }
        try watching.start()
        let temporary = watching.temporary
        try watching.wait {
            try temporary.names("queued").count == 3 && temporary.names("rejected").count == 2
        }
        try watching.drop("a", in: "incoming/desk")
        try watching.wait { try temporary.exists("queued/desk.a") }
        #expect(try temporary.names("queued").count == 4)
    }

    @Test func `half of all places are kept at most`() throws {
        let watching = try watching(.reject, stations: "a", "b", "c", "d", "kiosk")
        for number in 1...5 { try watching.drop("\(number)", in: "incoming/kiosk") }
        try watching.start()
        let temporary = watching.temporary
        try watching.wait { try temporary.names("rejected").count == 3 }
        #expect(try temporary.names("queued").count == 2)
    }

    @Test func `who waits at the door comes in by turns`() throws {
        let watching = try watching(.hold, stations: "kiosk", "desk")
        for number in 1...5 { try watching.drop("\(number)", in: "incoming/kiosk") }
        try watching.start()
        let temporary = watching.temporary
        for number in 4...5 {
            try watching.wait { try watching.view("kiosk.\(number)")?.status == .throttled }
        }
        for number in 1...2 { try watching.drop("\(number)", in: "incoming/desk") }
        try watching.wait { try temporary.exists("queued/desk.1") }
        try watching.wait { try watching.view("desk.2")?.status == .throttled }
        // The least recently admitted is the kiosk, then the desk.
        for (gone, came) in [("kiosk.1", "kiosk.4"), ("kiosk.2", "desk.2")] {
            try temporary.spool.root.rename("queued/\(Path(gone))", to: "failed/\(Path(gone))")
            try watching.wait { try temporary.exists("queued/\(Path(came))") }
        }
        #expect(try watching.view("kiosk.5")?.status == .throttled)
    }

    @Test func `positions are by turns`() throws {
        let watching = try watching(.reject, stations: "kiosk", "desk")
        try watching.start()
        let drops = [("1", "kiosk"), ("2", "kiosk"), ("1", "desk")]
        for (stem, station) in drops {
            try watching.drop(stem, in: "incoming/\(Path(station))")
            try watching.wait {
                try watching.view("\(station).\(stem)")?.status == .queued
            }
        }
        let wanted = ["kiosk.1", "desk.1", "kiosk.2"]
        try watching.wait {
            let queue = try watching.queue()
            return queue?.jobs.map { $0.jobID.map { "\(Path($0))" } } == wanted
                && queue?.jobs.map(\.position) == [1, 2, 3]
        }
    }
}
