import FoundationEssentials
import Testing

@testable import SpoolFormat

@Suite struct JobIDTests {
    static let good: [[UInt8]] = [
        "IMG_0001", "a", "0", "Kiosk 1.IMG_0001", "IMG_0001~2", "a.b.c", "~", "~a", "_x", " a",
        "a ", "@", "a@", "a@b", "a@1b", "@1 a", "a@-1", "e\u{301}", "\u{e9}", "Grüße 😀", "a\\b",
        "a:b", "a\"b", "a\u{AD}b", String(repeating: "x", count: 120),
        String(repeating: "é", count: 60),
    ].map { Array($0.utf8) }

    @Test(arguments: good)
    func `an ID is any name that is safe as a directory and readable`(bytes: [UInt8]) throws {
        let id = try JobID(bytes)
        #expect(id.bytes == bytes)
        #expect(Array(id.text.utf8) == bytes)
    }

    static let bad: [([UInt8], NameProblem)] = [
        ([], .empty), (Array(repeating: 0x78, count: 121), .tooLong(121, allowed: 120)),
        (Array(String(repeating: "é", count: 61).utf8), .tooLong(122, allowed: 120)),
        ([0x61, 0xFF], .notUTF8), ([0xC3], .notUTF8), ([0xED, 0xA0, 0x80], .notUTF8),
        (Array("a\nb".utf8), .controlCharacter), (Array("a\0".utf8), .controlCharacter),
        (Array("\u{7F}a".utf8), .controlCharacter), (Array("a\u{85}".utf8), .controlCharacter),
        (Array("a\u{2028}b".utf8), .controlCharacter), (Array("\t".utf8), .controlCharacter),
        (Array("a/b".utf8), .slash), (Array("/".utf8), .slash),
        (Array(".".utf8), .leading(".")), (Array("..".utf8), .leading(".")),
        (Array(".a".utf8), .leading(".")), (Array("-a".utf8), .leading("-")),
        (Array("-".utf8), .leading("-")),
        (Array("a@1".utf8), .attempt), (Array("a@007".utf8), .attempt),
        (Array("@1".utf8), .attempt),
        (Array("a@99999999999999999999999".utf8), .attempt), (Array("a@1@2".utf8), .attempt),
    ]

    @Test(arguments: bad)
    func `what is wrong with a name is told`(bytes: [UInt8], problem: NameProblem) {
        #expect(throws: problem) { try JobID(bytes) }
        // A drop's name obeys the same rules, and is shorter.
        if case .tooLong = problem { return }
        #expect(throws: problem) { try JobID(stem: bytes, station: nil) }
        #expect(throws: problem) { try JobID(stem: bytes, station: StationName("Kiosk 1")) }
    }

    @Test func `a drop's name leaves room for the station and for newer jobs of that name`() throws
    {
        func stem(_ count: Int) -> [UInt8] { Array(repeating: 0x78, count: count) }
        let long = try #require(StationName(String(repeating: "s", count: 32)))
        #expect(try JobID(stem: stem(110), station: nil).bytes == stem(110))
        #expect(throws: NameProblem.tooLong(111, allowed: 110)) {
            try JobID(stem: stem(111), station: nil)
        }
        #expect(try JobID(stem: stem(82), station: long).bytes.count == 115)
        #expect(throws: NameProblem.tooLong(83, allowed: 82)) {
            try JobID(stem: stem(83), station: long)
        }
        let longest = try JobID(stem: stem(82), station: long).variant(9999)
        #expect(try JobID(longest.bytes) == longest)
    }

    @Test func `a station's name stands before its drops' names`() throws {
        let id = try JobID(stem: Array("IMG.1".utf8), station: StationName("Kiosk 1"))
        #expect(id.description == "Kiosk 1.IMG.1")
        #expect(id.variant(2).text == "Kiosk 1.IMG.1~2")
    }

    @Test func `a drop whose name cannot be an ID gets one`() throws {
        let id = JobID(unnamed: [0xA1, 0xB2, 0xC3, 0x04, 0x55])
        #expect(id.text == "drop-a1b2c304")
        #expect(try JobID(id.bytes) == id)
    }

    /// Swift's String would call them equal.
    @Test func `IDs are compared as bytes`() throws {
        let (composed, decomposed) = (try JobID("\u{e9}".utf8), try JobID("e\u{301}".utf8))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        let texts = ["A", "B", "a", "a.b", "a~1", "e\u{301}", "\u{e9}"]
        let sorted = try texts.reversed().map { try JobID($0.utf8) }.sorted()
        #expect(sorted.map(\.text).map { Array($0.utf8) } == texts.map { Array($0.utf8) })
    }

    static let shown = [
        ("3317c7b1-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "3317c7b1"),
        ("3317C7B1-1C2D-4E5F-8A9B-0C1D2E3F4A5B", "3317C7B1"),
        ("3317c7b1-1c2d-4e5f-8a9b-0c1d2e3f4a5g", "3317c7b1-1c2d-4e5f-8a9b-0c1d2e3f4a5g"),
        ("3317c7b1-1c2d-4e5f-8a9b-0c1d2e3f4a5b~1", "3317c7b1-1c2d-4e5f-8a9b-0c1d2e3f4a5b~1"),
        ("3317c7b11c2d4e5f8a9b0c1d2e3f4a5b", "3317c7b11c2d4e5f8a9b0c1d2e3f4a5b"),
        ("IMG_0001-long-name", "IMG_0001-long-name"),
    ]

    @Test(arguments: shown)
    func `logs show the first 8 characters of a UUID and other IDs whole`(
        text: String, short: String
    ) throws {
        #expect(try JobID(text.utf8).short == short)
    }

    @Test func `an ID in JSON is its text, and is checked`() throws {
        let id = try JobID("a\"é/".dropLast().utf8)
        #expect(String(decoding: JSONText.line([id]), as: UTF8.self) == "[\"a\\\"é\"]\n")
        #expect(JSONText.decode([JobID].self, from: Array("[\"a\\\"\\u00e9\"]".utf8)) == [id])
        for bad in [#"["../a"]"#, #"["a@1"]"#, #"[""]"#, "[1]"] {
            #expect(JSONText.decode([JobID].self, from: Array(bad.utf8)) == nil)
        }
    }

    static let words: [(NameProblem, String)] = [
        (.empty, "is empty before its extension; give it at least one character"),
        (.tooLong(130, allowed: 110), "has 130 bytes; at most 110 are allowed"),
        (.notUTF8, "is not UTF-8; use plain letters, or set the sender to UTF-8 names"),
        (
            .controlCharacter,
            "contains a line break or another control character; leave it out"
        ),
        (.slash, "contains a slash; leave it out"),
        (.leading("-"), "starts with '-'; start it with a letter or digit"),
        (.attempt, "ends in '@' and digits; leave the '@' out"),
    ]

    @Test(arguments: words)
    func `a problem says what was found and what to do`(problem: NameProblem, text: String) {
        #expect(problem.description == text)
    }
}
