import Linux
import SpoolFormat
import Testing

/// Which name a job gets, and which one gives way; stations and their drop boxes.
@Suite(.serialized, .evidence) struct NameTests {
    @Test func `a name that a live job has becomes NAME~2`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            for id in ["a", "a~2", "a~3"] {
                try spool.drop("a", "blur \(id)")
                let view = try spool.view(of: id, is: "queued")
                #expect(view["dropped_as"]?.text == "a")
                #expect(view["instruction"]?.text == "blur \(id)")
            }
            #expect(try spool.namesByAge("queued") == ["a", "a~2", "a~3"])
        }
    }

    @Test func `a finished job gives its name to the newcomer and keeps its view`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            for older in ["a~1", "a~2"] {
                try spool.drop("a", "for \(older)")
                _ = try spool.wait(for: "it to be done") { try completed(spool, "for \(older)") }
            }
            try spool.drop("a", "the newest")
            _ = try spool.wait(for: "the newest") { try completed(spool, "the newest") }
            #expect(try spool.names("done") == ["a", "a~1", "a~2"])
            #expect(try spool.names("status") == ["a.json", "a~1.json", "a~2.json"])
            for older in ["a~1", "a~2"] {
                let view = try spool.view(of: older, is: "completed")
                #expect(view["instruction"]?.text == "for \(older)")
                #expect(view["job_id"]?.text == older)
                let outcome = try spool.run("status", older, "--json")
                #expect(outcome.status == 0)
                #expect(outcome.output.contains("\"for \(older)\""))
            }
        }
    }

    private func completed(_ spool: TestSpool, _ instruction: String) throws -> Bool? {
        let view = try spool.json("status/a.json")
        return view?["instruction"]?.text == instruction && view?["status"]?.text == "completed"
            ? true : nil
    }

    @Test func `a refused name is given away like a finished one`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.put("incoming/a.json", "{}")
            try spool.shell("cp $PHOTOS/cat.png incoming/a.png")
            _ = try spool.view(of: "a", is: "rejected")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            _ = try spool.view(of: "a~1", is: "rejected")
            #expect(try spool.names("rejected") == ["a~1"])
        }
    }

    /// A cancel was answered with the end of the older job, and the newcomer ran.
    @Test func `an order is about the drop that stands there, not about the ended job of its name`()
        throws
    {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.put("incoming/a.json", "{}")
            try spool.shell("cp $PHOTOS/cat.png incoming/a.png")
            _ = try spool.view(of: "a", is: "rejected")
            try spool.shell("cp $PHOTOS/cat.png incoming/a.png; touch incoming/a.cancel")
            // Looked at together with it, or later.
            try spool.shell("touch incoming/nobody.cancel")
            _ = try spool.wait(for: "the other order's answer") {
                try spool.status("incoming/nobody.cancel") == nil ? true : nil
            }
            #expect(try spool.status("incoming/a.cancel") != nil)
            try spool.put("incoming/a.json", "{\"instruction\": \"blur\"}")
            _ = try spool.view(of: "a", is: "cancelled")
            _ = try spool.view(of: "a~1", is: "rejected")
        }
    }

    /// Left by somebody while no watcher ran, it cancelled the newcomer.
    @Test func `an order that is older than the drop is about the ended job`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.start("watch")
            try spool.put("incoming/a.json", "{}")
            try spool.shell("cp $PHOTOS/cat.png incoming/a.png")
            _ = try spool.view(of: "a", is: "rejected")
            _ = try watcher.stop()
            try spool.put("incoming/a.cancel", "")
            _ = try spool.wait(for: "a later time") {
                try spool.put("later", "")
                let (later, order) = (
                    try spool.status("later"), try spool.status("incoming/a.cancel")
                )
                return later?.changed != order?.changed ? true : nil
            }
            try spool.drop("a", "blur")
            _ = try spool.start("watch")
            _ = try spool.view(of: "a~1", is: "rejected")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try spool.names("incoming") == [])
        }
    }

    @Test func `a station has a box of its own`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            let added = try spool.run("station", "add", "Kiosk 7")
            #expect(added.output == "Drop box ready: \(spool.path)/incoming/Kiosk 7\n")
            #expect(added.status == 0)
            #expect(try spool.run("station", "list").output == "Kiosk 7\n")
            try spool.drop("a", box: "incoming/Kiosk 7")
            try spool.drop("a")
            let mine = try spool.view(of: "Kiosk 7.a", is: "completed")
            #expect(mine["station"]?.text == "Kiosk 7")
            #expect(mine["dropped_as"]?.text == "a")
            let other = try spool.view(of: "a", is: "completed")
            #expect(other["station"] == .null)
            let listed = try spool.run("list", "--station", "Kiosk 7").output
            #expect(listed.hasPrefix("Kiosk 7.a "), "\(listed)")
            #expect(listed.split(separator: "\n").count == 1)
            try spool.shell(
                "mkdir 'incoming/Kiosk 7/f'; cp $PHOTOS/cat.png 'incoming/Kiosk 7/f/'; "
                    + "echo '{\"instruction\": \"blur\"}' > 'incoming/Kiosk 7/f/x.json'")
            _ = try spool.view(of: "Kiosk 7.f", is: "completed")
        }
    }

    @Test func `a station with files in its box stays`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            _ = try spool.run("station", "add", "desk")
            try spool.put("incoming/desk/x.json", "{\"instruction\": \"blur\"}")
            let refused = try spool.run("station", "remove", "desk")
            #expect(refused.status == 75)
            #expect(
                refused.error == "gpuspool: the drop box of 'desk' holds 1 files ('x.json'). "
                    + "Wait until they are taken, or move them away.\n")
            #expect(try spool.run("station", "list").output == "desk\n")
            try spool.shell("rm incoming/desk/x.json")
            let removed = try spool.run("station", "remove", "desk")
            #expect(removed.output == "Station 'desk' removed.\n")
            #expect(try spool.status("incoming/desk") == nil)
            #expect(try spool.run("station", "list").output == "")
            let unknown = try spool.run("station", "remove", "desk")
            #expect(unknown.status == 3)
            #expect(unknown.error == "gpuspool: there is no station 'desk'.\n")
            // Not a station any more: a folder of that name is a bundle.
            try spool.shell(
                "mkdir ../desk; cp $PHOTOS/cat.png ../desk/a.png; "
                    + "echo '{\"instruction\": \"blur\"}' > ../desk/a.json; mv ../desk incoming/")
            let view = try spool.view(of: "desk", is: "queued")
            #expect(view["station"] == .null)
        }
    }

    @Test(arguments: ["a/b", "..", "-x", " x", "ü", "", String(repeating: "n", count: 33)])
    func `a station's name must be plain`(name: String) throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("station", "add", "--", name)
            #expect(outcome.status == 2)
            #expect(outcome.error.contains("it must be 1 to 32 of A-Z a-z 0-9"), "\(outcome)")
            #expect(try spool.names("incoming").isEmpty)
        }
    }

    /// The folder stands there before its station is declared.
    @Test func `a folder becomes a box when its station is added`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.shell("mkdir incoming/desk")
            _ = try spool.view(of: "desk", is: "receiving")
            #expect(try spool.run("station", "add", "desk").status == 0)
            _ = try spool.wait(for: "the folder's view to go") {
                try spool.status("status/desk.json") == nil ? true : nil
            }
            try spool.drop("a", box: "incoming/desk")
            _ = try spool.view(of: "desk.a", is: "queued")
            #expect(try spool.status("incoming/desk") != nil)
        }
    }

    /// A station whose job's ID looks like another's must not push that one away.
    @Test func `only a station's own newcomer takes a finished job's name`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            _ = try spool.run("station", "add", "desk")
            try spool.drop("a", box: "incoming/desk")
            _ = try spool.view(of: "desk.a", is: "completed")
            try spool.drop("desk.a")
            let view = try spool.view(of: "desk.a~2", is: "completed")
            #expect(view["station"] == .null)
            #expect(try spool.view(of: "desk.a", is: "completed")["station"]?.text == "desk")
        }
    }
}
