import Linux
import SpoolFormat
import Testing

/// I4, the whole program: a worker whose lock was lost without its knowing, as a network
/// filesystem can lose it, can neither finish nor requeue nor fail its job.
@Suite(.serialized, .evidence) struct LostLockTests {
    /// Unlocks the worker's own descriptor of the lease, then locks the lease as another process
    /// and keeps it until the file `enough` is there.
    private static let thief = """
        import ctypes, fcntl, os, sys, time
        pid, lease, folder, keeps = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "keep"
        libc = ctypes.CDLL(None, use_errno=True)
        def call(*words):
            result = libc.syscall(*[ctypes.c_long(word) for word in words])
            if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return result
        file = os.open(lease, os.O_RDWR)
        wanted = os.fstat(file)
        process = call(434, pid, 0)
        found = [int(name) for name in os.listdir(f"/proc/{pid}/fd")
            if os.path.exists(f"/proc/{pid}/fd/{name}")
            and os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), wanted)]
        assert len(found) == 1, found
        theirs = call(438, process, found[0], 0)
        fcntl.flock(theirs, fcntl.LOCK_UN)
        if keeps: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(theirs)
        open(f"{folder}/stolen", "w").close()
        while keeps and not os.path.exists(f"{folder}/enough"): time.sleep(0.01)
        """

    /// What the pipeline of the job does once the lock is lost.
    enum End: String, CaseIterable {
        case finish = "good(order)"
        case fail =
            "say(event='failed', job_id=order['job_id'], error='No.', retryable=False)"
        case retry = "say(event='failed', job_id=order['job_id'], error='No.', retryable=True)"
        case die = "os._exit(3)"
    }

    private func pipeline(in spool: TestSpool, _ end: String) throws -> FakePipeline {
        try spool.shell("mkfifo ../go")
        return try FakePipeline(
            in: spool,
            """
            def edit(order):
                if order["instruction"] == "be good": return good(order)
                open("\(spool.folder)/go").read()
                \(end)
            """)
    }

    private func steal(_ spool: TestSpool, from worker: Daemon, keep: Bool) throws {
        try Disk.write(spool.folder / "thief.py", Self.thief.utf8)
        let thief = try spool.startShell(
            "exec /usr/bin/python3 \(spool.folder)/thief.py \(worker.pid) "
                + "\(spool.path)/running/a@1/lease \(spool.folder) "
                + (keep ? "keep" : "leave"))
        _ = try spool.wait(for: "the lock to be lost") {
            if !keep || ProcessWatch.isRunning(thief.pid) {
                return try Disk.status(spool.folder / "stolen")
            }
            throw Failure("no lock was taken: \(try thief.printed())")
        }
    }

    /// The record and what else a worker may change; the pipeline's output is not its doing.
    private func untouched(_ bundle: Path, _ spool: TestSpool) throws -> [String] {
        let names = try spool.names(bundle).map(\.description).filter { $0 != "out.1.part" }
        let record = String(decoding: try spool.read(bundle / "status.json") ?? [], as: UTF8.self)
        return names + [record]
    }

    @Test(arguments: End.allCases)
    func `a worker that lost its lock cannot end its job`(_ end: End) throws {
        try TestSpool.use("JOB_RETRY_SCAN_SECONDS=0.1", "JOB_RETRY_DELAY_SECONDS=0") { spool in
            let pipeline = try pipeline(in: spool, end.rawValue)
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the pipeline") { try pipeline.jobs().first }
            try steal(spool, from: worker, keep: true)
            let before = try untouched("running/a@1", spool)
            try spool.drop("b", "be good")
            _ = try spool.view(of: "b", is: "queued")
            try spool.shell("echo > ../go")
            _ = try spool.wait(for: "the loss to be told") {
                try worker.printed().contains(
                    "<3>[JobQueue] Job a was lost: its lease is not ours any more\n") ? true : nil
            }
            _ = try spool.view(of: "b", is: "completed")
            #expect(try untouched("running/a@1", spool) == before)
            #expect(try spool.names("running") == ["a@1"])
            #expect(try spool.names("done") == ["b"])
            #expect(try spool.names("failed").isEmpty && spool.names("queued").isEmpty)
            #expect(ProcessWatch.isRunning(worker.pid))
            // Whoever has the lock decides: with its end recovery may look.
            try Disk.write(spool.folder / "enough", [])
            _ = try spool.wait(for: "recovery") {
                try spool.status("running/a@1") == nil ? true : nil
            }
        }
    }

    /// Given back at a stop: not by one who has nothing to give.
    @Test func `a worker that lost its lock gives nothing back when it is stopped`() throws {
        try TestSpool.use("JOB_RETRY_SCAN_SECONDS=0.1") { spool in
            let pipeline = try pipeline(in: spool, "good(order)")
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--grace", "0", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the pipeline") { try pipeline.jobs().first }
            try steal(spool, from: worker, keep: true)
            let before = try untouched("running/a@1", spool)
            #expect(try worker.stop() == .status(0))
            #expect(try worker.printed().contains("Job a was lost"))
            #expect(try spool.names("running") == ["a@1"])
            #expect(try untouched("running/a@1", spool) == before)
        }
    }

    @Test func `a job that recovery took meanwhile is not touched by the one who lost it`() throws {
        try TestSpool.use("JOB_RETRY_SCAN_SECONDS=0.1") { spool in
            let pipeline = try pipeline(in: spool, "good(order)")
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the pipeline") { try pipeline.jobs().first }
            // So that nobody claims it again before we have looked.
            #expect(try spool.run("pause").status == 0)
            try steal(spool, from: worker, keep: false)
            _ = try spool.view(of: "a", is: "queued")
            #expect(try spool.names("running").isEmpty)
            let before = try untouched("queued/a", spool)
            let stamp = try spool.status("queued/a")?.modified
            try spool.shell("echo > ../go")
            _ = try spool.wait(for: "the loss to be told") {
                try worker.printed().contains("Job a was lost") ? true : nil
            }
            #expect(try untouched("queued/a", spool) == before)
            #expect(try spool.status("queued/a")?.modified == stamp)
            #expect(try spool.names("done").isEmpty && spool.names("failed").isEmpty)
            // It runs once more, and ends once.
            #expect(try spool.run("resume").status == 0)
            _ = try spool.wait(for: "the second run") {
                try pipeline.jobs().count == 2 ? true : nil
            }
            try spool.shell("echo > ../go")
            let end = try spool.view(of: "a", is: "completed")
            #expect(end["attempts"] == .int(2))
            #expect(try spool.json("done/a/status.json")?["claims"] == .int(2))
        }
    }
}
