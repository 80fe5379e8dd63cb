import Linux
import SpoolFormat
import Testing

/// What the shells offer, asked of the shells themselves; and the manual page.
@Suite(.serialized, .evidence) struct CompletionTests {
    /// Where the shells find the program, and the scripts an install put there.
    private func install(_ spool: TestSpool) throws {
        try spool.shell("DESTDIR='\(spool.folder)/root' '\(Program.path)' install > ../installed")
    }

    /// Runs a script of a shell beside the spool; its lines.
    private func lines(_ spool: TestSpool, _ script: String) throws -> [String] {
        try spool.mount("export PATH='\(spool.folder)/root/usr/local/bin':$PATH\n" + script)
        return try Disk.text(spool.folder / "found").split(separator: "\n").map(String.init)
    }

    private static let bash = """
        cat > ask <<'END'
        . root/usr/local/share/bash-completion/completions/gpuspool
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _gpuspool gpuspool "" ""
        printf '%s\\n' "${COMPREPLY[@]}"
        END
        """

    static let lines: [(String, [String])] = [
        ("gpuspool sta", ["status", "station"]),
        ("gpuspool --spool spool c", ["clean", "cancel", "completion"]),
        ("gpuspool clean --j", ["--json"]),
        ("gpuspool list --state re", ["rejected"]),
        ("gpuspool list --log-format ", ["text", "json"]),
        ("gpuspool station r", ["remove"]),
        ("gpuspool completion ", ["bash", "zsh", "fish"]),
        ("gpuspool nothing ", []),
        ("gpuspool --spool spool status ", ["photo", "kiosk.two"]),
        ("gpuspool --spool spool retry k", ["kiosk.two"]),
        ("gpuspool --spool spool retry kiosk.two k", []),
        ("gpuspool --spool spool hold ", []),
        ("gpuspool --spool spool submit --station k", ["kiosk"]),
        ("gpuspool --spool spool station remove ", ["kiosk"]),
    ]

    private static let sorts = [
        "--set OR": "ORDER=", "--set ORDER=f": "fifo", "--state=do": "done",
    ]

    /// A spool with a job that ended well and one that did not.
    private func fill(_ spool: TestSpool) throws {
        try install(spool)
        #expect(try spool.run("station", "add", "kiosk").status == 0)
        let service = try spool.start("run")
        try spool.drop("photo")
        try spool.drop("two", "dance", box: "incoming/kiosk")
        _ = try spool.view(of: "photo", is: "completed")
        _ = try spool.view(of: "kiosk.two", is: "failed")
        _ = try spool.wait(for: "both in the list") {
            try spool.json("queue.json")?["completed_count"]?.integer == 1
                && spool.json("queue.json")?["failed_count"]?.integer == 1 ? true : nil
        }
        #expect(try service.stop() == .status(0))
    }

    @Test func `Bash offers commands, options, values, jobs and stations`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            try spool.mount(Self.bash)
            for (line, expected) in Self.lines {
                let found = try lines(spool, "bash ask '\(line)' > found")
                #expect(Set(found) == Set(expected), "\(line)")
            }
            // Bash keeps what stands before the last `=`.
            for (words, expected) in Self.sorts {
                let found = try lines(spool, "bash ask 'gpuspool list \(words)' > found")
                #expect(found.contains(expected), "\(words): \(found)")
            }
            try spool.mount("mkdir folder; : > file.jpg")
            #expect(try lines(spool, "bash ask 'gpuspool submit fi' > found") == ["file.jpg"])
            #expect(try lines(spool, "bash ask 'gpuspool --spool fo' > found") == ["folder"])
        }
    }

    @Test(.enabled(if: Mounts.has("fish"), "needs fish"))
    func `fish offers the same`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            for (line, expected) in Self.lines {
                let script = """
                    export HOME="$PWD" XDG_DATA_DIRS="$PWD/root/usr/local/share:/usr/share"
                    fish -c 'complete -C "\(line)"' > found
                    """
                let found = try lines(spool, script).map { $0.prefix { $0 != "\t" } }
                #expect(Set(found.map(String.init)) == Set(expected), "\(line)")
            }
        }
    }

    // In a terminal of its own: the only way in which zsh completes.
    @Test(.enabled(if: Mounts.has("zsh"), "needs zsh"))
    func `zsh offers the same`() throws {
        try TestSpool.use { spool in
            try fill(spool)
            try spool.mount(
                """
                cat > ask <<'END'
                zmodload zsh/zpty
                zpty z "TERM=dumb zsh -f -i"
                zpty -w z "fpath=($PWD/root/usr/local/share/zsh/site-functions \\$fpath)"
                zpty -w z "autoload -U compinit; compinit -u -D; LISTMAX=0"
                zpty -w z 'show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^X" show'
                zpty -w z "echo ready''now"
                zpty -r -m z answer '*readynow*'
                zpty -w -n z "$1"$'\\t\\x18'
                zpty -r -m z answer "*<$2 >*"
                print -r -- found
                zpty -d z
                END
                """)
            let expected = [
                ("gpuspool statu", "gpuspool status"), ("gpuspool uni", "gpuspool uninstall"),
                ("gpuspool --spool spool retry k", "gpuspool --spool spool retry kiosk.two"),
                ("gpuspool list --state rej", "gpuspool list --state rejected"),
            ]
            for (line, word) in expected {
                #expect(
                    try lines(spool, "timeout 20 zsh -f ask '\(line)' '\(word)' > found")
                        == ["found"], "\(line)")
            }
        }
    }

    @Test func `what cannot be taught is told`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.runPlain("completion", "cmd")
            #expect(outcome.status == 2)
            #expect(
                outcome.error
                    == "gpuspool: 'cmd' is no shell that can be taught; bash, zsh and fish can.\n")
        }
    }

    @Test func `the manual page has every command, option and setting`() throws {
        try TestSpool.use { spool in
            let page = try spool.runPlain("man").output.replacing("\\-", with: "-")
            for command in CommandTests.commands {
                #expect(page.contains(".SS \"gpuspool \(command)"), "\(command)")
                let help = try spool.runPlain(command, "--help").output
                for line in help.split(separator: "\n") where line.hasPrefix("  --") {
                    let name = line.dropFirst(2).prefix { $0 != " " }
                    #expect(page.contains("\\fB\(name)\\fR"), "\(command): \(name)")
                }
            }
            for setting in Settings.documentation {
                #expect(!setting.summary.isEmpty, "\(setting.name)")
                #expect(page.contains("\\fB\(setting.name)\\fR\n\(setting.summary) ("))
            }
            #expect(page.contains("a whole number from 1 to 65535; default: 2048)"))
        }
    }

    @Test(.enabled(if: Mounts.has("groff") || Mounts.has("mandoc"), "needs groff or mandoc"))
    func `the manual page is one without warnings`() throws {
        try TestSpool.use { spool in
            try spool.mount(
                """
                '\(Program.path)' man > page
                if command -v groff >/dev/null; then groff -man -Tutf8 -ww page >shown 2>said; fi
                if command -v mandoc >/dev/null; then mandoc -T lint -W warning page >>said || :; fi
                """)
            #expect(try Disk.text(spool.folder / "said") == "")
        }
    }
}
