import Linux
import SpoolFormat
import Testing

/// Whatever a pipeline does, its job gets a sentence and the next job is done.
@Suite(.serialized, .evidence) struct WorkerTests {
    /// Something a pipeline does wrong, as the body of `edit(order)`.
    struct Misdeed: Sendable {
        let name: String
        let error: String
        let endsChild: Bool
        let body: String

        init(_ name: String, _ error: String, endsChild: Bool = true, _ body: String) {
            self.name = name
            self.error = error
            self.endsChild = endsChild
            self.body = body
        }
    }

    static let misdeeds: [Misdeed] = [
        Misdeed(
            "silent", "The job ran longer than 1 s; the pipeline was silent.", "time.sleep(600)"),
        Misdeed(
            "stuck", "The job ran longer than 1 s; its last word was step 2 of 4.",
            "say(event='progress', job_id=order['job_id'], step=2, steps=4); time.sleep(600)"),
        Misdeed("exits", "The pipeline died (exit status 7).", "os._exit(7)"),
        Misdeed(
            "killed", "The pipeline died (signal 9 (Killed)).", "os.kill(os.getpid(), 9)"),
        Misdeed(
            "garbage",
            "The pipeline printed a line that is no message of the protocol: 'Loading 10%'.",
            "print('Loading 10%', flush=True); time.sleep(600)"),
        Misdeed(
            "binary", "The pipeline printed a line that is no message of the protocol: '",
            "os.write(1, bytes([0xff, 0x00, 0x80, 0x0a])); time.sleep(600)"),
        Misdeed(
            "endless", "a line of more than 1048576 bytes",
            "[os.write(1, b'x' * 65536) for _ in range(10000)]"),
        Misdeed(
            "no output", "The pipeline said it was done but wrote no output file.", "done(order)"),
        Misdeed(
            "half", "The pipeline's output is not a whole image: the PNG's end marker is missing.",
            "write(order['output'], PHOTO[:-1000]); done(order)"),
        Misdeed(
            "empty", "The pipeline's output is not a whole image: the file is empty.",
            "write(order['output'], b''); done(order)"),
        Misdeed(
            "jpeg", "The pipeline's output is a JPEG; it must be a PNG.",
            "write(order['output'], open('\(TestSpool.photos)/rocket.jpg', 'rb').read()); "
                + "done(order)"),
        Misdeed(
            "link", "The pipeline's output is not a file but a symbolic link.",
            "os.symlink('\(TestSpool.photos)/cat.png', order['output']); done(order)"),
        Misdeed(
            "folder", "The pipeline's output is not a file but a directory.",
            "os.mkdir(order['output']); done(order)"),
        Misdeed(
            "other", "The pipeline speaks of the job 'somebody-else', which it was not given.",
            "say(event='done', job_id='somebody-else', seed=1); time.sleep(600)"),
        Misdeed(
            "refuses", "I cannot do that.", endsChild: false,
            "say(event='failed', job_id=order['job_id'], error='I cannot do that.', "
                + "kind='bad-request', retryable=False)"),
        Misdeed(
            "closes", "The pipeline died (exit status 0).", "os.close(1); os._exit(0)"),
    ]

    /// The first time it may be an accident: what costs its pipeline's life is run twice.
    @Test func `each misdeed fails its job alone and the next one gets a fresh child`() throws {
        try TestSpool.use("JOB_TIMEOUT_SECONDS=1", "JOB_RETRY_DELAY_SECONDS=0") { spool in
            let cases = Self.misdeeds.map {
                "    '\($0.name)': lambda order: (\(python($0.body))),"
            }
            let pipeline = try FakePipeline(
                in: spool,
                "MISDEEDS = {\n\(cases.joined(separator: "\n"))\n}\n"
                    + "def edit(order): MISDEEDS.get(order['instruction'], good)(order)")
            _ = try spool.start("run", "--set", pipeline.setting)
            for (index, misdeed) in Self.misdeeds.enumerated() {
                try spool.drop("bad-\(index)", misdeed.name)
                try spool.drop("good-\(index)", "be good")
                _ = try spool.view(of: "good-\(index)", is: "completed")
                try check(misdeed, "bad-\(index)", in: spool)
                try spool.drop("next-\(index)", "be good")
                _ = try spool.view(of: "next-\(index)", is: "completed")
            }
            let jobs = try pipeline.jobs()
            for (index, misdeed) in Self.misdeeds.enumerated() {
                let runs = jobs.indices.filter { jobs[$0].id == "bad-\(index)" }
                #expect(runs.count == (misdeed.endsChild ? 2 : 1), "\(misdeed.name): \(jobs)")
                for run in runs {
                    let isFresh = jobs[run].pid != jobs[run + 1].pid
                    #expect(isFresh == misdeed.endsChild, "\(misdeed.name): \(jobs)")
                }
            }
            let good = jobs.filter { !$0.id.hasPrefix("bad") }
            #expect(good.count == 2 * Self.misdeeds.count, "a good job was run twice")
            try expectNobodyLeft(jobs.dropLast().map(\.pid), but: jobs.last?.pid)
        }
    }

    /// Statements as the elements of a tuple.
    private func python(_ body: String) -> String {
        body.split(separator: "; ").joined(separator: ", ")
    }

    private func check(_ misdeed: Misdeed, _ id: String, in spool: TestSpool) throws {
        let view = try spool.view(of: id, is: "failed")
        let bundle = "failed" / Path(id)
        let record = try #require(try spool.json(bundle / "status.json"), "\(misdeed.name)")
        for json in [view, record] {
            let error = try #require(json["error"]?.text)
            #expect(error.contains(misdeed.error), "\(misdeed.name): \(error)")
            #expect(json["status"]?.text == "failed")
            #expect(json["result_path"] == .null)
            #expect(json["completed_at"]?.text != nil)
            #expect(json["dead_letter"] == .bool(misdeed.endsChild), "\(misdeed.name)")
        }
        #expect(
            try spool.names(bundle).map(\.description)
                == ["\(id).png", "lease", "request.json", "status.json"], "\(misdeed.name)")
    }

    private func expectNobodyLeft(_ pids: [String], but last: String?) throws {
        for pid in Set(pids) where pid != last {
            let number = try #require(Int32(pid))
            #expect(!ProcessWatch.isRunning(number), "child \(pid) still runs")
        }
    }

    @Test func `a pipeline that dies while it rests is started again`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(
                in: spool, "def edit(order):\n    good(order)\n    os._exit(5)")
            let service = try spool.start("run", "--set", pipeline.setting)
            for stem in ["a", "b"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "completed")
            }
            #expect(Set(try pipeline.jobs().map(\.pid)).count == 2)
            #expect(try service.printed().contains("exit status 5"))
        }
    }

    /// What a pipeline started must not go on computing behind its back.
    @Test func `a timeout ends the pipeline's whole group`() throws {
        try TestSpool.use("JOB_TIMEOUT_SECONDS=0.5", "MAX_ATTEMPTS=1") { spool in
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    child = os.fork()
                    if child: write("\(spool.folder)/grandchild", str(child).encode())
                    time.sleep(600)
                """)
            _ = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "failed")
            let text = String(
                decoding: try #require(try Disk.read(spool.folder / "grandchild")), as: UTF8.self)
            let grandchild = try #require(Int32(text))
            _ = try spool.wait(for: "its end") {
                ProcessWatch.isRunning(grandchild) ? nil : true
            }
        }
    }

    @Test func `progress is shown while a job runs`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    say(event="progress", job_id=order["job_id"], step=1, steps=4)
                    open("\(spool.folder)/go").read()
                    good(order)
                """)
            try spool.shell("mkfifo ../go")
            _ = try spool.start("watch")
            _ = try spool.start("work", "--name", "gpu 0", "--set", pipeline.setting)
            try spool.drop("a")
            let view = try spool.wait(for: "progress") {
                try spool.json("status/a.json").flatMap {
                    $0["progress"] == .double(0.25) ? $0 : nil
                }
            }
            #expect(view["status"]?.text == "processing")
            #expect(view["position"] == .null)
            #expect(view["started_at"]?.text != nil)
            let queue = try #require(try spool.json("queue.json"))
            #expect(queue["current_job_id"]?.text == "a")
            #expect(queue["processing_count"] == .int(1))
            #expect(queue["workers"]?.elements.first?["name"]?.text == "gpu 0")
            try spool.shell("echo > ../go")
            let end = try spool.view(of: "a", is: "completed")
            #expect(end["progress"] == .int(1))
        }
    }

    /// A pipeline that does not start, and what is said about it.
    static let broken: [(command: String, message: String)] = [
        ("exit 3", "gpuspool: the pipeline cannot start: The pipeline died (exit status 3).\n"),
        (
            "no-such-program",
            "gpuspool: the pipeline cannot start: "
                + "The pipeline died (exit status 127).\n"
        ),
        (
            "echo '{\"event\":\"fatal\",\"error\":\"No GPU here.\"}'; cat",
            "gpuspool: the pipeline cannot start: The pipeline stopped: No GPU here.\n"
        ),
        (
            "echo hello; cat",
            "gpuspool: the pipeline cannot start: The pipeline printed a line "
                + "that is no message of the protocol: 'hello'.\n"
        ),
    ]

    @Test(arguments: broken)
    func `a pipeline that cannot start ends the worker`(command: String, message: String) throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("work", "--set", "PIPELINE=\(command)")
            #expect(outcome.status == 1)
            #expect(outcome.error.hasSuffix(message), "\(outcome)")
        }
    }

    // It wrote lines of its own into the log, and on the operator's terminal.
    @Test func `what a pipeline says stays on its line`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    say(event="failed", job_id=order["job_id"], error="No.\\n<0>[JobQueue] x\\x1b[2J")
                """)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            let view = try spool.view(of: "a", is: "failed")
            #expect(view["error"]?.text == "No.\n<0>[JobQueue] x\u{1B}[2J")
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("Job a failed - No. <0>[JobQueue] x [2J\n")
                    ? true : nil
            }
            let list = try spool.run("list")
            #expect(list.output.hasSuffix("  failed: No. <0>[JobQueue] x [2J\n"), "\(list)")
            #expect(list.output.split(separator: "\n").count == 1)
        }
    }

    @Test(arguments: ["run", "work"], ["../x", "a/b", "", ".x"])
    func `a name that is no plain file name is refused`(command: String, name: String) throws {
        try TestSpool.use { spool in
            let outcome = try spool.run(command, "--name", name)
            #expect(outcome.status == 2)
            #expect(
                outcome.error == "gpuspool: --name is '\(name)'; it must be 1 to 64 bytes "
                    + "without / and control characters, not starting with . or -.\n")
            #expect(try spool.names(".spool").allSatisfy { !"\($0)".hasPrefix("x.") })
        }
    }

    @Test func `qwen is not there yet and says so`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("run", "--set", "PIPELINE=qwen")
            #expect(outcome.status == 78)
            #expect(outcome.error.contains("PIPELINE is 'qwen'"), "\(outcome)")
        }
    }

    @Test func `a Python without Pillow is passed over`() throws {
        try TestSpool.use { spool in
            spool.settings = []
            try Directory(spool.folder).makeDirectory("bin", mode: 0o755)
            let fake = "#!/bin/sh\necho 'ModuleNotFoundError: No module named PIL' >&2\nexit 1\n"
            try Disk.write(spool.folder / "bin/python3", fake.utf8, mode: 0o755)
            let path = ["PATH": "\(spool.folder)/bin:/usr/bin:/bin"]
            let worker = try spool.start("work", environment: path)
            _ = try spool.wait(for: "the pipeline") {
                try worker.printed().contains("Worker started") ? true : nil
            }
            #expect(try worker.stop() == .status(0))
        }
    }

    @Test func `PYTHON is asked before the path`() throws {
        try TestSpool.use { spool in
            let python = spool.folder / "my python"
            let script = "#!/bin/sh\ntouch \"${0%/*}/used\"\nexec /usr/bin/python3 \"$@\"\n"
            try Disk.write(python, script.utf8, mode: 0o755)
            let worker = try spool.start("work", "--set", "PYTHON=\(python)")
            _ = try spool.wait(for: "the pipeline") {
                try worker.printed().contains("Worker started") ? true : nil
            }
            #expect(try Disk.status(spool.folder / "used") != nil)
        }
    }
}
