import Linux
import SpoolFormat
import Testing

/// Full, read-only and failing disks, and (ObstacleLimitTests.swift) the machine's limits, with their
/// real causes.
///
/// What a drop meets is told once, the drop stays and says so, and all goes on by itself when the
/// cause is gone.
@Suite(.serialized, .evidence) struct ObstacleTests {
    private static let mayMount: ConditionTrait = .enabled(
        if: Mounts.arePossible, "needs root and mount namespaces")

    func start(_ spool: TestSpool, _ words: String...) throws -> Daemon {
        let pipeline = try FakePipeline(in: spool)
        let service = try spool.start(words: ["run", "--set", pipeline.setting] + words)
        _ = try spool.wait(for: "the service") {
            try service.printed().contains("Worker started") ? true : nil
        }
        return service
    }

    /// Waits until the view of a drop that waits in `incoming/` says this.
    func wait(for text: String, of id: String, in spool: TestSpool) throws -> JSONValue {
        try spool.wait(for: "the view of \(id) to say '\(text)'") {
            let view = try spool.json("status" / Path(id + ".json"))
            return view?["error"]?.text?.contains(text) == true ? view : nil
        }
    }

    func errors(_ service: Daemon) throws -> [Substring] {
        try service.printed().split(separator: "\n").filter { $0.hasPrefix("<3>") }
    }

    // MARK: The disk

    @Test(mayMount, arguments: ["size=3m", "size=3m,nr_inodes=160"])
    func `a drop waits while the disk is full, and comes in when there is room`(options: String)
        throws
    {
        let disk = "mount -t tmpfs -o \(options) tmpfs spool"
        let fill =
            options.contains("nr_inodes")
            ? "i=0; while touch .f$i 2>/dev/null; do i=$((i + 1)); done; rm .f0 .f1 .f2"
            : "head -c 10M /dev/zero > .f 2>/dev/null || :"
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            let service = try start(spool)
            let request = try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            try spool.shell("cp $PHOTOS/cat.png .part; echo '{\"instruction\":\"blur\"}' > .json")
            try spool.shell("cp .part .p2; cp .json .j2; " + fill)
            // A rename needs no room.
            try spool.shell("mv .part incoming/b.png")
            if options.contains("nr_inodes") { _ = try spool.view(of: "b", is: "receiving") }
            try spool.shell("mv .json incoming/b.json")
            _ = try spool.wait(for: "the log") {
                try errors(service).contains { $0.contains("ENOSPC") } ? true : nil
            }
            if options.contains("nr_inodes") {
                // A few files can still be made: enough for the view, not for the bundle.
                let view = try spool.view(of: "b", is: "throttled")
                #expect(view["error"]?.text?.contains("Free space") == true, "\(view)")
            }
            #expect(try spool.names("incoming") == ["b.json", "b.png"])
            #expect(try spool.names("queued") == [])
            try spool.shell("mv .p2 incoming/c.png; mv .j2 incoming/c.json")
            try spool.shell("rm .f*")
            for id in ["b", "c"] { _ = try spool.view(of: id, is: "completed") }
            let told = try errors(service)
            #expect(told.count == 1, "\(told)")
            #expect(told.first?.contains("Free space on the spool's disk") == true)
            #expect(try spool.read("done/a/request.json") == request)
        }
    }

    /// The counts cannot be written while the disk is full; what stands in the trash is freed all
    /// the same.
    @Test(mayMount) func `a full disk does not stop cleanup`() throws {
        let disk = "mount -t tmpfs -o size=4m tmpfs spool"
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            let service = try start(spool)
            for id in ["a", "b", "c"] {
                try spool.drop(id)
                _ = try spool.view(of: id, is: "completed")
            }
            #expect(try service.stop() == .status(0))
            try spool.shell("rm status/*; head -c 10M /dev/zero > .f 2>/dev/null || :")
            try spool.shell("until ! echo full >> .g; do :; done 2>/dev/null")
            let swept = try spool.run("clean", "--set", "RESULT_TTL_SECONDS=0")
            #expect(swept.status == 0, "\(swept)")
            #expect(swept.output.hasPrefix("Removed 3 jobs"), "\(swept)")
            #expect(try spool.names("done") == [])
            #expect(try spool.names(".spool/trash") == [])
            #expect(try spool.json(".spool/totals")?["completed"] == .int(3))
        }
    }

    /// Neither the views nor, with no file left, the watcher's lock can be made at first.
    @Test(mayMount, arguments: ["size=4m", "size=4m,nr_inodes=200"])
    func `a service starts on a full disk and cleans up first`(options: String) throws {
        let disk = "mount -t tmpfs -o \(options) tmpfs spool"
        try TestSpool.use(
            "MIN_FREE_BYTES=0", "RESULT_TTL_SECONDS=1", mounting: disk
        ) { spool in
            let first = try start(spool, "--set", "RESULT_TTL_SECONDS=3600")
            for id in ["a1", "a2", "a3"] {
                try spool.drop(id)
                _ = try spool.view(of: id, is: "completed")
            }
            try spool.shell("kill -9 \(first.pid)")
            _ = try first.end()
            try spool.shell("rm -f HOWTO.txt .spool/watcher.lock")
            try spool.shell("cp $PHOTOS/cat.png .part; echo '{\"instruction\":\"blur\"}' > .json")
            try spool.shell(
                options.contains("nr_inodes")
                    ? "i=0; while touch .f$i 2>/dev/null; do i=$((i + 1)); done"
                    : "head -c 10M /dev/zero > .f 2>/dev/null || :")
            try spool.shell("mv .part incoming/b.png; mv .json incoming/b.json")
            _ = try start(spool)
            // What ended before made the room for it.
            _ = try spool.view(of: "b", is: "completed")
        }
    }

    @Test(mayMount) func `an end of a job waits for room on the disk`() throws {
        let disk = "mount -t tmpfs -o size=3m tmpfs spool"
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                """
                def edit(order):
                    write(order["output"], PHOTO)
                    open('\(spool.folder)/go').read()
                    done(order)
                """)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "the output") {
                try spool.names("running/a@1").contains("out.1.part") ? true : nil
            }
            try spool.shell("head -c 10M /dev/zero > .f 2>/dev/null || :; echo > ../go")
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("ENOSPC") ? true : nil
            }
            #expect(try spool.names("running") == ["a@1"])
            try spool.shell("rm .f")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["a"])
        }
    }

    @Test(mayMount) func `a disk without room refuses with server_busy`() throws {
        let disk = "mount -t tmpfs -o size=4m,nr_inodes=300 tmpfs spool"
        try TestSpool.use("MIN_FREE_BYTES=2000000", mounting: disk) { spool in
            let service = try start(spool)
            try spool.shell("head -c 2500000 /dev/zero > .f")
            try spool.drop("a")
            let view = try spool.view(of: "a", is: "rejected")
            #expect(view["code"]?.text == "server_busy")
            #expect(view["http_status"] == .int(503))
            try spool.shell("rm .f")
            try spool.drop("b")
            _ = try spool.view(of: "b", is: "completed")
            // Room for bytes, but not for files.
            try spool.shell("i=0; while [ $i -lt 200 ]; do : > .f$i; i=$((i + 1)); done")
            try spool.drop("c")
            #expect(try spool.view(of: "c", is: "rejected")["code"]?.text == "server_busy")
            #expect(try errors(service) == [])
        }
    }

    @Test(mayMount) func `a service on a read-only disk waits until it may write`() throws {
        try TestSpool.use(mounting: "mount -t tmpfs tmpfs spool") { spool in
            try spool.drop("a")
            try spool.mount("mount -o remount,ro spool")
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("Remount the spool's disk for writing.")
                    ? true : nil
            }
            try spool.mount("mount -o remount,rw spool")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try errors(service).count == 1)
        }
    }

    /// What ext4 does with itself when it finds an error.
    @Test(mayMount) func `a disk that becomes read-only under the service is waited for`() throws {
        let disk = """
            truncate -s 64M disk; mkfs.ext4 -q disk
            mount -o loop,errors=remount-ro disk spool
            """
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            let service = try start(spool)
            try spool.shell("kill -STOP \(service.pid)")
            let request = try spool.drop("a")
            try spool.shell(
                """
                loop=$(findmnt -n -o SOURCE .); case $loop in /dev/loop*) ;; *) exit 1 ;; esac
                sync; echo 1 > /sys/fs/ext4/${loop#/dev/}/trigger_fs_error
                kill -CONT \(service.pid)
                """)
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("Remount the spool's disk for writing.")
                    ? true : nil
            }
            #expect(try spool.read("incoming/a.json") == request)
            // Such a disk wants to be checked first: it is mounted anew.
            try spool.mount("umount -l spool")
            try spool.waitForFreeDisk()
            try spool.mount("fsck.ext4 -p disk >fsck.log || [ $? -lt 4 ]; mount -o loop disk spool")
            _ = try spool.view(of: "a", is: "completed")
            #expect(try errors(service).count { $0.contains("EROFS") } == 1)
        }
    }

    @Test(
        mayMount, .enabled(if: Mounts.has("xfs_io") && Mounts.has("mkfs.xfs"), "needs xfsprogs"),
        arguments: ["ext4 -q", "xfs -q"])
    func `a disk that fails is let go of, and served again when it is mounted anew`(kind: String)
        throws
    {
        let disk = "truncate -s 300M disk; mkfs.\(kind) disk; mount -o loop disk spool"
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
            let service = try spool.start("run", "--set", pipeline.setting)
            let request = try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            _ = try spool.wait(for: "its claim to be durable") {
                try spool.json("running/a@1/status.json")?["claims"] == .int(1) ? true : nil
            }
            try spool.shell("findmnt -n -o SOURCE . | grep -q ^/dev/loop; xfs_io -x -c shutdown .")
            try spool.mount("echo > go")
            _ = try spool.wait(for: "the loss") {
                try service.printed().contains("is lost") ? true : nil
            }
            _ = try spool.wait(for: "the disk to be free") {
                try spool.isTrue("umount spool") ? true : nil
            }
            try spool.mount("mount -o loop disk spool")
            _ = try spool.wait(for: "the job to run again") {
                try pipeline.jobs().count == 2 ? true : nil
            }
            try spool.mount("echo > go")
            // Views are not durable: until they are written anew one may be empty.
            try spool.wait(for: "a", in: "done")
            #expect(try spool.read("done/a/request.json") == request)
            #expect(try errors(service).count { $0.contains("EIO") } <= 2)
        }
    }

    @Test(mayMount, .enabled(if: Mounts.has("mkfs.btrfs"), "needs btrfs-progs"))
    func `a used-up quota is waited for`() throws {
        let disk = """
            truncate -s 200M disk; mkfs.btrfs -q disk; mkdir all; mount -o loop disk all
            btrfs -q subvolume create all/s; btrfs quota enable all; mount --bind all/s spool
            """
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: disk) { spool in
            let service = try start(spool)
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            try spool.shell("kill -STOP \(service.pid)")
            let request = try spool.drop("b")
            try spool.mount("sync; btrfs qgroup limit 4M spool")
            try spool.shell("head -c 10M /dev/zero > .f 2>/dev/null || :; sync")
            try spool.shell("kill -CONT \(service.pid)")
            _ = try spool.wait(for: "the log") {
                try service.printed().contains("EDQUOT") ? true : nil
            }
            #expect(try service.printed().contains("Raise the quota of the spool's user"))
            #expect(try spool.read("incoming/b.json") == request)
            try spool.mount("btrfs qgroup limit none spool")
            _ = try spool.view(of: "b", is: "completed")
        }
    }
}
