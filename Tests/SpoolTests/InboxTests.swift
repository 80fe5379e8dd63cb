import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct InboxTests {
    let door: Doorway

    init() throws { door = try Doorway() }

    @Test func `what stood there before the start is found`() throws {
        let temporary = try TemporarySpool()
        try temporary.write(.incoming / "a.json", #"{"instruction":"blur"}"#)
        try temporary.write(.incoming / "a.png", Sample.png)
        let inotify = try Inotify(try EventLoop()) {}
        let inbox = try Inbox(temporary.spool, inotify: inotify)
        let now = Moment.now
        #expect(inbox.pass(now: now).candidates.count == 1)
        let candidates = inbox.pass(now: now + .milliseconds(300)).candidates
        guard case .admit = candidates.first?.judgement else {
            Issue.record("\(candidates)")
            return
        }
    }

    @Test func `files that are gone are no drop any more`() throws {
        try door.renamePair("a")
        #expect(try door.look() == ["a: admit"])
        try door.remove("a.png")
        #expect(try door.look() == ["a: wait 300000 ms for an image called 'a.jpg' or 'a.png'"])
        try door.remove("a.json")
        #expect(try door.look() == [])
    }

    // On ext4 the next file gets the number of the last one that went: it was never looked at.
    @Test func `what comes after a drop that could not be moved away is another drop`() throws {
        try door.renamePair("a")
        let candidate = try #require(try door.candidates().first)
        // Answered, and still there.
        door.inbox.forget(candidate)
        #expect(try door.look() == [])
        try door.remove("a.png")
        try door.remove("a.json")
        try door.renamePair("b")
        #expect(try door.look() == ["b: admit"])
        try door.renamePair("a")
        #expect(try door.look() == ["a: admit", "b: admit"])
    }

    // It was never looked at again: nothing about it had changed.
    @Test func `a drop that was not taken after all is seen again`() throws {
        try door.renamePair("a")
        let candidate = try #require(try door.candidates().first)
        door.inbox.forget(candidate)
        #expect(try door.look() == [])
        door.inbox.recall(candidate)
        _ = try door.look()
        #expect(try door.look(after: .seconds(1)) == ["a: admit"])
    }

    @Test func `a candidate names its files, and which ones they are`() throws {
        try door.renamePair("a")
        let candidate = try #require(try door.candidates().first)
        let members = try [("a.json", "request.json"), ("a.png", "a.png")].map { source, name in
            Drop.Member(
                source: .incoming / Path(source), name: Path(name),
                identity: try door.temporary.status(.incoming / Path(source)).identity,
                role: source == "a.json" ? .request : .image)
        }
        #expect(candidate.members == members)
        #expect(candidate.station == nil)
        #expect(candidate.folder == nil)
    }

    @Test func `a member never gets a name that the spool uses itself`() throws {
        let json = #"{"instruction":"blur","image":"lease"}"#
        try door.rename(into: "a.json", json)
        try door.rename(into: "lease", Sample.png)
        let candidate = try #require(try door.candidates().first)
        #expect(candidate.members.map(\.name) == ["request.json", "dropped-lease"])
    }

    // MARK: Stations

    @Test func `a declared station's directory is its drop box`() throws {
        let kiosk = try #require(StationName("kiosk"))
        try door.inbox.declare([kiosk])
        #expect(try door.temporary.names(.incoming) == ["kiosk"])
        try door.renamePair("kiosk/a")
        try door.renamePair("a")
        let candidates = try door.candidates()
        #expect(Set(candidates.map(\.station)) == [kiosk, nil])
        #expect(Set(candidates.map(\.key.box)) == [.incoming / "kiosk", .incoming])
        for candidate in candidates {
            guard case .admit = candidate.judgement else {
                Issue.record("\(candidate.judgement)")
                return
            }
        }
    }

    @Test func `an empty drop box is no drop, a folder in it is one`() throws {
        try door.inbox.declare([try #require(StationName("kiosk"))])
        #expect(try door.look(after: .seconds(1000)) == [])
        try door.temporary.makeDirectory(.incoming / "kiosk/trip")
        #expect(try door.look() == ["trip/: wait 300000 ms for one JSON and one image"])
    }

    @Test func `what was a folder bundle becomes the drop box of a new station`() throws {
        try door.temporary.makeDirectory(.incoming / "kiosk")
        #expect(try door.look() == ["kiosk/: wait 300000 ms for one JSON and one image"])
        try door.inbox.declare([try #require(StationName("kiosk"))])
        #expect(try door.look() == [])
        try door.renamePair("kiosk/a")
        #expect(try door.look() == ["a: admit"])
    }

    @Test func `a station that is declared no longer has no drop box`() throws {
        try door.inbox.declare([try #require(StationName("kiosk"))])
        #expect(try door.look() == [])
        try door.inbox.declare([])
        try door.temporary.spool.root.removeDirectory(.incoming / "kiosk")
        #expect(try door.look() == [])
        try door.renamePair("a")
        #expect(try door.look() == ["a: admit"])
    }

    // MARK: Errors are one drop's own

    @Test func `lost events are made good by a listing`() throws {
        try door.renamePair("a")
        #expect(try door.look() == ["a: admit"])
        let inbox = try Inbox(door.temporary.spool, inotify: Inotify(door.loop) {})
        #expect(inbox.pass(now: .now).candidates.count == 1)
        try door.remove("a.json")
        try door.remove("a.png")
        try door.renamePair("b")
        inbox.distrustEvents()
        #expect(inbox.pass(now: .now).candidates.map { Path($0.key.stem) } == ["b"])
    }
}
