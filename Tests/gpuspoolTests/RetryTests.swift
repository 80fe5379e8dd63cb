import Linux
import SpoolFormat
import Testing

/// Jobs that run again, by themselves or because somebody says so.
@Suite(.serialized, .evidence) struct RetryTests {
    /// Fails as the instruction says until the file `mended` is there.
    private func pipeline(in spool: TestSpool) throws -> FakePipeline {
        try FakePipeline(
            in: spool,
            """
            def edit(order):
                if os.path.exists("\(spool.folder)/mended"): return good(order)
                if order["instruction"] == "die": os._exit(3)
                say(event="failed", job_id=order["job_id"], error="No memory.",
                    retryable=order["instruction"] == "again")
            """)
    }

    private func record(_ path: Path, in spool: TestSpool) throws -> JSONValue {
        try #require(try spool.json(path / "status.json"))
    }

    @Test func `a retryable failure comes back later by a future mtime`() throws {
        try TestSpool.use("JOB_RETRY_DELAY_SECONDS=2", "MAX_ATTEMPTS=3") { spool in
            let pipeline = try pipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a", "again")
            let view = try spool.wait(for: "the wait") {
                try spool.json("status/a.json").flatMap {
                    $0["waiting_for"]?.text == nil || $0["status"]?.text != "queued" ? nil : $0
                }
            }
            let waiting = try record("queued/a", in: spool)
            let due = try #require(waiting["due_ns"]?.integer)
            #expect(try spool.status("queued/a")?.modified == due)
            #expect(view["waiting_for"]?.text == Timestamp(nanoseconds: due).rfc3339)
            #expect(view["error"]?.text == "No memory.")
            #expect(waiting["attempts"] == .int(1))
            // Nobody waits behind it.
            try Disk.write(spool.folder / "mended", [])
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["a", "b"])
            let end = try spool.view(of: "a", is: "completed")
            let started = try #require(end["started_at"]?.text)
            #expect(started >= Timestamp(nanoseconds: due).rfc3339, "too early")
            #expect(end["attempts"] == .int(2))
            #expect(end["error"] == .null)
            #expect(
                try service.printed().contains(
                    "<4>[JobQueue] Job a will be tried again at "
                        + "\(Timestamp(nanoseconds: due).rfc3339) - No memory.\n"))
            #expect(try spool.json("queue.json")?["retries_total"] == .int(1))
        }
    }

    @Test func `at MAX_ATTEMPTS a job is a dead letter`() throws {
        try TestSpool.use("JOB_RETRY_DELAY_SECONDS=0", "MAX_ATTEMPTS=3") { spool in
            let pipeline = try pipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a", "again")
            let view = try spool.view(of: "a", is: "failed")
            #expect(view["dead_letter"] == .bool(true))
            #expect(view["attempts"] == .int(3))
            #expect(view["error"]?.text == "No memory.")
            #expect(try pipeline.jobs().count == 3)
        }
    }

    @Test func `what is not retryable fails at once`() throws {
        try TestSpool.use("JOB_RETRY_DELAY_SECONDS=0") { spool in
            let pipeline = try pipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a", "fail")
            let view = try spool.view(of: "a", is: "failed")
            #expect(view["dead_letter"] == .bool(false))
            #expect(try pipeline.jobs().count == 1)
            // A person may think otherwise.
            try Disk.write(spool.folder / "mended", [])
            let before = try record("failed/a", in: spool)
            #expect(try spool.run("retry", "a").status == 0)
            let end = try spool.view(of: "a", is: "completed")
            #expect(end["attempts"] == .int(1))
            let after = try record("done/a", in: spool)
            #expect(after["claims"] == .int(2))
            #expect(after["seed"] == before["seed"], "a retry must repeat the seed")
            #expect(try spool.read("done/a/a.png") == TestSpool.photo("cat.png"))
        }
    }

    @Test func `a drop that was refused for want of room is retried when there is some`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=1") { spool in
            _ = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            let request = try spool.drop("b")
            _ = try spool.view(of: "b", is: "rejected")
            // The order is taken, and waits.
            #expect(try spool.run("retry", "b").status == 0)
            #expect(
                try spool.json("status/b.json")?["waiting_for"]?.text
                    == "a free place in the queue")
            #expect(try spool.names("rejected") == ["b"])
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            let end = try spool.view(of: "b", is: "completed")
            #expect(end["code"] == nil)
            #expect(try spool.status("done/b/reason.json") == nil)
            #expect(try spool.read("done/b/request.json") == request)
            #expect(try pipeline.jobs().map(\.id) == ["a", "b"])
        }
    }

    @Test func `a job that kills its pipeline twice is replayed like all dead letters`() throws {
        try TestSpool.use("JOB_RETRY_DELAY_SECONDS=0") { spool in
            _ = try spool.start("watch")
            expectNone(try spool.run("replay"))
            let pipeline = try pipeline(in: spool)
            let worker = try spool.start("work", "--set", pipeline.setting)
            for stem in ["c", "a"] {
                try spool.drop(stem, "die")
                let view = try spool.view(of: stem, is: "failed")
                #expect(view["dead_letter"] == .bool(true))
                #expect(view["attempts"] == .int(2))
                #expect(view["error"]?.text == "The pipeline died (exit status 3).")
            }
            try spool.drop("no letter", "fail")
            _ = try spool.view(of: "no letter", is: "failed")
            #expect(try worker.stop() == .status(0))
            let replayed = try spool.run("replay", "--max-per-minute", "60")
            #expect(replayed.status == 0, "\(replayed)")
            let lines = replayed.output.split(separator: "\n")
            #expect(lines.map { $0.prefix(1) } == ["c", "a"], "the oldest first: \(replayed)")
            #expect(try spool.namesByAge("queued") == ["c", "a"])
            #expect(try spool.names("failed") == ["no letter"])
            let orders = try ["c", "a"].map {
                try record("queued" / Path($0), in: spool)["order_ns"]?.integer ?? 0
            }
            #expect(orders[1] - orders[0] >= 1_000_000_000, "more than 60 a minute")
            #expect(try record("queued/c", in: spool)["pipeline_kills"] == .int(0))
            expectNone(try spool.run("replay"))
        }
    }

    private func expectNone(
        _ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            outcome
                == Outcome(
                    exit: .status(0), output: "There are no dead letters.\n", error: ""),
            sourceLocation: sourceLocation)
    }

    @Test func `a job that nobody takes in time fails and says so`() throws {
        try TestSpool.use("JOB_PENDING_TIMEOUT_SECONDS=0.5") { spool in
            let watcher = try spool.start("watch")
            try spool.drop("a")
            let view = try spool.view(of: "a", is: "failed")
            #expect(view["error"]?.text == "No worker took the job within 0.5 s.")
            #expect(
                try watcher.printed().contains(
                    "Job a failed - No worker took the job within 0.5 s.\n"))
        }
    }
}
