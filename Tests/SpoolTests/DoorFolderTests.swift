import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Folder bundles: one JSON, one image, nothing else.
@Suite struct DoorFolderTests {
    let door: Doorway

    init() throws {
        door = try Doorway()
        try door.temporary.makeDirectory("elsewhere")
    }

    private let json = #"{"instruction":"blur"}"#

    /// A folder that comes as a whole: made elsewhere, then renamed.
    private func rename(into folder: Path, _ files: [(Path, [UInt8])]) throws {
        try door.temporary.makeDirectory("elsewhere" / folder)
        for (name, bytes) in files {
            try door.temporary.write("elsewhere" / folder / name, bytes)
        }
        try door.temporary.spool.root.rename("elsewhere" / folder, to: .incoming / folder)
    }

    @Test func `a folder that was renamed into place is taken at once`() throws {
        try rename(into: "trip", [("x.json", Array(json.utf8)), ("y.png", Sample.png)])
        let candidate = try #require(try door.candidates().first)
        guard case .admit = candidate.judgement else {
            Issue.record("\(candidate.judgement)")
            return
        }
        #expect(candidate.key == DropKey(box: .incoming, stem: Array("trip".utf8), file: nil))
        #expect(candidate.folder == .incoming / "trip")
        #expect(candidate.members.map(\.source) == ["incoming/trip/x.json", "incoming/trip/y.png"])
        #expect(candidate.members.map(\.name) == ["request.json", "y.png"])
        #expect(candidate.members.map(\.role) == [.request, .image])
    }

    @Test func `a folder that is filled in place has to be quiet`() throws {
        try door.temporary.makeDirectory(.incoming / "trip")
        #expect(try door.look() == ["trip/: wait 300000 ms for one JSON and one image"])
        try door.rename(into: "trip/a.json", json)
        #expect(try door.look() == ["trip/: wait 300 ms for the end of the folder"])
        try door.rename(into: "trip/a.png", Sample.png)
        #expect(
            try door.look(after: .milliseconds(200)) == [
                "trip/: wait 300 ms for the end of the folder"
            ])
        #expect(try door.look(after: .milliseconds(300)) == ["trip/: admit"])
    }

    @Test func `an empty folder waits for its files, then is refused`() throws {
        try door.temporary.makeDirectory(.incoming / "trip")
        _ = try door.look()
        #expect(
            try door.look(after: .seconds(299)) == [
                "trip/: wait 1000 ms for one JSON and one image"
            ])
        #expect(try door.look(after: .seconds(1)) == ["trip/: refuse incomplete_bundle"])
        try door.temporary.spool.root.removeDirectory(.incoming / "trip")
        #expect(try door.look() == [])
    }

    @Test func `a folder with nothing but what is never taken is no drop`() throws {
        try rename(into: "trip", [("Thumbs.db", [1]), ("a.json.part", [1])])
        #expect(try door.look() == [])
        #expect(try door.look(after: .seconds(9999)) == [])
        #expect(
            try door.temporary.names(.incoming / "trip") == ["Thumbs.db", "a.json.part"])
    }

    @Test(arguments: [
        (["a.json"], "an image called 'trip.jpg' or 'trip.png'"),
        (["a.png"], "the instruction 'trip.json'"),
    ])
    func `a folder with one file waits for the other`(_ files: [Path], _ partner: String) throws {
        try rename(
            into: "trip",
            files.map { ($0, $0 == "a.json" ? Array(json.utf8) : Sample.png) })
        #expect(try door.look() == ["trip/: wait 300000 ms for \(partner)"])
        #expect(try door.look(after: .seconds(300)) == ["trip/: refuse incomplete_bundle"])
    }

    @Test(arguments: [
        (
            ["a.json", "a.png", "b.png"],
            "1 JSON files and 2 other files ('a.json', 'a.png', 'b.png')"
        ),
        (
            ["a.json", "b.json", "a.png"],
            "2 JSON files and 1 other files ('a.json', 'a.png', 'b.json')"
        ),
    ])
    func `a folder with more than one of a kind is refused`(_ files: [Path], _ found: String) throws
    {
        try rename(
            into: "trip",
            files.map { ($0, $0.bytes.last == 0x6E ? Array(json.utf8) : Sample.png) })
        #expect(
            try door.details() == [
                "The folder holds \(found); only one JSON and one image are allowed."
            ])
        let candidate = try #require(try door.candidates().first)
        #expect(candidate.members.count == 3)
        #expect(Set(candidate.members.map(\.name)).count == 3)
    }

    @Test func `a folder with a subfolder is refused, and the subfolder goes with it`() throws {
        try rename(into: "trip", [("a.json", Array(json.utf8)), ("a.png", Sample.png)])
        try door.temporary.makeDirectory(.incoming / "trip/deep")
        #expect(
            try door.details() == [
                "The folder holds the folder 'deep'; only one JSON and one image are allowed."
            ])
        let candidate = try #require(try door.candidates().first)
        #expect(candidate.members.map(\.name) == ["request.json", "a.png", "deep"])
        #expect(candidate.members.last?.role == .other)
    }

    @Test func `a JSON that names another image than the folder's is refused`() throws {
        let json = #"{"instruction":"blur","image":"b.png"}"#
        try rename(into: "trip", [("a.json", Array(json.utf8)), ("a.png", Sample.png)])
        #expect(
            try door.details() == [
                "The JSON names the image 'b.png', but the folder holds 'a.png'. "
                    + "Correct 'image', or leave it out."
            ])
        #expect(try door.look() == ["trip/: refuse invalid_request"])
    }

    @Test func `members of one safe name are told apart`() throws {
        try rename(
            into: "trip",
            [("a.json", Array("{}".utf8)), ("a\u{1}.png", Sample.png), ("a\u{2}.png", Sample.png)])
        let candidate = try #require(try door.candidates().first)
        #expect(candidate.members.map(\.name) == ["a_.png", "2-a_.png", "request.json"])
    }

    // MARK: A sender that plays with the folder

    @Test func `a folder that is replaced by a link is never followed`() throws {
        try rename(into: "trip", [("a.json", Array(json.utf8)), ("a.png", Sample.png)])
        #expect(try door.look() == ["trip/: admit"])
        try door.temporary.spool.root.rename(.incoming / "trip", to: "elsewhere/trip")
        try door.temporary.link(.incoming / "trip", to: "../elsewhere/trip")
        #expect(try door.look() == ["trip: wait 300000 ms for the instruction 'trip.json'"])
        #expect(try door.temporary.names("elsewhere/trip") == ["a.json", "a.png"])
    }

    @Test func `a folder that is taken away and comes back is seen anew`() throws {
        try rename(into: "trip", [("a.json", Array(json.utf8)), ("a.png", Sample.png)])
        #expect(try door.look() == ["trip/: admit"])
        try door.temporary.spool.root.rename(.incoming / "trip", to: "elsewhere/trip")
        #expect(try door.look() == [])
        try rename(into: "trip2", [("a.json", Array(json.utf8))])
        try door.temporary.spool.root.rename("elsewhere/trip", to: .incoming / "trip")
        #expect(try door.look().first == "trip/: admit")
    }
}
