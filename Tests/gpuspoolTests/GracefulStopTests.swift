import Linux
import SpoolFormat
import Testing

/// SIGTERM while a job runs.
@Suite(.serialized, .evidence) struct GracefulStopTests {
    private func waiting(in spool: TestSpool) throws -> FakePipeline {
        try spool.shell("mkfifo ../go")
        return try FakePipeline(
            in: spool,
            "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
    }

    /// Sends SIGTERM and waits until the process has taken it.
    private func terminate(_ process: Daemon, _ spool: TestSpool) throws {
        process.child.signal(.terminate)
        _ = try spool.wait(for: "the signal to be taken") { () -> Bool? in
            let status = try Disk.text(Path("/proc/\(process.pid)/status"))
            let pending = status.split(separator: "\n").first { $0.hasPrefix("ShdPnd:") }
            let mask = pending.flatMap { UInt64($0.dropFirst(8), radix: 16) }
            return try #require(mask, "\(status)") & (1 << 14) == 0 ? true : nil
        }
    }

    @Test func `a second SIGTERM stops at once and gives the job back to its place`() throws {
        try TestSpool.use("GRACE_SECONDS=600") { spool in
            let pipeline = try waiting(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            let child = try spool.wait(for: "the child") { try pipeline.jobs().first?.pid }
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            try terminate(service, spool)
            // The job goes on.
            #expect(ProcessWatch.isRunning(service.pid))
            #expect(ProcessWatch.isRunning(try #require(Int32(child))))
            #expect(try service.stop() == .status(0))
            #expect(!ProcessWatch.isRunning(try #require(Int32(child))))
            #expect(try spool.namesByAge("queued") == ["a", "b"])
            let record = try #require(try spool.json("queued/a/status.json"))
            #expect(record["attempts"] == .int(0))
            #expect(record["claims"] == .int(1))
            #expect(record["retries"] == .int(0))
            let order = try #require(record["order_ns"]?.integer)
            #expect(try spool.status("queued/a")?.modified == order)
            #expect(
                try spool.names("queued/a").map(\.description)
                    == ["a.png", "lease", "request.json", "status.json"])
            #expect(try service.printed().contains("Job a given back - It keeps its place\n"))
        }
    }

    @Test func `a job is given back as often as needed and never counts as tried`() throws {
        try TestSpool.use("MAX_ATTEMPTS=1") { spool in
            let pipeline = try waiting(in: spool)
            for round in 1...3 {
                let service = try spool.start("run", "--grace", "0", "--set", pipeline.setting)
                if round == 1 { try spool.drop("a") }
                _ = try spool.wait(for: "the job to run") {
                    try spool.status("running" / Path("a@\(round)"))
                }
                #expect(try service.stop() == .status(0))
                let record = try #require(try spool.json("queued/a/status.json"))
                #expect(record["attempts"] == .int(0))
                #expect(record["claims"] == .int(Int64(round)))
            }
            let quick = try FakePipeline(in: spool, name: "quick")
            _ = try spool.start("run", "--set", quick.setting)
            #expect(try spool.view(of: "a", is: "completed")["attempts"] == .int(1))
        }
    }

    @Test func `a job that ends within the grace is done`() throws {
        try TestSpool.use { spool in
            let pipeline = try waiting(in: spool)
            let service = try spool.start("run", "--grace", "600", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the child") { try pipeline.jobs().first?.pid }
            try terminate(service, spool)
            try spool.shell("echo > ../go")
            #expect(try service.end() == .status(0))
            #expect(try spool.names("done") == ["a"])
        }
    }

    @Test func `a job that outlasts the grace is given back`() throws {
        try TestSpool.use { spool in
            let pipeline = try waiting(in: spool)
            let service = try spool.start("run", "--grace", "0.3", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the child") { try pipeline.jobs().first?.pid }
            let before = Moment.now
            #expect(try service.stop() == .status(0))
            #expect(Moment.now >= before + .milliseconds(300))
            #expect(try spool.names("queued") == ["a"])
        }
    }
}
