import Linux
import SpoolFormat
import Testing

/// I9: a process that has nothing to do does nothing.
///
/// The context switches count every wake-up; the one wait of fixed length in these tests.
@Suite(.serialized, .evidence) struct IdleTests {
    /// What others mount meanwhile is an event, and not to be seen.
    private let mounting = Mounts.arePossible ? ":" : nil

    @Test func `idle watchers and workers do not wake up`() throws {
        try TestSpool.use(mounting: mounting) { spool in
            let watcher = try spool.start("watch")
            let worker = try spool.start("work")
            try spool.drop("a")
            try spool.put("incoming/b.json", "{}")
            try spool.shell("cp $PHOTOS/cat.png incoming/b.png")
            _ = try spool.view(of: "a", is: "completed")
            _ = try spool.view(of: "b", is: "rejected")
            try spool.waitForWorker()
            let processes = [("watch", watcher.pid), ("work", worker.pid)]
            // What was under way ends: the kernel says so, no clock.
            for (_, pid) in processes { try quiet(pid, in: spool) }
            let before = try processes.map { try Activity(of: $0.1) }
            try Waiting.pause(.seconds(2))
            let after = try processes.map { try Activity(of: $0.1) }
            for (index, (role, _)) in processes.enumerated() {
                #expect(after[index] == before[index], "\(role)")
            }
        }
    }

    /// Whatever waits for somebody's word, for a slot or for its time is not asked for again.
    @Test func `orders and jobs that wait wake nobody`() throws {
        try TestSpool.use(
            "MAX_INFLIGHT_JOBS=3", "JOB_RETRY_DELAY_SECONDS=600", mounting: mounting
        ) { spool in
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    say(event="failed", job_id=order["job_id"], error="No.",
                        retryable=order["instruction"] == "again")
                """)
            let watcher = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("failed", "fail")
            _ = try spool.view(of: "failed", is: "failed")
            try spool.drop("later", "again")
            _ = try spool.wait(for: "the wait") {
                try spool.json("status/later.json")?["attempts"] == .int(1) ? true : nil
            }
            #expect(try spool.run("pause").status == 0)
            for stem in ["held", "paused"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "queued")
            }
            #expect(try spool.run("hold", "held").status == 0)
            #expect(try spool.run("retry", "failed").status == 0)
            #expect(try spool.names(".spool/retry") == ["failed"])
            for pid in [watcher.pid, worker.pid] { try quiet(pid, in: spool) }
            let before = try [watcher, worker].map { try Activity(of: $0.pid) }
            try Waiting.pause(.seconds(2))
            #expect(try [watcher, worker].map { try Activity(of: $0.pid) } == before)
            #expect(try spool.namesByAge("queued") == ["held", "paused", "later"])
        }
    }

    /// Waits until a process did nothing for a tenth of a second.
    private func quiet(_ pid: Int32, in spool: TestSpool) throws {
        var last: Activity?
        _ = try spool.wait(for: "process \(pid) to rest") { () -> Bool? in
            let before = last
            try Waiting.pause(.milliseconds(100))
            last = try Activity(of: pid)
            return last == before ? true : nil
        }
    }

    /// What a process has done so far.
    private struct Activity: Equatable {
        let ticks: Int
        let switches: Int

        init(of pid: Int32) throws {
            let stat = try Disk.text(Path("/proc/\(pid)/stat"))
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            let times = fields.dropFirst(11).prefix(2).compactMap { Int($0) }
            let status = try Disk.text(Path("/proc/\(pid)/status"))
            let line = status.split(separator: "\n").first {
                $0.hasPrefix("voluntary_ctxt_switches:")
            }
            ticks = times.reduce(0, +)
            switches = try #require(
                line.flatMap { Int($0.split(separator: "\t").last ?? "") }, "\(status)")
        }
    }
}
