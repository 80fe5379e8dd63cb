import Linux
import SpoolFormat
import Testing

/// Limits of a station's own: given with the command, in force at once and after a restart.
@Suite(.serialized) struct StationTests {
    @Test func `a station has a limit of its own, which changes while the watcher serves`() throws {
        try TestSpool.use("JOBS_PER_MIN_LIMIT=2") { spool in
            let first = try spool.start("watch")
            let added = try spool.run("station", "add", "kiosk", "--jobs-per-min", "1")
            #expect(added.output == "Drop box ready: \(spool.path)/incoming/kiosk\n")
            _ = try spool.run("station", "add", "free", "--jobs-per-min=none")
            try spool.drop("1", box: "incoming/kiosk")
            _ = try spool.view(of: "kiosk.1", is: "queued")
            try spool.drop("2", box: "incoming/kiosk")
            let view = try spool.view(of: "kiosk.2", is: "rejected")
            #expect(view["code"]?.text == "rate_limited")
            let start = "Station 'kiosk' reached the limit of 1 jobs a minute. Try again in "
            #expect(view["detail"]?.text?.hasPrefix(start) == true, "\(view)")
            for stem in ["1", "2", "3"] { try spool.drop(stem, box: "incoming/free") }
            for stem in ["1", "2", "3"] { _ = try spool.view(of: "free.\(stem)", is: "queued") }
            #expect(try spool.run("station", "add", "kiosk", "--jobs-per-min", "2").status == 0)
            try spool.drop("3", box: "incoming/kiosk")
            _ = try spool.view(of: "kiosk.3", is: "queued")
            _ = try first.stop()
            _ = try spool.start("watch")
            try spool.drop("4", box: "incoming/kiosk")
            let fourth = try spool.view(of: "kiosk.4", is: "rejected")
            #expect(fourth["code"]?.text == "rate_limited")
        }
    }

    // With the next job claimed before this one's end, `b` was passed over for `c`.
    @Test func `one worker keeps the order of a station with a limit`() throws {
        try TestSpool.use("CONCURRENT_JOBS_LIMIT=1") { spool in
            _ = try spool.start("watch")
            _ = try spool.run("station", "add", "kiosk")
            for (stem, box) in [
                ("a", "incoming/kiosk"), ("b", "incoming/kiosk"), ("c", "incoming"),
            ] {
                try spool.drop(stem, box: Path(box))
                _ = try spool.view(of: box == "incoming" ? stem : "kiosk.\(stem)", is: "queued")
            }
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            _ = try spool.view(of: "c", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["kiosk.a", "kiosk.b", "c"])
        }
    }

    /// The second worker is free all the time; the end of the first job wakes it, or the first one.
    @Test func `of two workers one waits for a station's limit`() throws {
        try TestSpool.use("CONCURRENT_JOBS_LIMIT=1") { spool in
            _ = try spool.start("watch")
            for stem in ["a", "b"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "queued")
            }
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    while not os.path.exists("\(spool.folder)/go"): time.sleep(0.01)
                    good(order)
                """)
            for _ in 1...2 { _ = try spool.start("work", "--set", pipeline.setting) }
            _ = try spool.view(of: "a", is: "processing")
            let words = "the concurrent limit of drops without a station (1 job at a time)"
            _ = try spool.wait(for: "the reason") {
                try spool.json("status/b.json")?["waiting_for"]?.text == words ? true : nil
            }
            #expect(try spool.names("running") == ["a@1"])
            try spool.put("../go", "")
            _ = try spool.view(of: "b", is: "completed")
        }
    }

    @Test func `stations are listed with where they differ from the settings`() throws {
        try TestSpool.use { spool in
            _ = try spool.run("station", "add", "a", "--jobs-per-min", "5")
            _ = try spool.run("station", "add", "b", "--jobs-per-min", "none")
            _ = try spool.run("station", "add", "c", "--jobs-per-min", "9")
            _ = try spool.run("station", "add", "c", "--jobs-per-min", "default")
            // Nothing given changes nothing, and one limit does not change the other.
            _ = try spool.run("station", "add", "a", "--concurrent", "1")
            _ = try spool.run("station", "add", "a")
            #expect(
                try spool.run("station", "list").output
                    == "a: jobs-per-min 5, concurrent 1\nb: jobs-per-min none\nc\n")
            let json = try spool.run("station", "list", "--json").output
            try spool.put("../list.json", json)
            let list = try #require(try spool.json("../list.json")).elements
            #expect(list.map { $0["name"]?.text } == ["a", "b", "c"])
            #expect(list.map { $0["jobs_per_min"] } == [.int(5), .int(0), .null])
            #expect(list.map { $0["group"] } == [.null, .null, .null])
            #expect(list.map { $0["concurrent"] } == [.int(1), .null, .null])
        }
    }

    @Test(arguments: ["0", "-1", "1.5", "x", "", "1000001", "99999999999999999999"])
    func `a limit must be one`(text: String) throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("station", "add", "a", "--jobs-per-min=\(text)")
            #expect(outcome.status == 2)
            #expect(
                outcome.error == "gpuspool: --jobs-per-min is '\(text)'; it must be a whole number "
                    + "from 1 to 1000000, none (no limit), or default (as the settings say).\n")
            #expect(try spool.names("incoming") == [])
        }
    }

    @Test func `limits go with add alone`() throws {
        try TestSpool.use { spool in
            for words in [["list"], ["remove", "a"]] {
                let outcome = try spool.runWords(
                    ["--spool", "\(spool.path)", "station"] + words + ["--jobs-per-min", "1"])
                #expect(outcome.status == 2)
                #expect(
                    outcome.error == "gpuspool: station \(words[0]) takes no --jobs-per-min; "
                        + "station add does.\n")
            }
        }
    }
}
