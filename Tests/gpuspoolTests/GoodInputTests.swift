import Linux
import SpoolFormat
import Testing

/// What looks odd and is all right, and what is never taken.
@Suite(.serialized, .evidence) struct GoodInputTests {
    /// The drop's name, and Python that makes it; see `BadDrop.prelude`.
    static let odd: [(name: String, python: String)] = [
        ("bom", "photo(); put(name + '.json', b'\\xef\\xbb\\xbf{\"instruction\": \"blur\"}')"),
        (
            "notepad",
            "photo(); put(name + '.json', '\\ufeff{\"instruction\": \"blur\"}'.encode('utf-16-le'))"
        ),
        (
            "big endian",
            "photo(); put(name + '.json', '\\ufeff{\"instruction\": \"blur\"}'.encode('utf-16-be'))"
        ),
        ("png called jpg", "put(name + '.jpg', PHOTO); ask()"),
        ("jpeg called png", "put(name + '.png', JPEG); ask()"),
        ("no suffix", "put(name, PHOTO); ask()"),
        ("CAMERA", "put(name + '.JPG', JPEG); put(name + '.JSON', b'{\"instruction\":\"blur\"}')"),
        ("dots.in.name", "photo(); ask()"),
        ("spaces in it ", "photo(); ask()"),
        ("Käse Größe 写真 🙂", "photo(); ask()"),
        ("de\u{301}compose\u{301}", "photo(); ask()"),
        ("d\u{e9}compos\u{e9}", "photo(); ask()"),
        ("'single' \"double\" `back`", "photo(); ask()"),
        ("$HOME; rm -rf * & \\n %s", "photo(); ask()"),
        ("x@3a", "photo(); ask()"),
        ("a~2", "photo(); ask()"),
        (String(repeating: "n", count: 110), "photo(); ask()"),
        ("lease", "put(name, PHOTO); ask()"),
        ("long image", "put('y' * 251 + '.png', PHOTO); ask(image='y' * 251 + '.png')"),
        ("500", "photo(); ask(instruction='x' * 500)"),
        ("500 emoji", "photo(); ask(instruction='\\U0001f600' * 500)"),
        ("first seed", "photo(); ask(seed=0)"),
        ("last seed", "photo(); ask(seed=9223372036854775807)"),
        ("nulls", "photo(); ask(seed=None, model=None, image=None, metadata=None)"),
        ("metadata", "photo(); ask(metadata={'kiosk': [1, 2.5, None, 'ü']})"),
        ("2048", "put(name + '.png', picture(2048, 2048)); ask()"),
        ("10 MB", "put(name + '.jpg', JPEG + bytes(10485760 - len(JPEG))); ask()"),
        (
            "hash",
            "import hashlib; photo(); ask(sha256=hashlib.sha256(SMALL).hexdigest().upper())"
        ),
        (
            "folder with junk",
            "os.mkdir(name); put(name + '/Thumbs.db', b'x'); put(name + '/.DS_Store', b'y'); "
                + "put(name + '/p.png', PHOTO); put(name + '/i.json', b'{\"instruction\": \"b\"}')"
        ),
    ]

    @Test func `odd names and encodings are accepted and given back verbatim`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=100") { spool in
            try BadDrop.make(Self.odd, in: spool)
            let sent = try Self.odd.indices.map {
                try Disk.tree(spool.folder / "ready" / Path("\($0)"))
            }
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            try BadDrop.moveAll(in: spool)
            for (drop, files) in zip(Self.odd, sent) {
                let view = try spool.view(of: drop.name, is: "completed", "rejected", "failed")
                #expect(view["status"]?.text == "completed", "\(drop.name): \(view)")
                #expect(view["dropped_as"]?.text.map { Array($0.utf8) } == Array(drop.name.utf8))
                let done = try Disk.tree(spool.path / "done" / Path(drop.name))
                for (name, bytes) in files where DropName(name.lastComponent.bytes) != .ignored {
                    let isRequest = name.description.lowercased().hasSuffix(".json")
                    let kept =
                        isRequest
                        ? "request.json" : Path(DropName.member(name.lastComponent.bytes))
                    #expect(done[kept] == bytes, "\(drop.name): \(kept)")
                }
            }
            #expect(
                try spool.json("done/metadata/status.json")?["metadata"]?["kiosk"]
                    == .array(
                        [.int(1), .double(2.5), .null, .string("ü")]))
            #expect(
                try spool.json("done/last seed/status.json")?["result_seed"] == .int(.max))
            #expect(try spool.json("done/first seed/status.json")?["result_seed"] == .int(0))
            // What is never taken keeps its folder.
            #expect(try spool.names("incoming") == ["folder with junk"])
            #expect(try spool.names("incoming/folder with junk") == [".DS_Store", "Thumbs.db"])
        }
    }

    static let ignored = [
        "Thumbs.db", "desktop.ini", ".DS_Store", "._cat.png", "~$order.json", "cat.png.part",
        "cat.png.crdownload", "cat.json~", "cat.tmp", "cat.filepart", ".cat.png.Xy12Zz",
        "cat.png.lock", "THUMBS.DB", "Cat.PART",
    ]

    @Test func `temporary files and what systems leave behind are never touched`() throws {
        try TestSpool.use("DROP_TIMEOUT_SECONDS=0.3", "RESUME_SECONDS=0.3") { spool in
            let pipeline = try FakePipeline(in: spool)
            for name in Self.ignored { try spool.put("incoming" / Path(name), "mine") }
            try spool.shell("mkdir incoming/@eaDir incoming/.Trashes; touch incoming/@eaDir/x.json")
            let before = try spool.names("incoming").map { try spool.status("incoming" / $0) }
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            // Later than the time after which a lone file is refused.
            try spool.put("incoming/lone.txt", "x")
            _ = try spool.view(of: "lone", is: "rejected")
            try spool.drop("good")
            _ = try spool.view(of: "good", is: "completed")
            #expect(try spool.names("rejected") == ["lone"])
            #expect(try spool.names("status") == ["good.json", "lone.json"])
            let after = try spool.names("incoming").map { try spool.status("incoming" / $0) }
            #expect(after == before)
            #expect(after.count == Self.ignored.count + 2)
        }
    }

    @Test func `half a file that goes on growing in time is taken`() throws {
        try TestSpool.use("RESUME_SECONDS=10") { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            try spool.put("incoming/a.json", "{\"instruction\": \"blur\"}")
            try spool.shell("head -c 100000 $PHOTOS/cat.png > incoming/a.png")
            let view = try spool.wait(for: "what is missing") {
                try spool.json("status/a.json").flatMap { $0["error"]?.text == nil ? nil : $0 }
            }
            #expect(view["status"]?.text == "receiving")
            #expect(view["waiting_for"]?.text == "the rest of 'a.png'")
            #expect(view["error"]?.text?.contains("end marker is missing") == true)
            try spool.shell("tail -c +100001 $PHOTOS/cat.png >> incoming/a.png")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try spool.read("done/a/a.png") == TestSpool.photo("cat.png"))
        }
    }
}
