import Linux
import SpoolFormat
import Testing

/// How a drop comes does not matter: in the end the right picture stands in `done/`.
@Suite(.evidence) struct ArrivalTests {
    /// A way to bring `NAME` and its JSON into the spool, as a shell script in the spool.
    struct Way: Sendable, CustomTestStringConvertible {
        let name: String
        let script: String
        let photo: String
        var testDescription: String { name }

        init(_ name: String, photo: String = "cat.png", _ script: String) {
            self.name = name
            self.photo = photo
            self.script = script
        }
    }

    static let request = "{ \"instruction\" :\"Please make it black and white\",\t\"seed\": 7 }\n"

    static let ways: [Way] = [
        Way("cp, the image first", "cp $PHOTOS/cat.png incoming/a.png; cp ../a.json incoming/"),
        Way("cp, the JSON first", "cp ../a.json incoming/; cp $PHOTOS/cat.png incoming/a.png"),
        Way(
            "cp -p with an old mtime",
            "cp $PHOTOS/cat.png ../a.png; touch -d 2001-01-01 ../a.*; "
                + "cp -p ../a.png ../a.json incoming/"),
        Way("mv", "cp $PHOTOS/cat.png ../a.png; mv ../a.png ../a.json incoming/"),
        Way(
            "mv from another filesystem",
            "d=$(mktemp -d /dev/shm/gpuspool-XXXXXX); "
                + "cp $PHOTOS/cat.png $d/a.png; cp ../a.json $d; mv $d/a.png $d/a.json incoming/; "
                + "rmdir $d"),
        Way("ln", "cp $PHOTOS/cat.png ../a.png; ln ../a.png ../a.json incoming/"),
        Way(
            "renamed into place",
            "cp $PHOTOS/cat.png incoming/a.png.part; "
                + "cp ../a.json incoming/.a.json.X1; mv incoming/a.png.part incoming/a.png; "
                + "mv incoming/.a.json.X1 incoming/a.json"),
        Way(
            "a folder by mv", photo: "hubble.jpg",
            "mkdir ../a; "
                + "cp $PHOTOS/hubble.jpg ../a/picture.jpg; cp ../a.json ../a/order.json; "
                + "mv ../a incoming/a"),
        Way(
            "a folder by cp -r", photo: "hubble.jpg",
            "mkdir ../a; "
                + "cp $PHOTOS/hubble.jpg ../a/picture.jpg; cp ../a.json ../a/order.json; "
                + "cp -r ../a incoming/a"),
        Way(
            "a JSON that names the image", photo: "rocket.jpg",
            "sed 's/{/{\"image\":\"IMG 9.JPG\",/' ../a.json > ../b.json; mv ../b.json ../a.json; "
                + "cp $PHOTOS/rocket.jpg 'incoming/IMG 9.JPG'; cp ../a.json incoming/"),
        Way(
            "overwritten while it waits",
            "cp $PHOTOS/rocket.jpg incoming/a.png; "
                + "while ! test -e status/a.json; do :; done; cp $PHOTOS/cat.png incoming/a.png; "
                + "cp ../a.json incoming/"),
        Way(
            "replaced by a rename while it waits",
            "cp $PHOTOS/rocket.jpg incoming/a.png; "
                + "while ! test -e status/a.json; do :; done; cp $PHOTOS/cat.png incoming/.a; "
                + "mv incoming/.a incoming/a.png; cp ../a.json incoming/"),
    ]

    @Test(arguments: ways)
    func `each way of dropping ends in done with the right picture`(way: Way) throws {
        try TestSpool.use { spool in
            try Disk.write(spool.folder / "a.json", Self.request.utf8)
            _ = try spool.start("run")
            try spool.shell(way.script)
            let view = try spool.view(of: "a", is: "completed", "failed", "rejected")
            #expect(view["status"]?.text == "completed")
            #expect(try spool.read("done/a/request.json") == Self.verbatim(way))
            let result = try #require(view["result_path"]?.text)
            let match = try #/rules_\d{8}_\d{6}_s7_[0-9a-f]{8}\.png/#.wholeMatch(in: result)
            #expect(match != nil, "\(result)")
            let check = """
                from PIL import Image, ImageChops
                photo = Image.open("\(TestSpool.photos)/\(way.photo)")
                result = Image.open("\(spool.path)/done/a/\(result)")
                r, g, b = result.convert("RGB").split()
                grey = ImageChops.difference(r, g).getbbox() or ImageChops.difference(g, b).getbbox()
                far = ImageChops.difference(photo.convert("L"), r).getextrema()[1]
                print(result.format, result.size == photo.size, grey, far < 64)
                """
            #expect(try spool.python(check) == "PNG True None True\n")
            #expect(try spool.names("incoming").isEmpty)
            let record = try #require(try spool.json("done/a/status.json"))
            #expect(record["result_path"]?.text == result)
            #expect(record["result_seed"]?.integer == 7)
            #expect(record["dropped_as"]?.text == "a")
        }
    }

    private static func verbatim(_ way: Way) -> [UInt8] {
        let names = way.name == "a JSON that names the image"
        let text =
            names ? "{\"image\":\"IMG 9.JPG\"," + request.dropFirst() : request
        return Array(text.utf8)
    }

    @Test func `a lone JSON is receiving until its image comes`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            try spool.put("incoming/late.json", "{\"instruction\": \"rotate 90\"}")
            let waiting = try spool.view(of: "late", is: "receiving")
            #expect(waiting["waiting_for"]?.text == "an image called 'late.jpg' or 'late.png'")
            #expect(waiting["dropped_as"]?.text == "late")
            #expect(waiting["position"] == .null)
            // Another drop goes by.
            try spool.drop("other")
            _ = try spool.view(of: "other", is: "completed")
            #expect(try spool.status("incoming/late.json") != nil)
            try spool.shell("cp $PHOTOS/cat.png incoming/late.png")
            _ = try spool.view(of: "late", is: "completed")
        }
    }

    @Test func `a lone image is receiving until its JSON comes`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.shell("cp $PHOTOS/cat.png incoming/late.png")
            let waiting = try spool.view(of: "late", is: "receiving")
            #expect(waiting["waiting_for"]?.text == "the instruction 'late.json'")
            try spool.put("incoming/late.json", "{\"instruction\": \"rotate 90\"}")
            let view = try spool.view(of: "late", is: "queued")
            #expect(view["position"]?.integer == 1)
            #expect(view["created_at"] == waiting["created_at"])
        }
    }

    @Test func `a withdrawn drop leaves nothing`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.shell("cp $PHOTOS/cat.png incoming/gone.png")
            _ = try spool.view(of: "gone", is: "receiving")
            try spool.shell("rm incoming/gone.png")
            _ = try spool.wait(for: "the view to go") {
                try spool.status("status/gone.json") == nil ? true : nil
            }
            #expect(try spool.names("rejected").isEmpty)
        }
    }

    /// The second one is whole by every look at its bytes, but its writer has it open still.
    @Test(arguments: [
        ("head -c 100000 $PHOTOS/cat.png >&3", "0.1"), ("cat $PHOTOS/cat.png >&3", "300"),
    ])
    func `nothing is taken before its writer has closed it`(first: String, resume: String) throws {
        try TestSpool.use("RESUME_SECONDS=\(resume)") { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            try spool.shell("mkfifo ../go")
            try spool.put("incoming/slow.json", "{\"instruction\": \"rotate 90\"}")
            let writer = try spool.startShell(
                "cd spool; exec 3> incoming/slow.png; \(first); touch ../written; read go < ../go; "
                    + "cat $PHOTOS/cat.png > /proc/self/fd/3; exec 3>&-")
            _ = try spool.wait(for: "the first piece") { try Disk.status(spool.folder / "written") }
            // Dropped later, with the same time to settle: when it is done, the slow one was passed.
            for stem in ["one", "two"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "completed")
            }
            #expect(try spool.status("incoming/slow.png") != nil)
            let view = try spool.view(of: "slow", is: "receiving")
            #expect(view["waiting_for"]?.text == "the end of 'slow.png'")
            try spool.shell("echo > ../go")
            #expect(try writer.end() == .status(0))
            _ = try spool.view(of: "slow", is: "completed")
            #expect(try spool.read("done/slow/slow.png") == TestSpool.photo("cat.png"))
        }
    }

    /// What a sender can still write to must not be what is queued.
    @Test func `linked files and those of others are copied`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.put("../mine.json", "{\"instruction\": \"blur\"}")
            try spool.shell(
                "cp $PHOTOS/cat.png ../mine.png; ln ../mine.png incoming/linked.png; "
                    + "ln ../mine.json incoming/linked.json")
            try spool.shell(
                "cp $PHOTOS/cat.png ../other.png; cp ../mine.json ../other.json; "
                    + "chown nobody ../other.*; chmod 0666 ../other.*; mv ../other.* incoming/")
            for stem in ["linked", "other"] {
                _ = try spool.view(of: stem, is: "queued")
                for name in ["request.json", "\(stem).png"] {
                    let status = try #require(try spool.status(Path("queued/\(stem)/\(name)")))
                    #expect(status.links == 1, "\(stem)/\(name)")
                    #expect(status.owner == Host.user, "\(stem)/\(name)")
                    #expect(status.mode == 0o644, "\(stem)/\(name)")
                }
            }
            let before = try spool.read("queued/linked/linked.png")
            try spool.shell("echo more >> ../mine.png")
            #expect(try spool.read("queued/linked/linked.png") == before)
        }
    }

    /// The hash is the sender's own word that the image is whole.
    @Test func `an image that matches its sha256 does not wait for its writer`() throws {
        try TestSpool.use("SETTLE_SECONDS=600") { spool in
            _ = try spool.start("watch")
            let image = try TestSpool.photo("cat.png")
            try spool.put("incoming/a.png", image)
            let hash = SHA256.hex(of: image)
            try spool.put("../a", "{\"instruction\": \"blur\", \"sha256\": \"\(hash)\"}")
            try spool.shell("mv ../a incoming/a.json")
            let view = try spool.view(of: "a", is: "queued")
            #expect(view["sha256"]?.text == hash)
        }
    }

    @Test func `of two images of one stem the first whole pair is taken`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.put("incoming/a.jpg", Array(try TestSpool.photo("rocket.jpg").prefix(999)))
            _ = try spool.view(of: "a", is: "receiving")
            try spool.put("../a.json", "{\"instruction\": \"blur\"}")
            // Ready in one look of the watcher.
            try spool.shell("cp $PHOTOS/cat.png ../a.png; mv ../a.png ../a.json incoming/")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try spool.names("queued/a").contains("a.png"))
            #expect(try spool.names("incoming") == ["a.jpg"])
        }
    }
}
