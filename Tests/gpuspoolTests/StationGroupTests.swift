import Linux
import SpoolFormat
import Testing

/// What comes of the drops of a station with a Unix group, as its members and others find it.
@Suite(.serialized) struct StationGroupTests {
    /// Runs a script in the spool as a user who is in this group and in no other.
    private func isTrue(_ script: String, as group: String, _ spool: TestSpool) throws -> Bool {
        try spool.isTrue(
            "cd spool; exec setpriv --reuid=nobody --regid=\(group) --clear-groups "
                + "sh -c '\(script)' >/dev/null 2>&1")
    }

    /// With access lists, and on a filesystem that has none.
    @Test(arguments: [nil, "mount -t ramfs ram spool"])
    func `a station's group alone reads what comes of its drops`(mounting: String?) throws {
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: mounting) { spool in
            let pipeline = try FakePipeline(in: spool)
            var service = try spool.start("run", "--set", pipeline.setting)
            _ = try spool.run("station", "add", "kiosk", "--group", "games")
            _ = try spool.run("station", "add", "desk")
            #expect(
                try spool.run("station", "list").output == "desk\nkiosk: group games\n")
            let request = "echo \"{\\\"instruction\\\": \\\"blur secretly\\\"}\""
            let dropped = try isTrue(
                "cp $PHOTOS/cat.png incoming/kiosk/a.png && \(request) > incoming/kiosk/a.json && "
                    + "echo \"[]\" > incoming/kiosk/b.json && cp $PHOTOS/cat.png "
                    + "incoming/kiosk/b.png", as: "games", spool)
            #expect(dropped)
            _ = try spool.view(of: "kiosk.a", is: "completed")
            _ = try spool.view(of: "kiosk.b", is: "rejected")
            try spool.drop("c", box: "incoming/desk")
            _ = try spool.view(of: "desk.c", is: "completed")
            let own = [
                "cat status/kiosk.a.json", "cat done/kiosk.a/*.png", "cat status/kiosk.b.json",
                "cat rejected/kiosk.b/reason.json", "ls incoming/kiosk",
            ]
            try expect(own, in: spool)
            #expect(try isTrue("cat status/desk.c.json done/desk.c/*.png", as: "nogroup", spool))
            #expect(try !isTrue("echo > incoming/kiosk/x.tmp", as: "nogroup", spool))
            try expectSilence(in: spool)
            // A restart changes nothing.
            _ = try service.stop()
            service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("d", box: "incoming/kiosk")
            _ = try spool.view(of: "kiosk.d", is: "completed")
            try expect(own + ["cat status/kiosk.d.json", "ls done/kiosk.d"], in: spool)
            // Nor does it open anything that a watcher never knew the station.
            _ = try service.stop()
            #expect(try spool.run("station", "remove", "kiosk").status == 0)
            service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("e", box: "incoming/desk")
            _ = try spool.view(of: "desk.e", is: "completed")
            #expect(try !isTrue("cat status/kiosk.a.json", as: "nogroup", spool))
            #expect(try !isTrue("cat done/kiosk.a/*.png", as: "nogroup", spool))
            #expect(try !isTrue("grep kiosk queue.json", as: "nogroup", spool))
            // Another group, or none, has what is there as well.
            _ = try spool.run("station", "add", "kiosk", "--group", "none")
            _ = try spool.wait(for: "everybody to be let in") {
                try isTrue(
                    "cat status/kiosk.a.json done/kiosk.a/*.png && ls incoming/kiosk",
                    as: "nogroup", spool) ? true : nil
            }
        }
    }

    private func expect(_ own: [String], in spool: TestSpool) throws {
        for script in own {
            #expect(try isTrue(script, as: "games", spool), "\(script)")
            #expect(try !isTrue(script, as: "nogroup", spool), "\(script)")
        }
    }

    /// What everybody may read tells of nobody's jobs that has a group.
    private func expectSilence(in spool: TestSpool) throws {
        let queue = try spool.wait(for: "the jobs") {
            try spool.json("queue.json").flatMap {
                $0["jobs"]?.elements.count == 3 ? $0 : nil
            }
        }
        let names = queue["jobs"]?.elements.map { $0["job_id"]?.text }
        #expect(names?.compactMap { $0 } == ["desk.c"])
        let text = String(decoding: try #require(try spool.read("queue.json")), as: UTF8.self)
        #expect(!text.contains("kiosk") && !text.contains("secretly"))
        #expect(try isTrue("cat queue.json", as: "nogroup", spool))
    }

    @Test func `a group must exist`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("station", "add", "kiosk", "--group", "no-such-group")
            #expect(outcome.status == 2)
            #expect(
                outcome.error == "gpuspool: --group is 'no-such-group', and there is no such Unix "
                    + "group here. Make it (groupadd), or give none.\n")
            #expect(try spool.names("incoming") == [])
        }
    }
}
