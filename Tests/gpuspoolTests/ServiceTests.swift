import Linux
import SpoolFormat
import Testing

/// Watcher, worker and cleanup as processes of their own: their ends and deaths.
@Suite(.serialized, .evidence) struct ServiceTests {
    /// Its pipeline waits until something is written to the FIFO `go`.
    private func waiting(in spool: TestSpool) throws -> FakePipeline {
        try spool.shell("mkfifo ../go")
        return try FakePipeline(
            in: spool,
            "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
    }

    @Test func `three processes serve a spool together`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let watcher = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            for stem in ["a", "b", "c"] { try spool.drop(stem) }
            for stem in ["a", "b", "c"] { _ = try spool.view(of: stem, is: "completed") }
            // Until it has ended it may hold the last bundle's lease.
            #expect(try worker.stop() == .status(0))
            let swept = try spool.run("clean", "--set", "RESULT_TTL_SECONDS=0")
            #expect(swept.output.hasPrefix("Removed 3 jobs, "), "\(swept)")
            _ = try spool.wait(for: "the views to go") {
                try spool.names("status").isEmpty ? true : nil
            }
            #expect(try watcher.stop() == .status(0))
            let queue = try #require(try spool.json("queue.json"))
            #expect(queue["completed_count"] == .int(3))
            #expect(queue["total_jobs"] == .int(0))
        }
    }

    @Test func `the log says what users know`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("3317c7b1-4a5d-4e8f-9c2a-1b3d4e5f6a7b", "Make the sky blue")
            let view = try spool.view(
                of: "3317c7b1-4a5d-4e8f-9c2a-1b3d4e5f6a7b", is: "completed")
            #expect(try service.stop() == .status(0))
            let result = try #require(view["result_path"]?.text)
            let lines = try service.printed().split(separator: "\n").filter {
                !$0.contains("Worker started")
            }
            #expect(
                lines == [
                    "<6>[JobQueue] Started - Max size: 10, Cleanup age: 3600s",
                    "<6>[JobQueue] Job 3317c7b1 submitted - Queue size: 1",
                    "<6>[JobQueue] Processing job 3317c7b1 - Make the sky blue...",
                    "<6>[JobQueue] Job 3317c7b1 completed - Path: \(result)",
                ])
            #expect(try service.printed().contains("<6>[JobQueue] Worker started\n"))
        }
    }

    @Test func `a killed worker loses no job and leaves no child`() throws {
        try TestSpool.use { spool in
            let pipeline = try waiting(in: spool)
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            let request = try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            let job = try spool.wait(for: "the child") { try pipeline.jobs().first }
            let child = try #require(Int32(job.pid))
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            // Its group dies by the kernel's word, not by ours: only the worker itself is killed.
            try spool.shell("kill -9 \(worker.pid)")
            _ = try worker.end()
            _ = try spool.wait(for: "the child's death") {
                ProcessWatch.isRunning(child) ? nil : true
            }
            // The watcher returns it to its old place; the attempt counts.
            _ = try spool.view(of: "a", is: "queued")
            #expect(try spool.names("running").isEmpty)
            #expect(try spool.namesByAge("queued") == ["a", "b"])
            #expect(try spool.json("queued/a/status.json")?["attempts"] == .int(1))
            let next = try FakePipeline(in: spool, name: "next")
            _ = try spool.start("work", "--set", next.setting)
            for id in ["a", "b"] { _ = try spool.view(of: id, is: "completed") }
            #expect(try next.jobs().map(\.id) == ["a", "a", "b"])
            #expect(try spool.json("done/a/status.json")?["attempts"] == .int(2))
            #expect(try spool.read("done/a/request.json") == request)
            #expect(try spool.read("done/a/a.png") == TestSpool.photo("cat.png"))
        }
    }

    @Test func `a stopped service without grace gives its job back to its place`() throws {
        try TestSpool.use { spool in
            let pipeline = try waiting(in: spool)
            let service = try spool.start("run", "--grace", "0", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            let before = try #require(try spool.json("running/a@1/status.json"))
            let child = try #require(try pipeline.jobs().first.flatMap { Int32($0.pid) })
            #expect(try service.stop() == .status(0))
            #expect(try spool.namesByAge("queued") == ["a", "b"])
            #expect(try spool.names("running").isEmpty)
            #expect(!ProcessWatch.isRunning(child))
            let after = try #require(try spool.json("queued/a/status.json"))
            #expect(before["attempts"] == .int(1))
            #expect(after["attempts"] == .int(0))
            #expect(after["status"]?.text == "queued")
            #expect(after["started_at"] == .null)
            let order = try #require(after["order_ns"]?.integer)
            #expect(try spool.status("queued/a")?.modified == order)
            let quick = try FakePipeline(in: spool, name: "quick")
            _ = try spool.start("run", "--set", quick.setting)
            _ = try spool.view(of: "b", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["a", "a", "b"])
            let record = try #require(try spool.json("done/a/status.json"))
            #expect(record["attempts"] == .int(1))
            #expect(record["claims"] == .int(2))
        }
    }

    @Test func `a stopped worker finishes its job and takes no other`() throws {
        try TestSpool.use { spool in
            let pipeline = try waiting(in: spool)
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            worker.child.signal(.terminate)
            try spool.shell("kill -0 \(worker.pid); echo > ../go")
            #expect(try worker.end() == .status(0))
            _ = try spool.view(of: "a", is: "completed")
            #expect(try spool.names("queued") == ["b"])
        }
    }

    @Test func `a second watcher says who the first one is`() throws {
        try TestSpool.use { spool in
            let first = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            for command in ["watch", "run"] {
                let second = try spool.run(command)
                #expect(second.status == 78)
                #expect(
                    second.error.contains(
                        "another watcher serves '\(spool.path)': process \(first.pid) on "),
                    "\(second)")
            }
            first.kill()
            let third = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try third.stop() == .status(0))
        }
    }

    @Test func `a worker's name is taken once`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let first = try spool.start("work", "--name", "gpu", "--set", pipeline.setting)
            _ = try spool.wait(for: "it") {
                try first.printed().contains("Worker started") ? true : nil
            }
            let second = try spool.run("work", "--name", "gpu", "--set", pipeline.setting)
            #expect(second.status == 71)
            #expect(second.error.contains("gpu"), "\(second)")
        }
    }

    /// Views, the count and the order come from the directories alone.
    @Test func `a new watcher knows all that stands there`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=2") { spool in
            let first = try spool.start("watch")
            for stem in ["a", "b", "c"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "queued", "rejected")
            }
            let before = try spool.names("status").map { try spool.json("status" / $0)?["status"] }
            first.kill()
            try spool.shell("rm -r status/* queue.json; echo '{}' > status/ghost.json")
            _ = try spool.start("watch")
            for stem in ["a", "b", "c"] { _ = try spool.view(of: stem, is: "queued", "rejected") }
            #expect(try spool.names("status") == ["a.json", "b.json", "c.json"])
            let after = try spool.names("status").map { try spool.json("status" / $0)?["status"] }
            #expect(after == before)
            try spool.drop("d")
            #expect(try spool.view(of: "d", is: "queued", "rejected")["code"]?.text == "queue_full")
        }
    }
}
