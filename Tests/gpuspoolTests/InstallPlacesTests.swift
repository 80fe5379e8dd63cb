import Linux
import SpoolFormat
import Testing

/// Installs that are no package: into a home, and into a machine.
@Suite(.serialized, .evidence) struct InstallPlacesTests {
    /// What a user's systemd cannot do, and places that are not his.
    private static let foreign = [
        "\nUser=", "\nProtect", "\nPrivate", "Capability", "/var/spool", "=/usr",
    ]

    @Test func `one user's install needs no root and only what his systemd may do`() throws {
        try TestSpool.use { spool in
            let home = spool.folder / "home"
            try spool.shell("mkdir ../home")
            let environment = ["HOME": "\(home)", "XDG_RUNTIME_DIR": "\(spool.folder)"]
            for words in [["install", "--user"], ["install", "--user"]] {
                let outcome = try spool.runWords(words, environment: environment)
                #expect(outcome.status == 0, "\(outcome)")
                #expect(
                    outcome.output.contains(
                        "Next:\n  systemctl --user enable --now gpuspool.target\n"))
            }
            let units = home / ".local/share/systemd/user"
            for (name, bytes) in try Disk.tree(units) {
                let text = String(decoding: bytes, as: UTF8.self)
                for word in Self.foreign {
                    #expect(!text.contains(word), "\(name): \(word)")
                }
            }
            let watch = try Disk.text(units / "gpuspool-watch.service")
            #expect(watch.contains("\nExecStart=\(home)/.local/bin/gpuspool watch\n"))
            #expect(watch.contains("=GPUSPOOL_SPOOL=\(home)/.local/state/gpuspool\n"))
            #expect(watch.contains("\nEnvironmentFile=-\(home)/.config/gpuspool.env\n"))
            // What a user's systemd can do as well stays.
            #expect(watch.contains("\nSystemCallFilter=@system-service\n"))
            #expect(
                try Disk.text(units / "gpuspool.target").contains("\nWantedBy=default.target\n"))
            #expect(try Disk.status(home / ".local/state/gpuspool/incoming") != nil)

            let removal = try spool.runWords(["uninstall", "--user"], environment: environment)
            #expect(removal.status == 0, "\(removal)")
            #expect(try Disk.status(home / ".local/share/systemd") == nil)
            #expect(try Disk.status(home / ".local/bin") == nil)
            #expect(try Disk.status(home / ".local/state/gpuspool/incoming") != nil)
        }
    }

    @Test(.enabled(if: Mounts.has("systemd-analyze"), "needs systemd-analyze"))
    func `systemd understands the units of one user`() throws {
        try TestSpool.use { spool in
            try spool.shell(
                """
                mkdir ../home; export HOME='\(spool.folder)/home' XDG_RUNTIME_DIR='\(spool.folder)'
                unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME
                '\(Program.path)' install --user
                systemd-analyze --user verify ../home/.local/share/systemd/user/* 2> ../said
                """)
            #expect(try Disk.text(spool.folder / "said") == "")
        }
    }

    @Test(.enabled(if: Host.user == 0, "needs root"))
    func `sudo does not fill another one's home with files of root`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkdir ../home; chown 65534 ../home")
            let environment = ["HOME": "\(spool.folder)/home"]
            let outcome = try spool.runWords(["install", "--user"], environment: environment)
            #expect(outcome.status == 2)
            #expect(
                outcome.error
                    == "gpuspool: HOME is '\(spool.folder)/home' of the user nobody, and you are "
                    + "root. Do it as that user, without sudo.\n")
            #expect(try Disk.names(spool.folder / "home") == [])
        }
    }

    /// A copy of this machine's own directories, which nobody else sees.
    private static let machine = """
        mkdir layers; mount -t tmpfs layers layers
        for place in etc usr var; do
            mkdir layers/$place layers/$place.work
            mount -t overlay overlay \
                -o lowerdir=/$place,upperdir=layers/$place,workdir=layers/$place.work /$place
        done
        """

    @Test(
        .enabled(if: Mounts.arePossible, "\(Mounts.reason)"),
        .enabled(if: Mounts.has("systemd-sysusers"), "needs systemd-sysusers"))
    func `a machine has the user and the spool then, and keeps them`() throws {
        try TestSpool.use(mounting: Self.machine) { spool in
            let outcome = try spool.runPlain("install")
            #expect(outcome.status == 0, "\(outcome)")
            for command in ["sysusers", "tmpfiles --create"] {
                let name = command.prefix { $0 != " " }
                let file = "/usr/local/lib/\(name).d/gpuspool.conf"
                #expect(outcome.output.contains("ran        systemd-\(command) \(file)\n"))
            }
            #expect(
                outcome.output.hasSuffix("Next:\n  systemctl enable --now gpuspool.target\n"))
            try spool.mount(
                """
                test "$(stat -c %U:%a /var/spool/gpuspool/incoming)" = gpuspool:1777
                setpriv --reuid=gpuspool --regid=gpuspool --init-groups \
                    gpuspool --spool /var/spool/gpuspool init
                echo kept > /var/spool/gpuspool/done/job
                test "$(gpuspool --version)" = "$('\(Program.path)' --version)"
                """)
            #expect(try spool.runPlain("install").status == 0)
            let removal = try spool.runPlain("uninstall")
            #expect(removal.status == 0, "\(removal)")
            try spool.mount(
                """
                test -f /var/spool/gpuspool/done/job
                getent passwd gpuspool
                ! ls /usr/local/bin/gpuspool /usr/local/lib/systemd/system/gpuspool* 2>&1
                """)
        }
    }
}
