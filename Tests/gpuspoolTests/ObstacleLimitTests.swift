import Linux
import SpoolFormat
import Testing

extension ObstacleTests {
    @Test func `a process without a free descriptor waits for one`() throws {
        try TestSpool.use { spool in
            let service = try start(spool)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            let soft = "prlimit --pid \(service.pid) --nofile"
            try spool.shell("\(soft)=10:")
            try spool.drop("b")
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("EMFILE") ? true : nil
            }
            #expect(try service.printed().contains("This process may have 10 files open"))
            try spool.shell("\(soft)=1024:")
            _ = try spool.view(of: "b", is: "completed")
            #expect(try errors(service).count == 1)
        }
    }

    @Test func `a worker without a free descriptor waits for one`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.waitForWorker()
            try spool.shell("prlimit --pid \(worker.pid) --nofile=5:")
            try spool.drop("a")
            _ = try spool.wait(for: "the log") {
                try worker.printed().contains("EMFILE") ? true : nil
            }
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            try spool.shell("prlimit --pid \(worker.pid) --nofile=1024:")
            for id in ["a", "b"] { _ = try spool.view(of: id, is: "completed") }
            #expect(try pipeline.jobs().map(\.id) == ["a", "b"])
            #expect(try errors(worker).count == 1)
        }
    }

    /// Its job was done: what the worker itself is short of is no reason to run it again.
    @Test func `a worker that cannot open a result yet looks again`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    write(order["output"], PHOTO)
                    open('\(spool.folder)/go').read()
                    done(order)
                """)
            _ = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "a durable claim and the output") {
                try spool.names("running/a@1").contains("out.1.part")
                    && spool.json("running/a@1/status.json")?["claims"] == .int(1) ? true : nil
            }
            try spool.shell("prlimit --pid \(worker.pid) --nofile=5:; echo > ../go")
            _ = try spool.wait(for: "the log") {
                try worker.printed().contains("Reading the pipeline's output") ? true : nil
            }
            try spool.shell("prlimit --pid \(worker.pid) --nofile=1024:")
            let view = try spool.view(of: "a", is: "completed")
            #expect(view["attempts"] == .int(1))
            #expect(try pipeline.jobs().map(\.id) == ["a"])
        }
    }

    /// A user namespace has limits of its own below those of the machine.
    private func limited(_ limit: String, _ value: Int, in spool: TestSpool) throws -> String {
        """
        unshare -U -r /bin/sh -c 'echo \(value) > /proc/sys/user/\(limit) \
        && echo $$ > \(spool.folder)/pid \
        && exec \(Program.path) --spool \(spool.path) --set SCAN_SECONDS=1 watch'
        """
    }

    private static let mayLimit: ConditionTrait = .enabled(
        if: Mounts.has("unshare")
            && (try? Disk.status("/proc/sys/user/max_inotify_watches")).flatMap { $0 } != nil,
        "needs user namespaces with inotify limits")

    @Test(mayLimit) func `folders beyond the limit of watches are served all the same`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.startShell(
                try limited("max_inotify_watches", 50, in: spool))
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            for number in 1...60 { try spool.shell("mkdir incoming/f\(number)") }
            _ = try spool.wait(for: "the log") {
                try watcher.printed().contains("fs.inotify.max_user_watches") ? true : nil
            }
            for number in [1, 30, 59, 60] {
                let box = Path("incoming/f\(number)")
                try spool.drop("photo", box: box)
                _ = try spool.view(of: "f\(number)", is: "queued")
            }
            let told = try errors(watcher)
            #expect(told.count == 1, "\(told)")
            #expect(told.first?.contains("listed every 1 s now") == true, "\(told)")
            // Once there are watches again, nothing is polled.
            try spool.shell("rmdir incoming/f*")
            try spool.shell("mkdir incoming/last")
            try spool.drop("photo", box: "incoming/last")
            _ = try spool.view(of: "last", is: "queued")
        }
    }

    @Test(mayLimit) func `a service that cannot have inotify yet says so and waits`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let watcher = try spool.startShell(
                "export NOTIFY_SOCKET='\(manager.address)'\n"
                    + limited("max_inotify_instances", 1, in: spool))
            _ = try spool.wait(for: "the log") {
                try watcher.printed().contains("fs.inotify.max_user_instances") ? true : nil
            }
            #expect(try watcher.printed().contains("cannot be served yet. Waiting: "))
            // It may take as long as it takes, and does not serve meanwhile.
            try manager.wait(for: "STATUS='\(spool.path)' cannot be served yet. Waiting: ")
            try manager.wait(for: "EXTEND_TIMEOUT_USEC=")
            let pid = try spool.wait(for: "its pid") {
                try Disk.text(spool.folder / "pid").split(separator: "\n").first
            }
            try spool.shell(
                """
                nsenter -t \(pid) -U --preserve-credentials \
                /bin/sh -c 'echo 100 > /proc/sys/user/max_inotify_instances'
                """)
            let ready = try manager.wait(for: "READY=1")
            #expect(ready == ["READY=1", "STATUS=Idle; no worker"])
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
        }
    }
}
