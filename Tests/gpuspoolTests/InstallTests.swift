import FoundationEssentials
import Linux
import SpoolFormat
import Testing

/// What `install` puts where, and that it does no harm. What systemd makes of it is tested in
/// Tests/Systemd.
@Suite(.serialized, .evidence) struct InstallTests {
    /// Runs a command with everything below a directory of the test's own.
    private func package(_ spool: TestSpool, _ words: String...) throws -> Outcome {
        try spool.runWords(words, environment: ["DESTDIR": "\(spool.folder)/root"])
    }

    private func lines(_ outcome: Outcome, _ action: String) -> [String] {
        outcome.output.split(separator: "\n").filter { $0.hasPrefix(action + " ") }.map {
            String($0.drop { $0 != "/" })
        }
    }

    private func root(_ spool: TestSpool) -> Path { spool.folder / "root" }

    private static let units: Path = "usr/local/lib/systemd/system"

    /// The files of `systemd/`.
    private static let shipped = Path(#filePath).parent.parent.parent / "systemd"

    @Test func `every file of systemd has its place, and the program is this one`() throws {
        try TestSpool.use { spool in
            let outcome = try package(spool, "install")
            #expect(outcome.status == 0, "\(outcome)")
            let tree = try Disk.tree(root(spool))
            #expect(try tree["usr/local/bin/gpuspool"] == Disk.read(Program.path))
            #expect(try Disk.status(root(spool) / "usr/local/bin/gpuspool")?.mode == 0o755)
            for (name, bytes) in try Disk.tree(Self.shipped) {
                let path: Path =
                    switch name {
                    case "gpuspool.env": "etc/gpuspool.env"
                    case "gpuspool.sysusers": "usr/local/lib/sysusers.d/gpuspool.conf"
                    case "gpuspool.tmpfiles": "usr/local/lib/tmpfiles.d/gpuspool.conf"
                    case "smb.conf": "usr/local/share/gpuspool/smb.conf"
                    default: Self.units / name
                    }
                #expect(tree[path] == bytes, "\(path)")
            }
            for shell in ["bash", "zsh", "fish"] {
                let path: Path =
                    switch shell {
                    case "bash": "share/bash-completion/completions/gpuspool"
                    case "zsh": "share/zsh/site-functions/_gpuspool"
                    default: "share/fish/vendor_completions.d/gpuspool.fish"
                    }
                let script = try spool.runPlain("completion", shell).output
                #expect(tree["usr/local" / path] == Array(script.utf8))
            }
            let page = try spool.runPlain("man").output
            #expect(tree["usr/local/share/man/man1/gpuspool.1"] == Array(page.utf8))
            let made = lines(outcome, "made").map { Path($0) }.sorted()
            let files = tree.keys.map { root(spool) / $0 }.filter { $0.lastComponent != "manifest" }
            #expect(made == files.sorted())
        }
    }

    @Test func `again, nothing changes`() throws {
        try TestSpool.use { spool in
            let first = try package(spool, "install")
            let before = try statuses(root(spool))
            let second = try package(spool, "install")
            #expect(second.status == 0)
            #expect(lines(second, "unchanged") == lines(first, "made"))
            #expect(try statuses(root(spool)) == before)
        }
    }

    /// What the kernel says of every file below a directory.
    private func statuses(_ path: Path) throws -> [Path: FileStatus?] {
        var statuses: [Path: FileStatus?] = [:]
        for name in try Disk.tree(path).keys { statuses[name] = try Disk.status(path / name) }
        return statuses
    }

    @Test func `a dry run tells the same and does nothing`() throws {
        try TestSpool.use { spool in
            let dry = try package(spool, "install", "--dry-run")
            #expect(try Disk.status(root(spool)) == nil)
            let install = try package(spool, "install")
            #expect(lines(dry, "made") == lines(install, "made"))
            #expect(dry.output.contains("Nothing was changed (--dry-run).\n"))
            let before = try Disk.tree(root(spool))
            let dryRemoval = try package(spool, "uninstall", "--dry-run")
            #expect(try Disk.tree(root(spool)) == before)
            #expect(
                try lines(dryRemoval, "removed") == lines(package(spool, "uninstall"), "removed"))
        }
    }

    @Test func `units of another prefix stand where systemd reads them`()
        throws
    {
        try TestSpool.use { spool in
            #expect(try package(spool, "install", "--prefix", "/opt/gpuspool/").status == 0)
            let units = root(spool) / "etc/systemd/system"
            let watch = try Disk.text(units / "gpuspool-watch.service")
            #expect(watch.contains("\nExecStart=/opt/gpuspool/bin/gpuspool watch\n"))
            for (name, bytes) in try Disk.tree(units) {
                let text = String(decoding: bytes, as: UTF8.self)
                #expect(!text.contains("/usr/local/bin"), "\(name)")
            }
            #expect(try Disk.status(root(spool) / "etc/sysusers.d/gpuspool.conf") != nil)
            #expect(try Disk.status(root(spool) / "opt/gpuspool/bin/gpuspool") != nil)
        }
    }

    // As those of a package manager: what its administrator wrote there is his.
    @Test func `settings that were edited are kept, by install and by uninstall`() throws {
        try TestSpool.use { spool in
            _ = try package(spool, "install")
            let settings = root(spool) / "etc/gpuspool.env"
            try Disk.write(settings, "GPUSPOOL_MAX_INFLIGHT_JOBS=3\n".utf8)
            let again = try package(spool, "install")
            #expect(again.status == 0)
            #expect(lines(again, "kept") == ["\(settings) (it was edited)"])
            let removal = try package(spool, "uninstall")
            #expect(lines(removal, "kept") == ["\(settings) (it was edited)"])
            #expect(try Disk.tree(root(spool)).keys.sorted() == ["etc/gpuspool.env"])
            #expect(try Disk.text(settings) == "GPUSPOOL_MAX_INFLIGHT_JOBS=3\n")
        }
    }

    @Test(arguments: [
        ("gpuspool-watch.service", "is not from an install", "echo mine"),
        ("gpuspool-clean.timer", "is a symbolic link", "ln -s /dev/null"),
        ("gpuspool.target", "is a directory", "mkdir"),
    ])
    func `what others put there is not replaced`(name: String, finding: String, make: String) throws
    {
        try TestSpool.use { spool in
            let file = root(spool) / Self.units / Path(name)
            let put = make.hasPrefix("echo") ? "\(make) > '\(file)'" : "\(make) '\(file)'"
            try spool.shell("mkdir -p '\(file.parent)'; \(put)")
            let outcome = try package(spool, "install")
            #expect(outcome.status == 78)
            #expect(outcome.error.contains("nothing was installed: \(file) \(finding)"))
            let others = try Disk.tree(root(spool)).keys.filter { $0 != Self.units / Path(name) }
            #expect(others.isEmpty)
        }
    }

    @Test func `a unit that was edited is not replaced, but by force`() throws {
        try TestSpool.use { spool in
            _ = try package(spool, "install")
            let unit = root(spool) / Self.units / "gpuspool-watch.service"
            let shipped = try Disk.text(unit)
            try Disk.write(unit, (shipped + "\n[Unit]\n").utf8)
            let refused = try package(spool, "install")
            #expect(refused.status == 78)
            #expect(refused.error.contains("\(unit) was edited. Move that away"))
            let forced = try package(spool, "install", "--force")
            #expect(forced.status == 0)
            #expect(lines(forced, "replaced") == ["\(unit)"])
            #expect(try Disk.text(unit) == shipped)
        }
    }

    @Test func `an upgrade replaces what is as it was and removes what is no more`() throws {
        try TestSpool.use { spool in
            _ = try package(spool, "install")
            let unit = root(spool) / Self.units / "gpuspool-watch.service"
            let retired = root(spool) / Self.units / "gpuspool-old.service"
            let manifest = root(spool) / "usr/local/share/gpuspool/manifest"
            let shipped = try Disk.text(unit)
            // As if a former version had installed these two.
            try Disk.write(unit, "old\n".utf8)
            try Disk.write(retired, "old\n".utf8)
            let sum = SHA256.hex(of: Array("old\n".utf8))
            let listed = ["gpuspool-watch.service", "gpuspool-old.service"].map {
                "file \(sum) /\(Self.units)/\($0)\n"
            }
            let rest = try Disk.text(manifest).split(separator: "\n").filter {
                !$0.hasSuffix("/gpuspool-watch.service")
            }
            try Disk.write(manifest, (rest.joined(separator: "\n") + "\n" + listed.joined()).utf8)
            let outcome = try package(spool, "install")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(lines(outcome, "replaced") == ["\(unit)"])
            #expect(lines(outcome, "removed") == ["\(retired)"])
            #expect(try Disk.text(unit) == shipped)
            #expect(try !Disk.text(manifest).contains("gpuspool-old"))
        }
    }

    @Test func `a program that runs is replaced and runs on`() throws {
        try TestSpool.use { spool in
            _ = try package(spool, "install")
            let program = root(spool) / "usr/local/bin/gpuspool"
            // Another version: its bytes differ.
            try spool.shell("echo >> '\(program)'")
            let daemon = try spool.startShell("exec '\(program)' --spool spool run")
            try spool.waitForWorker()
            let outcome = try package(spool, "install")
            #expect(lines(outcome, "replaced") == ["\(program)"])
            #expect(try Disk.read(program) == Disk.read(Program.path))
            #expect(ProcessWatch.isRunning(daemon.pid))
            #expect(try daemon.stop() == .status(0))
        }
    }

    @Test func `uninstall leaves what was there before, and twice is once`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkdir -p ../root/usr/local/bin; echo > ../root/usr/local/bin/other")
            _ = try package(spool, "install")
            let outcome = try package(spool, "uninstall")
            #expect(outcome.status == 0)
            #expect(try Disk.tree(root(spool)).keys.sorted() == ["usr/local/bin/other"])
            #expect(try Disk.names(root(spool)) == ["usr"])
            #expect(try Disk.names(root(spool) / "usr/local") == ["bin"])
            let again = try package(spool, "uninstall")
            #expect(
                again
                    == Outcome(
                        exit: .status(0), output: "Nothing is installed in /usr/local.\n", error: ""
                    ))
        }
    }

    @Test(.enabled(if: Mounts.has("strace"), "needs strace"))
    func `killed at any change, the next one completes or removes it`() throws {
        try TestSpool.use { spool in
            let files = try lines(package(spool, "install", "--dry-run"), "made").count
            // The first one is the manifest: before it only directories stand, which may be anybody's.
            for number in 2...(files + 1) {
                try kill(spool, "mkdirat", number)
                #expect(try package(spool, "install").status == 0, "\(number)")
                try kill(spool, "renameat", number)
                if number % 2 == 1 { #expect(try package(spool, "install").status == 0) }
                #expect(try package(spool, "uninstall").status == 0, "\(number)")
                #expect(try Disk.names(root(spool)) == [], "\(number)")
            }
        }
    }

    /// Installs into an empty directory, and dies at a call.
    private func kill(_ spool: TestSpool, _ call: String, _ number: Int) throws {
        try spool.shell(
            """
            rm -rf ../root; DESTDIR='\(root(spool))' strace -f -qq -o /dev/null \
                -e inject=\(call):signal=KILL:when=\(number) \
                '\(Program.path)' install >/dev/null 2>&1 || :
            """)
    }

    @Test func `what it says as JSON is whole`() throws {
        try TestSpool.use { spool in
            let plain = try package(spool, "install", "--dry-run")
            let outcome = try package(spool, "install", "--json", "--dry-run")
            let bytes = Data(outcome.output.utf8)
            let report = try JSONDecoder().decode(JSONValue.self, from: bytes)
            #expect(report["dry_run"] == .bool(true))
            #expect(report["next"]?.elements.isEmpty == true)
            let steps = try #require(report["steps"]?.elements)
            #expect(steps.compactMap { $0["what"]?.text } == lines(plain, "made"))
            #expect(steps.allSatisfy { $0["action"]?.text == "made" })
        }
    }

    @Test(arguments: [
        (["--prefix", "opt"], "--prefix is 'opt'; it must be an absolute path"),
        (["--prefix", "/opt/a b"], "--prefix is '/opt/a b'; it must be an absolute path"),
        (["--prefix", "/opt/../etc"], "--prefix is '/opt/../etc'; it must be an absolute path"),
        (["--prefix", "/opt/%i"], "--prefix is '/opt/%i'; it must be an absolute path"),
        (["--prefix", "/"], "--prefix is '/'; it must be an absolute path"),
        (["--user"], "DESTDIR is for packages; it does not go with --user."),
        (["here"], "install takes 0 operands, found 1."),
    ])
    func `what cannot be meant is refused`(words: [String], error: String) throws {
        try TestSpool.use { spool in
            let environment = ["DESTDIR": "\(spool.folder)/root"]
            let outcome = try spool.runWords(["install"] + words, environment: environment)
            #expect(outcome.status == 2)
            #expect(outcome.error.hasPrefix("gpuspool: \(error)"), "\(outcome)")
            #expect(try Disk.status(root(spool)) == nil)
        }
    }

    @Test(.enabled(if: Host.user == 0, "needs root"))
    func `who is not root is told what to do`() throws {
        try TestSpool.use { spool in
            try spool.shell(
                """
                cp '\(Program.path)' ../gpuspool
                ! setpriv --reuid=65534 --regid=65534 --clear-groups ../gpuspool install 2> ../said
                """)
            #expect(
                try Disk.text(spool.folder / "said")
                    == "gpuspool: install changes the machine: do it as root (sudo gpuspool "
                    + "install), or for yourself alone: gpuspool install --user\n")
        }
    }
}
