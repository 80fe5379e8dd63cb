import Linux
import SpoolFormat
import Testing

/// Running jobs that are cancelled.
@Suite(.serialized, .evidence) struct CancelTests {
    /// A pipeline that reads its next order while it edits, and then does this.
    private func pipeline(in spool: TestSpool, then: String) throws -> FakePipeline {
        try FakePipeline(
            in: spool,
            """
            def edit(order):
                if order["instruction"] == "be good": return good(order)
                told = sys.stdin.readline()
                write("\(spool.folder)/told", told.encode())
                \(then)
            """)
    }

    private func told(_ spool: TestSpool) throws -> JSONValue {
        try spool.wait(for: "the pipeline to be told") {
            try Disk.json(spool.folder / "told")
        }
    }

    private func start(_ spool: TestSpool, _ pipeline: FakePipeline) throws {
        _ = try spool.start("watch")
        _ = try spool.start("work", "--set", pipeline.setting)
        try spool.drop("a")
        try spool.drop("b", "be good")
        _ = try spool.view(of: "a", is: "processing")
        _ = try spool.wait(for: "the pipeline") { try pipeline.jobs().first }
    }

    @Test(arguments: ["True", "False"])
    func `the pipeline is told and may go on with the next job`(retryable: String) throws {
        try TestSpool.use { spool in
            let pipeline = try pipeline(
                in: spool,
                then: "say(event='failed', job_id=order['job_id'], error='Stopped.', "
                    + "retryable=\(retryable))")
            try start(spool, pipeline)
            let outcome = try spool.run("cancel", "a")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.hasSuffix("  cancelled: The job was cancelled.\n"))
            #expect(try told(spool) == .object(["op": .string("cancel"), "job_id": .string("a")]))
            let record = try #require(try spool.json("failed/a/status.json"))
            #expect(record["status"]?.text == "cancelled")
            #expect(record["error"]?.text == "The job was cancelled.")
            _ = try spool.view(of: "b", is: "completed")
            #expect(Set(try pipeline.jobs().map(\.pid)).count == 1, "the pipeline was killed")
            _ = try spool.wait(for: "the order to go") {
                try spool.names(".spool/cancel").isEmpty ? true : nil
            }
        }
    }

    /// What a pipeline started must not go on computing behind its back.
    @Test func `a pipeline that does not stop is killed with its group after 5 s`() throws {
        try TestSpool.use { spool in
            let pipeline = try pipeline(
                in: spool,
                then: """
                    child = os.fork()
                        if child: write("\(spool.folder)/grandchild", str(child).encode())
                        time.sleep(600)
                    """)
            try start(spool, pipeline)
            let before = Moment.now
            try spool.put("incoming/a.cancel", "")
            let view = try spool.wait(for: "the order to be told") {
                try spool.json("status/a.json").flatMap {
                    $0["waiting_for"]?.text == "its worker to stop it" ? $0 : nil
                }
            }
            #expect(view["status"]?.text == "processing")
            _ = try spool.view(of: "a", is: "cancelled")
            #expect(Moment.now >= before + .seconds(5), "too early")
            #expect(try spool.status("incoming/a.cancel") == nil)
            let bytes = try #require(try Disk.read(spool.folder / "grandchild"))
            let grandchild = try #require(Int32(String(decoding: bytes, as: UTF8.self)))
            _ = try spool.wait(for: "its end") {
                ProcessWatch.isRunning(grandchild) ? nil : true
            }
            _ = try spool.view(of: "b", is: "completed")
            let jobs = try pipeline.jobs()
            #expect(jobs.map(\.id) == ["a", "b"])
            #expect(jobs[0].pid != jobs[1].pid)
        }
    }

    @Test func `a result that is whole first wins, and the command says so`() throws {
        try TestSpool.use { spool in
            let pipeline = try pipeline(in: spool, then: "good(order)")
            try start(spool, pipeline)
            let outcome = try spool.run("cancel", "a")
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("  completed, fake_"), "\(outcome)")
            #expect(try spool.names("done").contains("a"))
            _ = try spool.view(of: "b", is: "completed")
            _ = try spool.wait(for: "the order to go") {
                try spool.names(".spool/cancel").isEmpty ? true : nil
            }
        }
    }

    /// Recovery ends what its dead worker could not.
    @Test func `a job whose worker dies meanwhile is cancelled and not run again`() throws {
        try TestSpool.use { spool in
            let pipeline = try pipeline(in: spool, then: "time.sleep(600)")
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.wait(for: "the pipeline") { try pipeline.jobs().first }
            try spool.put("incoming/a.cancel", "")
            _ = try told(spool)
            worker.kill()
            let view = try spool.view(of: "a", is: "cancelled")
            #expect(view["dead_letter"] == .bool(false))
            #expect(try spool.names("failed") == ["a"])
        }
    }
}
