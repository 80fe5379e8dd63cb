import Testing

@testable import SpoolFormat

@Suite struct DropNameTests {
    /// What senders and systems leave on shares (facts/arrival.md, d.2).
    static let ignored = [
        ".IMG.jpg.Ab12Cd", ".~tmp~", ".goutputstream-ABC", ".syncthing.a.jpg.tmp",
        "~syncthing~a.jpg.tmp", "~syncthing~a.jpg", ".a.jpg.swp", ".nfs000001", ".fuse_hidden01",
        ".smbdelete1", ".~lock.a.json#", "a.jpg.part", "a.jpg.partial", "a.jpg.filepart",
        "a.jpg.crdownload", "Unconfirmed 12345.crdownload", "a.download", "a.jpg.tmp", "a.temp",
        "a.upload", "a.jpg.aria2", "a.jpg.!ut", "a.json.lock", "a.swp", "a.bak", "a.jpg~", "~",
        ".DS_Store", "._a.jpg", "Thumbs.db", "ehthumbs.db", "desktop.ini", "~$letter.docx", "~$",
        "@eaDir", ".Spotlight-V100", ".Trashes", ".fseventsd", "System Volume Information",
        "$RECYCLE.BIN", "__MACOSX", ".stfolder", ".stversions", "_UNPACK_photos", ".", "..",
        ".part", ".json", ".cancel", "a.cancel.part", "~$a.hold", "a.release~",
    ]

    @Test(arguments: ignored)
    func `temporary and system names are left alone, in either case`(name: String) {
        for spelling in [name, name.uppercased(), name.lowercased()] {
            #expect(DropName(Array(spelling.utf8)) == .ignored, "\(spelling)")
        }
    }

    static let controls: [(name: String, verb: ControlVerb, stem: String)] = [
        ("a.cancel", .cancel, "a"), ("a.retry", .retry, "a"), ("a.hold", .hold, "a"),
        ("a.release", .release, "a"), ("IMG_0001.Cancel", .cancel, "IMG_0001"),
        ("a.b.RETRY", .retry, "a.b"), ("a.json.hold", .hold, "a.json"),
        ("a.cancel.retry", .retry, "a.cancel"), ("-.hold", .hold, "-"),
    ]

    @Test(arguments: controls)
    func `an order keeps the name of what it is about`(
        name: String, verb: ControlVerb, stem: String
    ) {
        #expect(DropName(Array(name.utf8)) == .control(verb, stem: Array(stem.utf8)))
    }

    @Test func `an order is for bytes`() {
        #expect(DropName([0xFF] + ".cancel".utf8) == .control(.cancel, stem: [0xFF]))
    }

    static let instructions = [
        ("IMG_0001.json", "IMG_0001"), ("IMG_0001.JSON", "IMG_0001"), ("a.b.json", "a.b"),
        ("a.part.json", "a.part"), ("a.tmp.Json", "a.tmp"), ("json.json", "json"), (" .json", " "),
        ("~a.json", "~a"), ("-.json", "-"),
    ]

    @Test(arguments: instructions)
    func `a JSON is an instruction`(name: String, stem: String) {
        #expect(DropName(Array(name.utf8)) == .instruction(stem: Array(stem.utf8)))
    }

    @Test(arguments: [
        ("summer.csv", "summer"), ("summer.CSV", "summer"), ("a.b.csv", "a.b"),
        ("a.csv.csv", "a.csv"), (" .csv", " "),
    ])
    func `a CSV is the list of a batch`(name: String, stem: String) {
        #expect(DropName(Array(name.utf8)) == .batch(stem: Array(stem.utf8)))
    }

    static let images = [
        ("IMG_0001.jpg", "IMG_0001"), ("IMG_0001.JPEG", "IMG_0001"), ("a.tar.gz", "a.tar"),
        ("noextension", "noextension"), ("a.", "a"), ("a.json.jpg", "a.json"), ("json", "json"),
        ("a.jsonl", "a"), ("csv", "csv"), ("a.csv.jpg", "a.csv"), ("cancel", "cancel"),
        ("part", "part"), ("tmp", "tmp"), ("a.parts", "a"),
        ("a~b.png", "a~b"),
        ("Thumbs.db.jpg", "Thumbs.db"), ("@eaDir.png", "@eaDir"), ("a.cancelled", "a"),
        ("$a", "$a"), ("~a", "~a"),
    ]

    @Test(arguments: images)
    func `anything else is taken for an image`(name: String, stem: String) {
        #expect(DropName(Array(name.utf8)) == .image(stem: Array(stem.utf8)))
    }

    @Test func `names are bytes`() {
        #expect(DropName([0xFF, 0x2E, 0x6A]) == .image(stem: [0xFF]))
        #expect(DropName([0xFF] + ".json".utf8) == .instruction(stem: [0xFF]))
        #expect(DropName([]) == .image(stem: []))
    }

    static let members: [([UInt8], String)] = [
        (Array("IMG 1.jpg".utf8), "IMG 1.jpg"), (Array("Grüße 😀.png".utf8), "Grüße 😀.png"),
        (Array("-rf".utf8), "-rf"), ([], "dropped-"), (Array("a\nb\u{7F}.jpg".utf8), "a_b_.jpg"),
        (Array("a\u{2028}\u{85}b".utf8), "a__b"), (Array("a/b".utf8), "a_b"),
        ([0x61, 0xFF, 0x2E, 0x6A], "a_.j"), (Array("a\u{FFFD}".utf8), "a_"),
        (Array("request.json".utf8), "dropped-request.json"),
        (Array("status.json".utf8), "dropped-status.json"), (Array("lease".utf8), "dropped-lease"),
        (Array("reason.json".utf8), "dropped-reason.json"),
        (Array(".members".utf8), "dropped-.members"), (Array(".hidden".utf8), "dropped-.hidden"),
        (Array("..".utf8), "dropped-.."), (Array("out.3.part".utf8), "dropped-out.3.part"),
        (Array("status.3.tmp".utf8), "dropped-status.3.tmp"), (Array("\n".utf8), "_"),
        (
            Array(String(repeating: "a", count: 197).utf8) + ".jpg".utf8,
            String(repeating: "a", count: 196) + ".jpg"
        ),
        // Cut so that it begins with a dot.
        (
            Array(("x." + String(repeating: "y", count: 199)).utf8),
            "dropped-." + String(repeating: "y", count: 199)
        ),
    ]

    @Test(arguments: members)
    func `a member keeps its name where that is safe`(name: [UInt8], member: String) {
        #expect(DropName.member(name) == Array(member.utf8))
    }

    @Test func `whatever its name, a member gets one that is safe`() {
        var random = SeededGenerator(seed: 7)
        let pieces: [[UInt8]] = [
            [0xFF], [0xC3], [0xE2, 0x80], [0x00], [0x0A], [0x2F], [0x2E], Array("é".utf8),
            Array("lease".utf8), Array("status.".utf8), Array(".tmp".utf8), Array("out.".utf8),
            Array(".part".utf8), Array("request.json".utf8), Array("😀".utf8),
            Array(repeating: 0x61, count: 70), Array("\u{85}".utf8),
        ]
        for _ in 0..<5000 {
            let count = Int.random(in: 0...6, using: &random)
            let name = (0..<count).flatMap { _ in pieces.randomElement(using: &random) ?? [] }
            expectSafe(DropName.member(name), of: name)
        }
    }

    private func expectSafe(_ member: [UInt8], of name: [UInt8]) {
        guard let text = String(validating: member, as: UTF8.self) else {
            Issue.record("\(name) becomes \(member), which is no UTF-8")
            return
        }
        let isSafe =
            (1...210).contains(member.count) && member.first != 0x2E && !text.contains("/")
            && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
            && !["request.json", "status.json", "lease", "reason.json"].contains(text)
            && !(text.hasPrefix("out.") && text.hasSuffix(".part"))
            && !(text.hasPrefix("status.") && text.hasSuffix(".tmp"))
        #expect(isSafe, "\(name) becomes '\(text)'")
    }
}
