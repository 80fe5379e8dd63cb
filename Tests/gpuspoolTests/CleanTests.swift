import Linux
import SpoolFormat
import Testing

/// What is old goes, all else stays, and the totals are exact.
@Suite(.serialized, .evidence) struct CleanTests {
    /// One job of each end: `good` in done, `bad` in failed, `wrong` in rejected.
    private func fill(_ spool: TestSpool) throws {
        let pipeline = try FakePipeline(
            in: spool,
            """
            def edit(order):
                if order["instruction"] == "fail":
                    say(event="failed", job_id=order["job_id"], error="No.", kind="internal")
                else: good(order)
            """)
        _ = try spool.start("watch")
        let worker = try spool.start("work", "--set", pipeline.setting)
        try spool.drop("good")
        try spool.drop("bad", "fail")
        try spool.put("incoming/wrong.json", "{}")
        try spool.shell("cp $PHOTOS/cat.png incoming/wrong.png")
        _ = try spool.view(of: "good", is: "completed")
        _ = try spool.view(of: "bad", is: "failed")
        _ = try spool.view(of: "wrong", is: "rejected")
        // Until it has ended it may hold a lease, and what is held is not cleaned up.
        #expect(try worker.stop() == .status(0))
    }

    // The watcher and the worker beside it stood still, and heard no SIGTERM.
    @Test func `another cleanup that hangs does not hold up a service`() throws {
        try TestSpool.use { spool in
            let lock = spool.path / ".spool/totals.lock"
            let other = try spool.startShell("exec flock \(lock) sleep 1000")
            _ = try spool.wait(for: "its lock") {
                try spool.isTrue("! flock -n \(lock) true") ? true : nil
            }
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try service.stop() == .status(0))
            other.kill()
        }
    }

    static let lives: [(setting: String, gone: String, state: String)] = [
        ("RESULT_TTL_SECONDS", "good", "done"), ("FAILED_TTL_SECONDS", "bad", "failed"),
        ("REJECTED_TTL_SECONDS", "wrong", "rejected"),
    ]

    @Test(arguments: lives)
    func `only what is over its own time goes`(setting: String, gone: String, state: String) throws
    {
        try TestSpool.use { spool in
            try fill(spool)
            let nothing = try spool.run("clean", "--json")
            #expect(nothing.output.contains("\"removed\" : [\n\n  ]"), "\(nothing)")
            let swept = try spool.run("clean", "--json", "--set", "\(setting)=0")
            #expect(swept.status == 0)
            #expect(swept.output.contains("\"job_id\" : \"\(gone)\""), "\(swept)")
            #expect(swept.output.contains("\"state\" : \"\(state)\""))
            #expect(try spool.names(Path(state)).isEmpty)
            _ = try spool.wait(for: "the view to go") {
                try spool.status("status" / Path(gone + ".json")) == nil ? true : nil
            }
            #expect(try spool.names("status").count == 2)
            #expect(try spool.names(".spool/trash").isEmpty)
            let unknown = try spool.run("status", gone)
            #expect(unknown.status == 3)
            let queue = try spool.wait(for: "the queue's view") {
                try spool.json("queue.json").flatMap { $0["total_jobs"] == .int(2) ? $0 : nil }
            }
            for count in ["completed_count", "failed_count", "rejected_count"] {
                #expect(queue[count] == .int(1), "\(count)")
            }
        }
    }

    @Test func `a link in a bundle is removed and not followed`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            try spool.shell(
                "mkdir -p ../outside/deep; echo mine > ../outside/deep/file; "
                    + "ln -s ../../../outside done/good/link; ln -s ../../../../outside done/good/x; "
                    + "mkdir done/good/sub; ln -s ../../../../outside done/good/sub/link")
            let before = try Disk.status(spool.folder / "outside/deep/file")
            #expect(try spool.run("clean", "--set", "RESULT_TTL_SECONDS=0").status == 0)
            #expect(try spool.names("done").isEmpty)
            #expect(try Disk.status(spool.folder / "outside/deep/file") == before)
            #expect(try spool.names(".spool/trash").isEmpty)
        }
    }

    /// `find -mmin` must agree with the record.
    @Test func `the mtime of a finished bundle is when it ended`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            for bundle: Path in ["done/good", "failed/bad", "rejected/wrong"] {
                let record = try #require(try spool.json(bundle / "status.json"))
                let text = try #require(record["completed_at"]?.text)
                let ended = try #require(Timestamp(rfc3339: text))
                let modified = try #require(try spool.status(bundle)?.modified)
                #expect(modified / 1_000_000 == ended.nanoseconds / 1_000_000, "\(bundle)")
            }
        }
    }

    @Test func `refused drops above MAX_REJECTED_BYTES go, the oldest first`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            for stem in ["c", "b", "a"] {
                try spool.put("incoming" / Path(stem + ".json"), "{}")
                try spool.shell("cp $PHOTOS/cat.png incoming/\(stem).png")
                _ = try spool.view(of: stem, is: "rejected")
            }
            let swept = try spool.run("clean", "--set", "MAX_REJECTED_BYTES=600000")
            #expect(swept.output.hasPrefix("Removed 1 jobs, "), "\(swept)")
            #expect(try spool.names("rejected") == ["a", "b"])
            let rest = try spool.run("clean", "--set", "MAX_REJECTED_BYTES=0")
            #expect(rest.output.hasPrefix("Removed 2 jobs, "), "\(rest)")
            _ = try spool.wait(for: "the queue's view") {
                let queue = try spool.json("queue.json")
                let isCounted = queue?["rejected_count"] == .int(3)
                return isCounted && queue?["total_jobs"] == .int(0) ? true : nil
            }
        }
    }

    @Test func `run cleans up by itself when a job's time is over`() throws {
        try TestSpool.use("RESULT_TTL_SECONDS=1") { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            let view = try spool.view(of: "a", is: "completed")
            let text = try #require(view["completed_at"]?.text)
            let ended = try #require(Timestamp(rfc3339: text))
            _ = try spool.wait(for: "it to go") {
                try spool.names("done").isEmpty && spool.names("status").isEmpty ? true : nil
            }
            let now = Timestamp(nanoseconds: WallClock.nanoseconds)
            #expect(now >= ended.advanced(by: .milliseconds(999)), "too early")
            _ = try spool.wait(for: "its count") {
                try spool.json("queue.json")?["completed_count"] == .int(1) ? true : nil
            }
        }
    }

    /// A crash between the totals and the unlinking counts nothing twice.
    @Test func `what a crash left in the trash is counted once`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            try spool.shell("mv done/good .spool/trash/good.1.1")
            #expect(try spool.run("clean").status == 0)
            #expect(try spool.names(".spool/trash").isEmpty)
            #expect(try spool.run("clean").status == 0)
            // The bundle leaves `done/` before it is counted: the view may tell both one by one.
            _ = try spool.wait(for: "the queue's view") {
                let queue = try spool.json("queue.json")
                return queue?["total_jobs"] == .int(2) && queue?["completed_count"] == .int(1)
                    ? true : nil
            }
        }
    }
}
