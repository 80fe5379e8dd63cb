import FoundationEssentials
import Linux
import SpoolFormat
import Testing

/// What the command prints, and its exit codes.
@Suite(.serialized, .evidence) struct CommandTests {
    static let overview = """
        usage: gpuspool [--spool DIR] COMMAND

        Edits photos that stations drop into a folder, first in, first out.

        Commands:
          init        make or upgrade a spool's directories
          run         serve a spool: watcher, one worker and cleanup in one process
          watch       serve the door: admit and refuse drops, write the views
          work        run jobs, one at a time
          clean       remove what finished longer ago than its time to live
          submit      drop a photo and wait for the door's answer
          status      tell where a job is
          queue       tell how full the queue is
          list        list jobs
          cancel      keep a queued job from running, or stop a running one
          hold        keep a queued job from running until it is released
          release     let a held job run
          retry       run failed or refused jobs again
          replay      run all dead letters again, the oldest first
          pause       let workers finish and claim nothing
          drain       close the door; workers go on
          resume      end pause and drain
          station     declare senders with a drop box of their own
          doctor      try out what the spool stands on: disk, kernel, rights, pipeline
          verify      check that nothing in the spool breaks its invariants
          demo        show everything once: a temporary spool, a real photo, each step
          install     install the program and its systemd units
          uninstall   remove what install put there
          completion  print the shell's completion script
          man         print the manual page

        Common options:
          --spool DIR             the spool (default: $GPUSPOOL_SPOOL, else ./spool)
          --set NAME=VALUE        a setting, before environment and spool.conf
          --json                  print JSON
          --log-format text|json  how log lines look (default: text)
          --help                  print this

        gpuspool COMMAND --help tells more of each.

        Exit status: 0 done; 1 the job failed, or a check found something; 2 usage;
        3 not found; 65 refused for good; 75 try later; 78 settings, or another watcher runs;
        70 internal; 71 system error.

        """

    @Test(arguments: ["--help", "-h", "help"])
    func `the overview`(word: String) throws {
        try TestSpool.use { spool in
            let outcome = try spool.runPlain(word)
            #expect(outcome == Outcome(exit: .status(0), output: Self.overview, error: ""))
        }
    }

    @Test func `without a command the overview is an error`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.runPlain()
            #expect(outcome == Outcome(exit: .status(2), output: "", error: Self.overview))
        }
    }

    static let commands = [
        "init", "run", "watch", "work", "clean", "submit", "status", "queue", "list", "cancel",
        "hold", "release", "retry", "replay", "pause", "drain", "resume", "station",
        "doctor", "verify", "demo", "install", "uninstall",
        "completion", "man",
    ]

    @Test func `each command has its help`() throws {
        try TestSpool.use { spool in
            let common = Self.overview.split(separator: "\n", omittingEmptySubsequences: false)
                .drop { $0 != "Common options:" }.prefix { !$0.isEmpty }.joined(separator: "\n")
            for command in Self.commands {
                let outcome = try spool.runPlain(command, "--help")
                #expect(outcome.status == 0)
                #expect(outcome.error.isEmpty)
                #expect(outcome.output.hasPrefix("usage: gpuspool \(command)"), "\(outcome)")
                #expect(outcome.output.hasSuffix("\n\n\(common)\n"), "\(outcome)")
                let lines = outcome.output.split(separator: "\n")
                #expect(lines.allSatisfy { $0.count <= 100 }, "\(command)")
            }
            let submit = try spool.runPlain("submit", "-h")
            #expect(submit.output.hasPrefix("usage: gpuspool submit [OPTIONS] IMAGE INSTRUCTION\n"))
        }
    }

    /// Words, and the whole of what is printed to standard error; `SPOOL` is the spool's path.
    static let mistakes: [(words: [String], status: Int32, error: String)] = [
        (["sumbit"], 2, "unknown command 'sumbit'. Did you mean submit? See: gpuspool --help"),
        (["frobnicate"], 2, "unknown command 'frobnicate'. See: gpuspool --help"),
        (
            ["submit", "--wiat", "a.jpg", "blur"], 2,
            "unknown option '--wiat'. Did you mean --wait? See: gpuspool submit --help"
        ),
        (["status"], 2, "status takes 1 operands, found none. See: gpuspool status --help"),
        (["status", "a", "b"], 2, "status takes 1 operands, found 2. See: gpuspool status --help"),
        (["status", "--json=yes", "a"], 2, "--json takes no value."),
        (["list", "--state"], 2, "--state needs STATE. See: gpuspool list --help"),
        (
            ["list", "--state", "lost"], 2,
            "--state is 'lost'; it must be one of queued, running, done, failed, rejected."
        ),
        (
            ["station", "drop", "x"], 2,
            "station takes: add NAME, list, or remove NAME. See: gpuspool station --help"
        ),
        (["work", "--grace", "soon"], 2, "--grace is 'soon'; it must be seconds, like 25."),
        (["clean", "--log-format", "xml"], 2, "--log-format is 'xml'; it must be text or json."),
        (["clean", "--set", "NONSENSE"], 2, "--set 'NONSENSE' has no '='. Write NAME=VALUE."),
        (["queue"], 3, "'SPOOL' has no queue.json yet. Start a watcher: gpuspool run"),
    ]

    @Test func `mistakes are told with their remedy`() throws {
        try TestSpool.use { spool in
            for mistake in Self.mistakes {
                let words = ["--spool", "\(spool.path)"] + mistake.words
                let outcome = try spool.runWords(words)
                let error = mistake.error.replacing("SPOOL", with: "\(spool.path)")
                #expect(
                    outcome
                        == Outcome(
                            exit: .status(mistake.status), output: "",
                            error: "gpuspool: \(error)\n"))
            }
        }
    }

    @Test func `what is no spool or a newer one is not touched`() throws {
        try TestSpool.use { spool in
            let nowhere = spool.folder / "nowhere"
            for command in ["run", "watch", "work", "clean", "queue", "list"] {
                let outcome = try spool.runPlain("--spool", "\(nowhere)", command)
                #expect(outcome.status == 78, "\(command)")
                #expect(
                    outcome.error == "gpuspool: '\(nowhere)' is not a spool. "
                        + "Make one with: gpuspool --spool '\(nowhere)' init\n")
            }
            #expect(try Disk.status(nowhere) == nil)
            try spool.put(".spool/version", "2\n")
            let newer = try spool.runPlain("--spool", "\(spool.path)", "watch")
            #expect(newer.status == 78)
            #expect(
                newer.error == "gpuspool: the spool '\(spool.path)' has layout 2; this program "
                    + "knows 1. Use the newer program that made it.\n")
        }
    }

    @Test func `init makes what is missing and keeps what is there`() throws {
        try TestSpool.use { spool in
            try spool.put("spool.conf", "MAX_INFLIGHT_JOBS=3\n")
            try spool.put("incoming/mine.txt", "mine")
            try spool.shell("chmod 1777 incoming; rmdir done")
            let again = try spool.run("init", "--json")
            #expect(again.output == "{\n  \"spool\" : \"\(spool.path)\"\n}\n")
            #expect(try spool.status("incoming")?.mode == 0o1777)
            #expect(try spool.read("incoming/mine.txt") == Array("mine".utf8))
            #expect(try spool.read("spool.conf") == Array("MAX_INFLIGHT_JOBS=3\n".utf8))
            #expect(try spool.status("done")?.kind == .directory)
            #expect(try spool.status("queued")?.mode == 0o700)
        }
    }

    @Test func `the spool is found by the environment and as ./spool`() throws {
        try TestSpool.use { spool in
            let named = try spool.runPlain(
                "station", "list", environment: ["GPUSPOOL_SPOOL": "\(spool.path)"])
            #expect(named == Outcome(exit: .status(0), output: "", error: ""))
            let none = try spool.runPlain("station", "list")
            #expect(none.status == 78)
            #expect(none.error.hasPrefix("gpuspool: 'spool' is not a spool."))
        }
    }

    @Test func `status, list and queue tell the same story`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.drop("a", "make it sepia")
            _ = try spool.view(of: "a", is: "queued")
            try spool.put("incoming/b.json", "{}")
            try spool.shell("cp $PHOTOS/cat.png incoming/b.png")
            let refused = try spool.view(of: "b", is: "rejected")
            let queued = try spool.run("status", "a")
            #expect(queued.status == 0)
            #expect(queued.output.hasPrefix("Job a: queued, position 1"), "\(queued)")
            #expect(queued.output.contains("  instruction  make it sepia\n"))
            let json = try spool.run("status", "a", "--json")
            #expect(Array(json.output.utf8) == (try spool.read("status/a.json")))
            let rejected = try spool.run("status", "b")
            #expect(rejected.status == 65)
            let detail = try #require(refused["detail"]?.text)
            #expect(rejected.output.hasPrefix("Job b: rejected: \(detail)\n"), "\(rejected)")
            let list = try spool.run("list", "--state", "rejected").output
            #expect(list == "b".padded(24) + "  rejected: \(detail)\n")
            let queue = try spool.run("queue")
            #expect(
                queue.output.hasPrefix(
                    """
                    Queue: 1 of 10 (1 queued, 0 processing)
                    Ever:  0 completed, 0 failed, 1 rejected
                    """), "\(queue)")
            #expect(queue.error.isEmpty)
        }
    }

    @Test func `the log can be JSON`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.start("watch", "--log-format", "json")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try watcher.stop() == .status(0))
            let lines = try watcher.printed().split(separator: "\n").map {
                try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8))
            }
            #expect(lines.last?["message"]?.text == "Job a submitted - Queue size: 1")
            #expect(lines.last?["job"]?.text == "a")
            #expect(lines.allSatisfy { $0.fields.isSuperset(of: ["time", "priority", "message"]) })
        }
    }

    @Test func `the demo shows everything and leaves its spool`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.runPlain(
                "demo", environment: ["TMPDIR": "\(spool.folder)", "PATH": "/usr/bin:/bin"])
            #expect(outcome.status == 0, "\(outcome)")
            let picture = Path(String(outcome.output.split(separator: "\n").last ?? ""))
            let bytes = try #require(try Disk.read(picture))
            #expect(bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]))
            #expect(picture.parent.lastComponent == "rocket")
        }
    }

    @Test func `an unknown job has the API's sentence`() throws {
        try TestSpool.use { spool in
            let outcome = try spool.run("status", "nope")
            #expect(outcome.status == 3)
            #expect(outcome.output.isEmpty)
            let prefix = "gpuspool: Job nope not found. It may have been cleaned up (jobs are kept"
            #expect(outcome.error.hasPrefix(prefix), "\(outcome)")
            #expect(outcome.error.hasSuffix(" after completion).\n"), "\(outcome)")
        }
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: width - count)
    }
}
