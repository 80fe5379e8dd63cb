import Linux
import SpoolFormat
import Testing

/// `doctor`: one line for each thing that the spool stands on.
@Suite(.serialized, .evidence) struct DoctorTests {
    private static let mayMount = ConditionTrait.enabled(
        if: Mounts.arePossible, Comment(rawValue: Mounts.reason))
    private static let isRoot = ConditionTrait.enabled(if: Host.user == 0, "needs root")

    /// The lines of one check, in the order printed.
    private func lines(_ name: String, in outcome: Outcome) -> [String] {
        outcome.output.split(separator: "\n").map { String($0) }.filter {
            $0.dropFirst(9).hasPrefix("\(name): ")
        }
    }

    private func failed(_ name: String, _ line: String, in outcome: Outcome) {
        #expect(outcome.status == 1)
        #expect(lines(name, in: outcome).contains("FAIL     \(name): \(line)"), "\(outcome)")
    }

    @Test(isRoot) func `a good place is fine, and nothing stays behind`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkdir incoming/kiosk; echo '{}' > .spool/stations/kiosk")
            let before = try Disk.tree(spool.path)
            let outcome = try spool.run("doctor")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.error.isEmpty)
            let names = [
                "settings", "permissions", "filesystem", "space", "rename", "times", "names",
                "locks",
                "read leases", "clock", "events", "pipeline",
            ]
            let printed = outcome.output.split(separator: "\n")
            #expect(printed.dropLast().allSatisfy { $0.hasPrefix("OK       ") }, "\(outcome)")
            #expect(printed.count == names.count + 1)
            for (line, name) in zip(printed, names) {
                #expect(line.dropFirst(9).hasPrefix("\(name): "), "\(outcome)")
            }
            #expect(printed.last == "12 checks, 0 warnings, 0 failed.")
            #expect(
                lines("events", in: outcome) == [
                    "OK       events: the kernel tells what happens in 'incoming', "
                        + "'incoming/kiosk', '.spool/inlet'."
                ])
            #expect(
                lines("pipeline", in: outcome)[0].hasPrefix("OK       pipeline: 'rules' starts"))
            #expect(try Disk.tree(spool.path) == before)
            #expect(try spool.names(".spool/tmp") == [])
        }
    }

    @Test func `as JSON`() throws {
        try TestSpool.use { spool in
            try spool.shell("rmdir .spool/held")
            let outcome = try spool.run("doctor", "--json")
            #expect(outcome.status == 1)
            let report = try #require(
                JSONText.decode(JSONValue.self, from: Array(outcome.output.utf8)))
            let checks = try #require(report["checks"]?.elements)
            let first = try #require(checks.first)
            #expect(first["check"]?.text == "settings")
            #expect(first["verdict"]?.text == "ok")
            #expect(first["finding"]?.text == "all are understood")
            #expect(first["remedy"] == .null)
            let missing = checks.first { $0["verdict"]?.text == "fail" }
            #expect(missing?["check"]?.text == "permissions")
            #expect(missing?["finding"]?.text == "the directory '.spool/held' is not there")
            #expect(
                missing?["remedy"]?.text?.hasSuffix("gpuspool --spool '\(spool.path)' init") == true
            )
        }
    }

    /// A second pipeline might not fit beside the worker's.
    @Test(isRoot) func `a spool in use is not disturbed`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.waitForWorker()
            for stem in ["a", "b", "c"] { try spool.drop(stem) }
            let outcome = try spool.run(
                "doctor", "--set", "PIPELINE=touch '\(spool.folder)/second'")
            for stem in ["a", "b", "c"] { _ = try spool.view(of: stem, is: "completed") }
            #expect(outcome.status == 0, "\(outcome)")
            #expect(lines("pipeline", in: outcome)[0].hasPrefix("OK       pipeline: worker '"))
            #expect(try Disk.status(spool.folder / "second") == nil)
            #expect(try service.stop() == .status(0))
            let log = try service.printed()
            #expect(!log.contains("<3>") && !log.contains("<4>"), "\(log)")
        }
    }

    @Test func `settings that cannot be used`() throws {
        try TestSpool.use { spool in
            try spool.put("spool.conf", "COLOUR=red\n")
            let outcome = try spool.run("doctor")
            let line = try #require(lines("settings", in: outcome).first)
            #expect(line.hasPrefix("FAIL     settings: \(spool.path)/spool.conf, line 1: unknown "))
            #expect(outcome.status == 1)
            #expect(lines("rename", in: outcome).count == 1)
            try spool.put("spool.conf", "AUTH=none\nDURABILITY=relaxed\n")
            #expect(
                lines("settings", in: try spool.run("doctor")).map { $0.prefix(35) } == [
                    "WARNING  settings: AUTH has no effe", "WARNING  settings: DURABILITY=relax",
                ])
        }
    }

    @Test(isRoot) func `what is open to others, or another's`() throws {
        try TestSpool.use { spool in
            try spool.shell("chmod 777 incoming done; chmod 755 queued; chown 1 .spool/cancel")
            let outcome = try spool.run("doctor")
            let path = spool.path
            #expect(
                lines("permissions", in: outcome) == [
                    "WARNING  permissions: 'queued' (mode 755) may be read by others. "
                        + "chmod go= '\(path)/queued'.",
                    "FAIL     permissions: '.spool/cancel' belongs to daemon, '.spool' to root. "
                        + "chown root '\(path)/.spool/cancel'.",
                    "FAIL     permissions: 'done' (mode 777) may be written by others. "
                        + "chmod go-w '\(path)/done'.",
                    "WARNING  permissions: in 'incoming' (mode 777) each sender may remove "
                        + "another's drop. chmod +t '\(path)/incoming'.",
                ])
            #expect(outcome.status == 1)
            try spool.shell("chmod 1777 incoming; chmod 755 done; chown 0 .spool/cancel")
            #expect(try spool.run("doctor").status == 0)
        }
    }

    @Test func `a pipeline that does not start`() throws {
        try TestSpool.use("PIPELINE=exit 3") { spool in
            failed(
                "pipeline",
                "'exit 3' does not start: it ended before it was ready: exit status 3. "
                    + "Try the command by hand, or set PIPELINE.", in: try spool.run("doctor"))
        }
    }

    // MARK: Disks

    @Test(mayMount) func `a directory that is mounted over`() throws {
        try TestSpool.use(mounting: ":") { spool in
            // The same filesystem, and yet no rename leads there.
            try spool.mount("mount --bind spool/done spool/done")
            failed(
                "filesystem",
                "'done' (\(try kind(spool))) is another filesystem, or another mount, "
                    + "than the spool (\(try kind(spool))): nothing can be renamed there. The whole "
                    + "spool must be on one filesystem: unmount what is mounted inside it.",
                in: try spool.run("doctor"))
        }
    }

    private func kind(_ spool: TestSpool) throws -> String {
        try FileSystem(of: try Directory(spool.path)).kind
    }

    @Test(mayMount) func `a full disk, and one that may only be read`() throws {
        try TestSpool.use(mounting: "mount -t tmpfs -o size=8m,mode=755 tmpfs spool") { spool in
            let line = try #require(lines("space", in: try spool.run("doctor")).first)
            #expect(line.hasPrefix("FAIL     space: ") && line.contains(": the door is closed"))
            try spool.mount("mount -o remount,ro spool")
            let outcome = try spool.run("doctor")
            let probe = try #require(lines("probe", in: outcome).first)
            #expect(probe.hasPrefix("FAIL     probe: mkdir "), "\(outcome)")
            #expect(probe.hasSuffix("(EROFS). Remount the spool's disk for writing."), "\(outcome)")
            #expect(outcome.status == 1)
        }
    }

    @Test(mayMount) func `an overlay tells no events of what is beneath`() throws {
        let overlay = """
            mkdir disk; mount -t tmpfs tmpfs disk; mkdir disk/lower disk/upper disk/work
            mount -t overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work none spool
            """
        try TestSpool.use("MIN_FREE_BYTES=0", mounting: overlay) { spool in
            let outcome = try spool.run("doctor")
            #expect(
                lines("events", in: outcome).first
                    == "WARNING  events: 'incoming' is listed every 5 s: overlay tells nothing of "
                    + "changes that are made elsewhere. Put the spool on a disk of this machine: "
                    + "ext4, XFS, btrfs or tmpfs. Or, to be quicker, set SCAN_SECONDS lower.")
            #expect(lines("read leases", in: outcome).first?.hasPrefix("WARNING") == true)
            #expect(outcome.status == 0)
        }
    }

    @Test(
        .enabled(
            if: Mounts.arePossible && Mounts.has("bindfs") && Mounts.has("fusermount3")
                && (try? Disk.status("/dev/fuse")).flatMap { $0 } != nil,
            "needs root, mount namespaces, /dev/fuse, bindfs and fuse3"))
    func `a FUSE filesystem that cannot rename without replacing`() throws {
        try TestSpool.use(mounting: "mkdir beneath; bindfs beneath spool") { spool in
            let outcome = try spool.run("doctor")
            #expect(
                lines("rename", in: outcome) == [
                    "WARNING  rename: the disk does not know RENAME_NOREPLACE: a name that is taken "
                        + "in the moment between a look and the rename is replaced. Put the spool "
                        + "on a disk of this machine: ext4, XFS, btrfs or tmpfs."
                ])
            #expect(lines("events", in: outcome).first?.contains("FUSE tells nothing") == true)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    /// A FUSE filesystem that folds case and keeps times to the second.
    private static let exfat = """
        truncate -s 16M disk; mkfs.exfat disk; loop=$(losetup -f --show disk)
        mount.exfat-fuse "$loop" spool; losetup -d "$loop"
        """
    private static let hasExFAT = ConditionTrait.enabled(
        if: Mounts.arePossible && Mounts.has("mount.exfat-fuse") && Mounts.has("mkfs.exfat")
            && (try? Disk.status("/dev/fuse")).flatMap { $0 } != nil,
        "needs root, mount namespaces, loop devices, /dev/fuse, exfat-fuse and exfatprogs")

    @Test(hasExFAT) func `a disk with coarse times that folds case`() throws {
        try TestSpool.use(mounting: DoctorTests.exfat) { spool in
            defer { unmount(spool) }
            let outcome = try spool.run("doctor")
            failed(
                "times",
                "the disk makes 1705314600000000000 of the time 1705314600123456789: jobs would "
                    + "not run in the order they came in. Put the spool on a disk of this machine: "
                    + "ext4, XFS, btrfs or tmpfs.", in: outcome)
            failed(
                "names",
                "'name' and 'NAME' are one file here: drops and jobs would be taken for each "
                    + "other. Use a directory without case folding.", in: outcome)
            let clock = lines("clock", in: outcome)
            #expect(clock == ["OK       clock: the disk's is this machine's."])
        }
    }

    /// Gives a program another clock.
    private static let clock: Path? = ["x86_64", "aarch64"].map { machine in
        Path("/usr/lib/\(machine)-linux-gnu/faketime/libfaketime.so.1")
    }.first { (try? Disk.status($0)).flatMap { $0 } != nil }

    /// The disk's driver has another clock than this machine.
    @Test(
        hasExFAT, .enabled(if: clock != nil, "needs faketime"),
        arguments: [("-1h", 3000...4000, "behind"), ("+90s", 60...120, "ahead of")])
    func `a disk with another clock`(
        shift: String, range: ClosedRange<Int>, words: String
    ) throws {
        let clock = try #require(DoctorTests.clock)
        let driver = "LD_PRELOAD=\(clock) FAKETIME=\(shift) mount.exfat"
        let mount = DoctorTests.exfat.replacing("mount.exfat", with: driver)
        try TestSpool.use(mounting: mount) { spool in
            defer { unmount(spool) }
            let line = try #require(lines("clock", in: try spool.run("doctor")).first)
            let start = "WARNING  clock: the disk's is "
            let seconds = try #require(Int(line.dropFirst(start.count).prefix { $0.isNumber }))
            #expect(range.contains(seconds))
            #expect(
                line == "\(start)\(seconds) s \(words) this machine's. Have both set by the same "
                    + "time server (NTP).")
        }
    }

    /// Its driver, which has the disk open, ends with the mount alone.
    private func unmount(_ spool: TestSpool) {
        #expect(throws: Never.self) {
            try spool.mount("umount spool")
            try spool.waitForFreeDisk()
        }
    }

    @Test(isRoot, .enabled(if: Mounts.has("setpriv"), "needs setpriv"))
    func `a service without CAP_LEASE`() throws {
        try TestSpool.use { spool in
            try spool.shell(
                "setpriv --bounding-set=-lease --inh-caps=-lease '\(Program.path)' "
                    + "--spool '\(spool.path)' doctor > ../said")
            let said = String(decoding: try #require(try spool.read("../said")), as: UTF8.self)
            #expect(
                said.contains(
                    "WARNING  read leases: are not permitted on files of other users: a file is "
                        + "taken when it was quiet for 5 s. Give the service CAP_LEASE "
                        + "(AmbientCapabilities=CAP_LEASE in its unit).\n"))
        }
    }
}
