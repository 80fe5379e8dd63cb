import Linux
import SpoolFormat
import Testing

/// Directories of which the kernel tells no events, or only of what this machine does.
@Suite(.serialized, .evidence) struct PollingTests {
    private static let mayMount = ConditionTrait.enabled(
        if: Mounts.arePossible, Comment(rawValue: Mounts.reason))
    private static let hasFUSE = ConditionTrait.enabled(
        if: Mounts.arePossible && Mounts.has("bindfs") && Mounts.has("fusermount3")
            && (try? Disk.status("/dev/fuse")).flatMap { $0 } != nil,
        "needs root, mount namespaces, /dev/fuse, bindfs and fuse3")
    private static let hasTracer = ConditionTrait.enabled(
        if: Mounts.has("strace"), "needs strace")

    /// All of the spool on an overlay; what is written to `disk/upper` raises no event in it.
    private static let overlay = """
        mkdir disk; mount -t tmpfs tmpfs disk; mkdir disk/lower disk/upper disk/work
        mount -t overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work none spool
        """
    /// The same with FUSE.
    private static let bound = "mkdir beneath; bindfs beneath spool"

    private func drop(beneath folder: String, in spool: TestSpool) throws {
        try spool.mount(
            """
            cp "$PHOTOS/cat.png" \(folder)/a.png
            echo '{"instruction": "blur"}' > \(folder)/a.json
            """)
    }

    private func wait(for line: String, from service: Daemon, _ spool: TestSpool) throws {
        _ = try spool.wait(for: "'\(line)'") {
            try service.printed().contains(line) ? true : nil
        }
    }

    @Test(
        hasFUSE,
        arguments: [
            ("overlay", overlay, "disk/upper/incoming"), ("FUSE", bound, "beneath/incoming"),
        ])
    func `a drop beneath is found`(kind: String, mount: String, folder: String) throws {
        try TestSpool.use("SCAN_SECONDS=0.5", mounting: mount) { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.waitForWorker()
            #expect(
                try service.printed().contains(
                    "<6>[JobQueue] 'incoming' is listed every 0.5 s: \(kind) tells nothing of "
                        + "changes that are made elsewhere\n"))
            try drop(beneath: folder, in: spool)
            _ = try spool.view(of: "a", is: "completed")
        }
    }

    /// Each pass put the listing off: with something going on all the time there was none.
    @Test(mayMount)
    func `what is going on elsewhere does not put the listing off`() throws {
        try TestSpool.use("SCAN_SECONDS=0.5", mounting: PollingTests.overlay) { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            try spool.waitForWorker()
            _ = try spool.startShell("while :; do : > spool/incoming/.x; sleep 0.05; done")
            try drop(beneath: "disk/upper/incoming", in: spool)
            _ = try spool.view(of: "a", is: "completed")
        }
    }

    /// It cannot be taken from another filesystem: that its sender is told shows that it was seen.
    @Test(hasFUSE)
    func `a FUSE mount that comes later is listed, and events count again when it goes`() throws {
        try TestSpool.use("SCAN_SECONDS=0.5", mounting: "mkdir beneath") { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.waitForWorker()
            try spool.mount("bindfs beneath spool/incoming")
            try wait(for: "'incoming' is listed every 0.5 s: FUSE tells", from: service, spool)
            try drop(beneath: "beneath", in: spool)
            _ = try spool.wait(for: "the answer") {
                try spool.json("status/a.json")?["error"]?.text?.contains("EXDEV")
            }
            // Busy while it is being listed.
            _ = try spool.wait(for: "its end") {
                try? spool.mount("fusermount3 -u spool/incoming")
            }
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
        }
    }

    /// The kernel is made to say that it watches, and does not.
    @Test(mayMount, hasTracer)
    func `a directory without events is listed until they come`() throws {
        try TestSpool.use { spool in
            try spool.put(Path(".spool/inlet/.gpuspool-probe.\(Int32.max).aa"), "")
            let service = try spool.startShell(
                """
                exec strace -f -o /dev/null -P '\(spool.path)/incoming' \
                    -e inject=inotify_add_watch:retval=999:when=1..2 \
                    '\(Program.path)' --spool spool --set SCAN_SECONDS=0.5 watch
                """)
            try wait(
                for: "<6>[JobQueue] 'incoming' is listed every 0.5 s: no event came of a file that "
                    + "was made there\n", from: service, spool)
            _ = try spool.wait(for: "the end of what a probe left") {
                try spool.names(".spool/inlet") == [] ? true : nil
            }
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            try wait(
                for: "<6>[JobQueue] Events come from 'incoming' now\n", from: service, spool)
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "queued")
        }
    }
}
