import Linux
import SpoolFormat
import Testing

@testable import Spool

/// What files hold: wrong for good, or still on its way.
@Suite struct DoorTests {
    let door: Doorway

    init() throws { door = try Doorway() }

    private let json = #"{"instruction":"blur"}"#

    // MARK: Lone files

    @Test(arguments: [
        ("a.json", #"{"instruction":"blur"}"#, "an image called 'a.jpg' or 'a.png'"),
        ("a.json", #"{"instruction":"blur","image":"b c.jpg"}"#, "the image 'b c.jpg'"),
        ("a.json", "{", "an image called 'a.jpg' or 'a.png'"),
        ("a.png", "GIF89a", "the instruction 'a.json'"),
        ("a", "", "the instruction 'a.json'"),
    ])
    func `a file without its partner waits, then is refused`(
        _ name: Path, _ text: String, _ partner: String
    ) throws {
        try door.rename(into: name, text)
        #expect(try door.look() == ["a: wait 300000 ms for \(partner)"])
        #expect(try door.look(after: .seconds(299)) == ["a: wait 1000 ms for \(partner)"])
        let code = text == "GIF89a" ? "invalid_image" : "incomplete_bundle"
        #expect(try door.look(after: .seconds(1)) == ["a: refuse \(code)"])
    }

    @Test func `a lone file that changes waits anew`() throws {
        try door.rename(into: "a.json", json)
        _ = try door.look()
        try door.temporary.append(.incoming / "a.json", " ")
        #expect(
            try door.look(after: .seconds(299))
                == ["a: wait 300 ms for an image called 'a.jpg' or 'a.png'"])
        #expect(
            try door.look(after: .seconds(299))
                == ["a: wait 1000 ms for an image called 'a.jpg' or 'a.png'"])
        #expect(try door.look(after: .seconds(1)) == ["a: refuse incomplete_bundle"])
    }

    // Wrong for good, but its partner would be left behind: it waits, and says what is wrong.
    // A write through a mapping raises none.
    @Test func `a lone file that changes without an event waits anew`() throws {
        let door = try Doorway { $0.dropTimeout = .seconds(30) }
        try door.rename(into: "a.json", #"{"instruction":"blur"}"#)
        let partner = "an image called 'a.jpg' or 'a.png'"
        #expect(try door.look() == ["a: wait 30000 ms for \(partner)"])
        try door.temporary.append(.incoming / "a.json", " ")
        try door.missEvents()
        #expect(try door.look(after: .seconds(30)) == ["a: wait 300 ms for \(partner)"])
        #expect(try door.look(after: .seconds(30)) == ["a: refuse incomplete_bundle"])
    }

    @Test func `what is wrong with a lone file is shown while it waits`() throws {
        try door.rename(into: "a.json", #"{"instruction":7}"#)
        #expect(
            try door.details() == ["The field 'instruction' is 7; it must be a string."])
        #expect(try door.look() == ["a: wait 300000 ms for an image called 'a.jpg' or 'a.png'"])
        try door.write("a.png", [])
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
        #expect(try door.look(after: .milliseconds(300)) == ["a: refuse invalid_request"])
    }

    // MARK: Both partners

    @Test(arguments: [
        (#"{"instruction":""}"#, Sample.png, "invalid_request"),
        (#"{"instruction":"blur","sed":1}"#, Sample.png, "invalid_request"),
        (#"{"instruction":"blur"}"#, Array("GIF89a".utf8), "invalid_image"),
        (#"{"instruction":"blur"}"#, Array("%PDF-1.7".utf8), "invalid_image"),
        // The image may still be on its way: the JSON is wrong for good.
        (#"{"instruction":7}"#, [], "invalid_request"),
        // The JSON may still be on its way: the image is wrong for good.
        ("{", Array("GIF89a".utf8), "invalid_image"),
    ])
    func `what is wrong for good is refused at once when both stand`(
        _ json: String, _ image: [UInt8], _ code: String
    ) throws {
        try door.rename(into: "a.json", json)
        try door.rename(into: "a.png", image)
        #expect(try door.look() == ["a: refuse \(code)"])
    }

    @Test func `limits of bytes and pixels are told with their figures`() throws {
        let door = try Doorway {
            $0.maxImageBytes = 300_000
            $0.maxImageSide = 600
        }
        for name in ["astronaut.png", "rocket.jpg", "cat.png"] {
            let stem = name.prefix { $0 != "." }
            try door.rename(into: Path(name), try Sample.photo(Path(name)))
            try door.rename(into: "\(stem).json", json)
        }
        #expect(
            try door.look() == [
                "astronaut: refuse image_too_large", "cat: admit", "rocket: refuse image_too_large",
            ])
        #expect(
            try door.details() == [
                "Image too large (0.8MB). Maximum 0.3MB allowed.",
                "Image too large (640x427). Maximum 600x600 allowed.",
            ])
    }

    @Test func `JSON that does not parse has 2 seconds without a change`() throws {
        try door.rename(into: "a.png", Sample.png)
        try door.rename(into: "a.json", #"{"instruction":"#)
        #expect(try door.look() == ["a: wait 2000 ms for JSON that can be read"])
        #expect(
            try door.look(after: .milliseconds(1999)) == ["a: wait 1 ms for JSON that can be read"])
        try door.temporary.append(.incoming / "a.json", #""bl"#)
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.json'"])
        #expect(
            try door.look(after: .seconds(1)) == ["a: wait 1000 ms for JSON that can be read"])
        #expect(try door.look(after: .seconds(1)) == ["a: refuse invalid_request"])
        try door.temporary.append(.incoming / "a.json", #"ur"}"#)
        _ = try door.look()
        #expect(try door.look(after: .milliseconds(300)) == ["a: admit"])
    }

    @Test(arguments: [
        [], [0, 0, 0, 0], Array(Sample.png.prefix(4)), Array(Sample.png.prefix(40)),
        Array(Sample.png.dropLast(1)),
    ])
    func `an unfinished image has its time without a change`(_ bytes: [UInt8]) throws {
        try door.rename(into: "a.json", json)
        try door.rename(into: "a.png", bytes)
        #expect(try door.look() == ["a: wait 30000 ms for the rest of 'a.png'"])
        #expect(
            try door.look(after: .seconds(29)) == ["a: wait 1000 ms for the rest of 'a.png'"])
        #expect(try door.look(after: .seconds(1)) == ["a: refuse incomplete_bundle"])
        try door.rename(into: "a.png", Sample.png)
        #expect(try door.look() == ["a: admit"])
    }

    @Test func `an image with another hash may still be replaced`() throws {
        let photo = try Sample.photo("rocket.jpg")
        let hash = SHA256.hex(of: photo)
        try door.rename(into: "a.json", #"{"instruction":"blur","sha256":"\#(hash)"}"#)
        try door.rename(into: "a.png", Sample.png)
        let waiting = "for the image whose SHA-256 is \(hash)"
        #expect(try door.look() == ["a: wait 30000 ms \(waiting)"])
        #expect(try door.look(after: .seconds(29)) == ["a: wait 1000 ms \(waiting)"])
        #expect(try door.look(after: .seconds(1)) == ["a: refuse invalid_image"])
        #expect(
            try door.details() == [
                "The image's SHA-256 is \(SHA256.hex(of: Sample.png)), but the JSON says \(hash). "
                    + "Upload the image again, or correct 'sha256'."
            ])
        try door.rename(into: "a.png", photo)
        #expect(try door.look() == ["a: admit"])
    }

    // MARK: What is no file

    @Test func `a link is refused as soon as both stand, and never followed`() throws {
        try door.temporary.write("elsewhere", Sample.png)
        try door.temporary.link(.incoming / "a.png", to: "../elsewhere")
        #expect(try door.look() == ["a: wait 300000 ms for the instruction 'a.json'"])
        try door.rename(into: "a.json", json)
        #expect(try door.look() == ["a: refuse invalid_image"])
        #expect(
            try door.details() == [
                "'a.png' is a symbolic link; only regular files are taken. Copy the file itself."
            ])
    }

    @Test func `a link as the JSON is refused`() throws {
        try door.rename(into: "a.png", Sample.png)
        try door.temporary.link(.incoming / "a.json", to: "/etc/passwd")
        #expect(try door.look() == ["a: refuse invalid_request"])
    }

    // MARK: Rivals

    @Test func `of two images the first whole one is taken and the other waits`() throws {
        try door.rename(into: "a.jpg", [0xFF, 0xD8, 0xFF])
        try door.rename(into: "a.json", json)
        #expect(try door.look() == ["a: wait 30000 ms for the rest of 'a.jpg'"])
        try door.rename(into: "a.png", after: "a.jpg", Sample.png)
        // The second one is looked at as a lone image first.
        _ = try door.look(after: .seconds(1))
        let candidates = try door.candidates()
        let taken = candidates.filter { if case .admit = $0.judgement { true } else { false } }
        #expect(taken.map { $0.members.map(\.name) } == [["request.json", "a.png"]])
        #expect(candidates.count == 2)
    }

    @Test func `a named image belongs to the JSON that came first`() throws {
        let json = Array(#"{"instruction":"blur","image":"p.png"}"#.utf8)
        try door.rename(into: "b.json", json)
        try door.rename(into: "a.json", after: "b.json", json)
        try door.rename(into: "p.png", Sample.png)
        #expect(try door.look() == ["a: wait 300000 ms for the image 'p.png'", "b: admit"])
    }

    @Test func `what is never taken is no drop`() throws {
        for name in ["a.jpg.part", ".a.json", "Thumbs.db", "~$a.json", "b.tmp"] {
            try door.write(Path(name), "x")
        }
        #expect(try door.look() == [])
        #expect(try door.look(after: .seconds(9999)) == [])
    }
}
