import Linux
import SpoolFormat
import Testing

/// SIGHUP: the settings are read again.
@Suite(.serialized, .evidence) struct ReloadTests {
    private func reload(_ service: Daemon, _ spool: TestSpool, _ settings: String) throws {
        try Disk.write(spool.path / "spool.conf.new", settings.utf8)
        try Directory(spool.path).replace("spool.conf", with: "spool.conf.new")
        service.child.signal(.hangUp)
    }

    private func wait(for line: String, from service: Daemon, _ spool: TestSpool) throws {
        _ = try spool.wait(for: "'\(line)'") {
            try service.printed().contains(line) ? true : nil
        }
    }

    @Test func `a new maximum is obeyed from now on`() throws {
        try TestSpool.use { spool in
            try spool.put("spool.conf", "MAX_INFLIGHT_JOBS=1\n")
            let watcher = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "rejected")
            try reload(watcher, spool, "MAX_INFLIGHT_JOBS=2\n")
            try wait(for: "<6>[JobQueue] Settings read again\n", from: watcher, spool)
            _ = try spool.wait(for: "the view") {
                try spool.json("queue.json")?["max_queue_size"] == .int(2) ? true : nil
            }
            let howto = String(decoding: try spool.read("HOWTO.txt") ?? [], as: UTF8.self)
            #expect(howto.contains("At most 2 photos wait or are edited at a time."))
            try spool.drop("c")
            _ = try spool.view(of: "c", is: "queued")
            try spool.drop("d")
            let view = try spool.view(of: "d", is: "rejected")
            #expect(
                view["detail"]?.text == "Queue is full (maximum 2 jobs). Please try again later.")
        }
    }

    /// A retry that waited finds its place.
    @Test func `what waits for room is looked at again`() throws {
        try TestSpool.use { spool in
            try spool.put("spool.conf", "MAX_INFLIGHT_JOBS=1\nOVERFLOW=hold\n")
            let watcher = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "throttled")
            try reload(watcher, spool, "MAX_INFLIGHT_JOBS=2\nOVERFLOW=hold\n")
            _ = try spool.view(of: "b", is: "queued")
        }
    }

    @Test(arguments: [
        ("MAX_INFLIGHT_JOBS=3\nCOLOUR=red\n", "line 2: unknown setting 'COLOUR'."),
        ("MAX_INFLIGHT_JOBS=many\n", "line 1: MAX_INFLIGHT_JOBS is 'many'; it must be "),
    ])
    func `a bad file changes nothing and says so`(_ settings: String, _ problem: String) throws {
        try TestSpool.use { spool in
            try spool.put("spool.conf", "MAX_INFLIGHT_JOBS=1\n")
            let watcher = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try reload(watcher, spool, settings)
            try wait(
                for: "<3>[JobQueue] The settings stay as they were: "
                    + "\(spool.path)/spool.conf, \(problem)", from: watcher, spool)
            try spool.drop("b")
            let view = try spool.view(of: "b", is: "rejected")
            #expect(
                view["detail"]?.text == "Queue is full (maximum 1 jobs). Please try again later.")
            #expect(try watcher.stop() == .status(0))
        }
    }

    @Test func `flags go before the file when it is read again, too`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=4") { spool in
            let watcher = try spool.start("watch")
            _ = try spool.wait(for: "the view") { try spool.json("queue.json") }
            try reload(watcher, spool, "MAX_INFLIGHT_JOBS=2\n")
            try wait(for: "Settings read again\n", from: watcher, spool)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try spool.json("queue.json")?["max_queue_size"] == .int(4))
        }
    }

    @Test func `another pipeline takes over when the job at hand is done`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkfifo ../go")
            let old = try FakePipeline(
                in: spool, name: "old",
                """
                import select
                def edit(order):
                    open("\(spool.folder)/go").read()
                    hears = bool(select.select([0], [], [], 0)[0])
                    write("\(spool.folder)/hears", str(hears).encode())
                    good(order)
                """)
            let new = try FakePipeline(
                in: spool, name: "new",
                "def load(order): say(event='ready', model='new', models=['new'])")
            try spool.put("spool.conf", old.setting + "\n")
            let service = try spool.start("run")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            let pid = try spool.wait(for: "the child") { try old.jobs().first?.pid }
            try reload(service, spool, new.setting + "\n")
            try wait(for: "Settings read again\n", from: service, spool)
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
            #expect(ProcessWatch.isRunning(try #require(Int32(pid))))
            try spool.shell("echo > ../go")
            #expect(try spool.view(of: "a", is: "completed")["model"]?.text == "fake")
            #expect(try spool.view(of: "b", is: "completed")["model"]?.text == "new")
            // The end of its input comes behind its last job.
            #expect(try Disk.read(spool.folder / "hears") == Array("False".utf8))
            let jobs = try new.jobs()
            #expect(jobs.map(\.id) == ["a", "b"])
            #expect(jobs[0].pid != jobs[1].pid)
            #expect(!ProcessWatch.isRunning(try #require(Int32(pid))))
            #expect(
                try service.printed().contains(
                    "The pipeline is exchanged: the settings have changed\n"))
        }
    }

    @Test func `the same pipeline stays`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            for (index, stem) in ["a", "b"].enumerated() {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "completed")
                if index == 0 {
                    try reload(service, spool, "RETRY_AFTER_SECONDS=7\n")
                    try wait(for: "Settings read again\n", from: service, spool)
                }
            }
            #expect(Set(try pipeline.jobs().map(\.pid)).count == 1)
        }
    }
}
