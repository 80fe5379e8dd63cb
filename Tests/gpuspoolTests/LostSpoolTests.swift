import Linux
import SpoolFormat
import Testing

/// A spool that is removed, replaced, renamed away, unmounted or mounted over while it is served.
@Suite(.serialized, .evidence) struct LostSpoolTests {
    static let roles = ["run", "watch", "work"]

    /// Starts a role; it says so when it serves.
    private func start(_ role: String, in spool: TestSpool, _ pipeline: FakePipeline) throws
        -> Daemon
    {
        var words = [role]
        if role != "watch" { words += ["--set", pipeline.setting] }
        let daemon = try spool.start(words: words)
        let sign = role == "watch" ? "Started" : "Worker started"
        _ = try spool.wait(for: "'\(sign)' of \(role)") {
            try daemon.printed().contains(sign) ? true : nil
        }
        return daemon
    }

    private func wait(for text: String, in spool: TestSpool, _ daemon: Daemon) throws {
        _ = try spool.wait(for: "'\(text)' in the log") {
            try daemon.printed().contains(text) ? true : nil
        }
    }

    private func count(_ text: String, in daemon: Daemon) throws -> Int {
        try daemon.printed().split(separator: "\n").count { $0.contains(text) }
    }

    @Test(arguments: roles)
    func `a removed spool is waited for, and served when it is made again`(role: String) throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try start(role, in: spool, pipeline)
            try spool.mount("rm -r spool")
            try wait(for: "The spool '\(spool.path)' is lost: ", in: spool, service)
            #expect(try service.printed().contains("--spool '\(spool.path)' init"))
            let made = try spool.run("init")
            #expect(made.status == 0, "\(made)")
            try wait(for: "Serving what stands there now.", in: spool, service)
            if role == "watch" { _ = try spool.start("work", "--set", pipeline.setting) }
            if role == "work" { _ = try spool.start("watch") }
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try count("is lost", in: service) == 1)
            #expect(try service.stop() == .status(0))
        }
    }

    @Test(arguments: roles)
    func `a stop while there is no spool is a good end`(role: String) throws {
        try TestSpool.use { spool in
            let service = try start(role, in: spool, try FakePipeline(in: spool))
            try spool.mount("mv spool elsewhere")
            try wait(for: "is lost", in: spool, service)
            #expect(try service.stop() == .status(0))
        }
    }

    /// The lease was held in the tree that was renamed: its job is not lost, and not left running.
    @Test func `a spool that is renamed away and back keeps the job that ran`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
            let service = try start("run", in: spool, pipeline)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            let child = try spool.wait(for: "the child") { try pipeline.jobs().first?.pid }
            try spool.mount("mv spool elsewhere")
            try wait(for: "is lost", in: spool, service)
            #expect(try Disk.names(spool.folder / "elsewhere/queued") == ["a"])
            #expect(try Disk.names(spool.folder / "elsewhere/running") == [])
            #expect(!ProcessWatch.isRunning(try #require(Int32(child))))
            try spool.mount("mv elsewhere spool")
            _ = try spool.view(of: "a", is: "processing")
            try spool.shell("echo > ../go")
            _ = try spool.view(of: "a", is: "completed")
            let record = try #require(try spool.json("done/a/status.json"))
            #expect(record["attempts"] == .int(1))
        }
    }

    @Test func `a renamed directory above the spool is seen`() throws {
        try TestSpool.use { spool in
            let service = try start("watch", in: spool, try FakePipeline(in: spool))
            let name = spool.folder.lastComponent
            try spool.mount("cd ..; mv \(name) \(name).moved")
            defer { try? spool.shell("mv \(spool.folder).moved \(spool.folder)") }
            _ = try spool.wait(for: "the loss") {
                let log = try Disk.read(
                    Path("\(spool.folder).moved") / service.log.lastComponent)
                return String(decoding: log ?? [], as: UTF8.self).contains("is lost") ? true : nil
            }
            try Directory("/tmp").rename(Path("\(name).moved"), to: name)
            try wait(for: "Serving what stands there now.", in: spool, service)
        }
    }

    @Test(arguments: ["queued", "running", "done", "status", ".spool/staging", ".spool/tmp"])
    func `a directory that is replaced is taken as it is now`(name: String) throws {
        try TestSpool.use { spool in
            let service = try start("run", in: spool, try FakePipeline(in: spool))
            try spool.shell("mkdir new; mv \(name) ../old; mv new \(name)")
            try wait(for: "Serving what stands there now.", in: spool, service)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try spool.json("queue.json")?["workers"]?.elements.count == 1)
            #expect(try spool.names(".spool/workers") == ["worker-1.json", "worker-1.lock"])
        }
    }

    @Test func `a directory that is missing is named, with what to do`() throws {
        try TestSpool.use { spool in
            let service = try start("run", in: spool, try FakePipeline(in: spool))
            try spool.shell("rmdir done")
            try wait(for: "is lost: 'done' is gone. Waiting: ", in: spool, service)
            #expect(try service.printed().contains("Make what is missing: gpuspool --spool "))
            try spool.shell("mkdir done")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try count("<3>", in: service) == 1)
        }
    }

    @Test func `a replaced incoming is opened anew and nothing else stops`() throws {
        try TestSpool.use { spool in
            let service = try start("run", in: spool, try FakePipeline(in: spool))
            try spool.shell("mv incoming ../old; mkdir incoming")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            try spool.shell("rm -r incoming")
            try wait(for: "Looking into the drop boxes", in: spool, service)
            try spool.shell("mkdir incoming")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
            #expect(try count("is lost", in: service) == 0)
        }
    }

    // MARK: Mounts

    private static let mayMount: ConditionTrait = .enabled(
        if: Mounts.arePossible, "needs root and mount namespaces")

    @Test(mayMount, arguments: roles)
    func `a mount over the spool hides it until it is unmounted`(role: String) throws {
        try TestSpool.use(mounting: ":") { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try start(role, in: spool, pipeline)
            try spool.mount("mount -t tmpfs over spool")
            try wait(
                for: "is lost: something else stands in its place. Waiting: ", in: spool, service)
            // An empty mount is no spool, and is not made one.
            #expect(try spool.names("").isEmpty)
            try spool.mount("umount spool")
            try wait(for: "Serving what stands there now.", in: spool, service)
            if role == "watch" { _ = try spool.start("work", "--set", pipeline.setting) }
            if role == "work" { _ = try spool.start("watch") }
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
        }
    }

    @Test(mayMount, arguments: ["queued", "done", ".spool"])
    func `a mount over a directory of the spool is seen`(name: String) throws {
        try TestSpool.use(mounting: ":") { spool in
            let service = try start("run", in: spool, try FakePipeline(in: spool))
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            try spool.mount("mount -t tmpfs over spool/\(name)")
            try wait(
                for: "is lost: something else stands in place of '\(name)'", in: spool, service)
            try spool.mount("umount spool/\(name)")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
        }
    }

    /// Renames out of another filesystem fail: the drops stay, and their senders are told.
    @Test(mayMount)
    func `a mount over incoming keeps its drops there and says why`() throws {
        try TestSpool.use(mounting: ":") { spool in
            let service = try start("run", in: spool, try FakePipeline(in: spool))
            try spool.mount("mount -t tmpfs over spool/incoming")
            let request = try spool.drop("a")
            let view = try spool.wait(for: "the reason") { () -> JSONValue? in
                let view = try spool.json("status/a.json")
                return view?["error"]?.text?.contains("EXDEV") == true ? view : nil
            }
            #expect(view["error"]?.text?.contains("must be on one filesystem") == true, "\(view)")
            #expect(try spool.read("incoming/a.json") == request)
            try spool.mount("umount spool/incoming")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
            #expect(try count("is lost", in: service) == 0)
        }
    }

    @Test(mayMount)
    func `a disk that is unmounted and mounted again is served again with its jobs`() throws {
        let disk = "truncate -s 64M disk; mkfs.ext4 -q disk; mount -o loop disk spool"
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            let watcher = try start("watch", in: spool, try FakePipeline(in: spool))
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try spool.mount("umount -l spool")
            try wait(for: "is lost", in: spool, watcher)
            // Everything was let go of.
            try spool.waitForFreeDisk()
            #expect(try spool.names("").isEmpty)
            try spool.mount("mount -o loop disk spool")
            try wait(for: "Serving what stands there now.", in: spool, watcher)
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            _ = try spool.view(of: "a", is: "completed")
        }
    }
}
