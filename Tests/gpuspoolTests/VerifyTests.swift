import Linux
import SpoolFormat
import Testing

/// `gpuspool verify`: what it prints, how it ends, and that a service at work raises no alarm.
@Suite(.serialized, .evidence) struct VerifyTests {
    /// Two jobs that are done; nothing runs any more.
    private func finished(_ body: (TestSpool) throws -> Void) throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            for stem in ["a", "b"] { try spool.drop(stem) }
            for stem in ["a", "b"] { _ = try spool.view(of: stem, is: "completed") }
            #expect(try service.stop() == .status(0))
            try body(spool)
        }
    }

    private func result(_ spool: TestSpool, of job: Path) throws -> Path {
        Path(try #require(try spool.json("done" / job / "status.json")?["result_path"]?.text))
    }

    @Test func `a spool in order`() throws {
        try finished { spool in
            let text = try spool.run("verify")
            #expect(
                text
                    == Outcome(
                        exit: .status(0), output: "2 jobs checked, nothing wrong.\n", error: ""))
            let json = try spool.run("verify", "--json")
            #expect(json.output == "{\n  \"findings\" : [\n\n  ],\n  \"jobs\" : 2\n}\n")
            #expect(json.status == 0)
        }
    }

    @Test func `a lost result is told, and its sender is told when it is repaired`() throws {
        try finished { spool in
            let name = try result(spool, of: "a")
            try spool.shell("rm done/a/*_s*.png")
            let found = "error I3 done/a: lacks its result '\(name)'"
            let check = try spool.run("verify")
            #expect(check.status == 1)
            #expect(
                check.output.hasPrefix(
                    "\(found); --repair ends the job in failed/, with this as its error.\n"),
                "\(check)")
            #expect(check.output.hasSuffix("2 jobs checked, 1 wrong.\n"))
            let repair = try spool.run("verify", "--repair")
            #expect(repair.status == 0)
            #expect(
                repair.output.hasPrefix(
                    "\(found); repaired: ends the job in failed/, with this as its error.\n"),
                "\(repair)")
            #expect(repair.output.hasSuffix("2 jobs checked, 1 wrong, 1 of them repaired.\n"))
            let status = try spool.run("status", "a")
            #expect(status.status == 1)
            #expect(
                status.output.contains(
                    "error        The spool was damaged: its result was damaged. "
                        + "gpuspool verify ended the job; drop it again.\n"), "\(status)")
            #expect(try spool.run("verify").status == 0)
        }
    }

    @Test func `each finding has the same fields in JSON`() throws {
        try finished { spool in
            try spool.shell("rm done/a/a.png; mv done/b/lease done/b/lost")
            let check = try spool.run("verify", "--json")
            #expect(check.status == 1)
            try Disk.write(spool.folder / "report", check.output.utf8)
            let report = try #require(try Disk.json(spool.folder / "report"))
            let findings = try #require(report["findings"]).elements
            #expect(
                findings.allSatisfy {
                    $0.fields == [
                        "severity", "invariant", "path", "detail", "repair", "repaired",
                    ]
                })
            let errors = findings.filter { $0["severity"]?.text == "error" }
            #expect(errors.map { $0["path"]?.text } == ["done/a", "done/b"])
            #expect(errors.map { $0["invariant"]?.text } == ["I7", "I4"])
            #expect(errors.map { $0["detail"]?.text?.hasPrefix("lacks") } == [true, false])
            #expect(errors[0]["repair"] == .null)
            #expect(errors[1]["repaired"] == .bool(false))
            #expect(report["jobs"] == .int(2))
        }
    }

    @Test func `what cannot be repaired beside a watcher is told`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try spool.shell("rm queued/a/lease")
            let beside = try spool.run("verify", "--repair")
            #expect(beside.status == 1)
            #expect(beside.output.contains("; not repaired: stop the watcher first"), "\(beside)")
            #expect(try watcher.stop() == .status(0))
            #expect(try spool.run("verify", "--repair").status == 0)
            // The job kept its place and goes on.
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            _ = try spool.view(of: "a", is: "completed")
        }
    }

    @Test func `a drop that staging forgot is answered by the next watcher`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkdir .spool/staging/lost; cp $PHOTOS/cat.png .spool/staging/lost/")
            #expect(try spool.run("verify").status == 1)
            #expect(try spool.run("verify", "--repair").status == 0)
            _ = try spool.start("watch")
            let view = try spool.view(of: "lost", is: "rejected")
            #expect(view["code"]?.text == "incomplete_bundle")
            #expect(try spool.read("rejected/lost/cat.png") == TestSpool.photo("cat.png"))
        }
    }

    @Test func `a killed service leaves nothing that is wrong`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            try spool.drop("b")
            try spool.wait(for: "a@1", in: "running")
            try spool.wait(for: "b", in: "queued")
            let inUse = try spool.run("verify")
            #expect(inUse.output == "2 jobs checked, nothing wrong.\n")
            service.kill()
            let after = try spool.run("verify")
            #expect(after.status == 0)
            #expect(
                after.output.hasPrefix(
                    "note I1 running/a@1: lost its worker; the next watcher recovers it.\n"),
                "\(after)")
        }
    }

    @Test func `jobs in motion raise no alarm`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=100") { spool in
            let pipeline = try FakePipeline(in: spool)
            for number in 0..<20 { try spool.drop("a\(number)") }
            _ = try spool.start("run", "--set", pipeline.setting)
            _ = try spool.start("work", "--set", pipeline.setting)
            _ = try spool.wait(for: "all jobs to be done") {
                let check = try spool.run("verify", "--json")
                guard check.status == 0 else { throw Failure("\(check)") }
                return try spool.names("done").count == 20 ? true : nil
            }
        }
    }

    @Test func `it takes no operands and knows its options`() throws {
        try TestSpool.use { spool in
            #expect(try spool.run("verify", "x").status == 2)
            let unknown = try spool.run("verify", "--repare")
            #expect(unknown.status == 2)
            #expect(unknown.error.contains("Did you mean --repair?"), "\(unknown)")
            #expect(try spool.runPlain("--spool", "/nowhere", "verify").status == 78)
        }
    }
}
