import Linux
import SpoolFormat
import Testing

/// Batches with the real programs: a list of several rows, its images, and what comes of them.
@Suite(.serialized, .evidence) struct BatchDropTests {
    /// Copies two photos and renames a list into place.
    private func drop(_ list: String, in spool: TestSpool) throws {
        try Disk.write(spool.folder / "list", list.utf8)
        try spool.shell(
            """
            cp "$PHOTOS/cat.png" "$PHOTOS/rocket.jpg" incoming/
            mv ../list incoming/summer.csv
            """)
    }

    @Test func `every row is edited, and the batch's view counts to the end`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            // As a German Excel writes it.
            try drop(
                "\u{FEFF}image;instruction;seed\r\ncat.png;\"blur; sepia\";7\r\n"
                    + "rocket.jpg;sharpen;\r\ncat.png;rotate 90;\r\n", in: spool)
            let view = try spool.view(of: "summer.csv", is: "completed", "failed")
            #expect(view["status"]?.text == "completed", "\(view)")
            #expect(view["rows"]?["total"] == .int(3))
            #expect(view["rows"]?["completed"] == .int(3))
            #expect(try spool.names("done") == ["summer-0001", "summer-0002", "summer-0003"])
            #expect(try pipeline.jobs().map(\.id) == ["summer-0001", "summer-0002", "summer-0003"])
            #expect(try spool.names("incoming").isEmpty)
            let first = try #require(try spool.json("done/summer-0001/status.json"))
            #expect(first["instruction"]?.text == "blur; sepia")
            #expect(first["batch"]?.text == "summer.csv")
            #expect(first["result_seed"] == .int(7))
            for (name, photo) in [
                ("summer-0001/cat.png", "cat.png"), ("summer-0002/rocket.jpg", "rocket.jpg"),
                ("summer-0003/cat.png", "cat.png"),
            ] {
                let kept = try Disk.read(spool.path / "done" / Path(name))
                #expect(try kept == Disk.read(TestSpool.photos / Path(photo)), "\(name)")
            }
            let status = try spool.run("status", "summer.csv")
            #expect(status.status == 0)
            #expect(status.output.contains("  rows         3 of 3 rows ended\n"), "\(status)")
        }
    }

    @Test func `a wrong row refuses all, and says which and why`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try drop("image,instruction,seed\ncat.png,blur,1\nrocket.jpg,sharpen,two\n", in: spool)
            let view = try spool.view(of: "summer.csv", is: "rejected")
            let detail =
                "Line 3: The field 'seed' is \"two\"; it must be an integer from 0 to "
                + "9223372036854775807."
            #expect(view["detail"]?.text == detail)
            #expect(try spool.json("rejected/summer.csv/reason.json")?["detail"]?.text == detail)
            #expect(try spool.names("queued").isEmpty)
            #expect(
                try spool.names("rejected/summer.csv").sorted() == [
                    "batch.csv", "cat.png", "lease", "reason.json", "rocket.jpg", "status.json",
                ])
            #expect(try spool.run("status", "summer.csv").status == 65)
            #expect(try spool.run("retry", "summer.csv").status == 65)
        }
    }

    @Test func `the commands reach all rows by the batch's name`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try drop("image,instruction\ncat.png,blur\nrocket.jpg,sharpen\n", in: spool)
            _ = try spool.view(of: "summer.csv", is: "queued")
            #expect(try spool.run("hold", "summer.csv").status == 0)
            #expect(try spool.names(".spool/held").sorted() == ["summer-0001", "summer-0002"])
            #expect(try spool.run("release", "summer.csv").status == 0)
            #expect(try spool.run("cancel", "summer.csv").status == 0)
            #expect(try spool.names("failed").sorted() == ["summer-0001", "summer-0002"])
            #expect(try spool.run("retry", "summer.csv").status == 0)
            #expect(try spool.names("queued").sorted() == ["summer-0001", "summer-0002"])
            #expect(try spool.run("verify").status == 0)
        }
    }
}
