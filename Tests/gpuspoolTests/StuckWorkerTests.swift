import Linux
import SpoolFormat
import Testing

/// R4: a lease is never stolen; who holds one for too long is killed.
@Suite(.serialized, .evidence) struct StuckWorkerTests {
    /// Slow on purpose: a worker has a minute beyond its job's timeout.
    @Test func `a worker that is stuck is killed and its job runs again`() throws {
        try TestSpool.use("JOB_TIMEOUT_SECONDS=1", "JOB_RETRY_SCAN_SECONDS=0.5") { spool in
            let pipeline = try FakePipeline(in: spool, "def edit(order): time.sleep(600)")
            let watcher = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            let child = try spool.wait(for: "the child") { try pipeline.jobs().first?.pid }
            try spool.shell("kill -STOP \(worker.pid)")
            let before = Moment.now
            let exit = try worker.end(within: .seconds(90))
            #expect(exit == .signal(9))
            let seconds = Moment.now - before
            #expect(seconds >= .seconds(59), "killed after \(seconds)")
            _ = try spool.wait(for: "its pipeline's end") {
                ProcessWatch.isRunning(try #require(Int32(child))) ? nil : true
            }
            _ = try spool.view(of: "a", is: "queued")
            let record = try #require(try spool.json("queued/a/status.json"))
            #expect(record["attempts"] == .int(1))
            #expect(record["claims"] == .int(1))
            #expect(
                try watcher.printed().contains(
                    "<3>[JobQueue] Job a - Its worker is stuck: "
                        + "it holds the job for more than 61 s; killed\n"))
            let next = try FakePipeline(in: spool, name: "next")
            _ = try spool.start("work", "--set", next.setting)
            #expect(try spool.view(of: "a", is: "completed")["attempts"] == .int(2))
        }
    }
}
