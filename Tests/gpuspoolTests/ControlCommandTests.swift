import Linux
import SpoolFormat
import Testing

/// What the commands that give orders print, and their exit codes.
@Suite(.serialized, .evidence) struct ControlCommandTests {
    /// A watcher, no worker, and these jobs in the queue.
    private func use(_ stems: String..., body: (TestSpool) throws -> Void) throws {
        try TestSpool.use("RETRY_AFTER_SECONDS=60") { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            for stem in stems {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "queued")
            }
            try body(spool)
        }
    }

    private func expect(
        _ outcome: Outcome, _ status: Int32, _ output: String = "", error: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            outcome
                == Outcome(
                    exit: .status(status), output: output.isEmpty ? "" : output + "\n",
                    error: error.isEmpty ? "" : "gpuspool: \(error)\n"),
            sourceLocation: sourceLocation)
    }

    private func line(_ id: String, _ headline: String) -> String {
        id + String(repeating: " ", count: 24 - id.count) + "  " + headline
    }

    @Test func `cancel ends a queued job and says so`() throws {
        try use("a", "b") { spool in
            let cancelled = "cancelled: The job was cancelled."
            expect(try spool.run("cancel", "a"), 0, line("a", cancelled))
            #expect(try spool.names("failed") == ["a"])
            #expect(try spool.names("queued") == ["b"])
            #expect(try spool.names(".spool/cancel").isEmpty)
            #expect(try spool.names(".spool/inlet").isEmpty)
            for verb in ["cancel", "hold", "release"] {
                expect(
                    try spool.run(verb, "a"), 1, error: "Job a has ended already: cancelled.")
            }
            let status = try spool.run("status", "a")
            #expect(status.status == 1)
            #expect(status.output.hasPrefix("Job a: \(cancelled)\n"), "\(status)")
        }
    }

    @Test func `hold and release`() throws {
        try use("a", "b") { spool in
            expect(
                try spool.run("hold", "a"), 0, line("a", "held, waiting for its release"))
            #expect(try spool.names(".spool/held") == ["a"])
            #expect(try spool.view(of: "b", is: "queued")["position"] == .int(1))
            // Again: it is so already.
            expect(
                try spool.run("hold", "a"), 0, line("a", "held, waiting for its release"))
            let released = try spool.run("release", "a")
            #expect(released.status == 0)
            #expect(released.output.hasPrefix(line("a", "queued, position 1")), "\(released)")
            #expect(try spool.names(".spool/held").isEmpty)
            let again = try spool.run("release", "a")
            #expect(again.status == 1)
            #expect(again.error.hasPrefix("gpuspool: Job a is not held: queued"), "\(again)")
            // A held job can be cancelled.
            _ = try spool.run("hold", "b")
            #expect(try spool.run("cancel", "b").status == 0)
            #expect(try spool.names(".spool/held").isEmpty)
        }
    }

    @Test func `with --json the job's view is printed`() throws {
        try use("a") { spool in
            for (command, status) in [
                ("hold", "held"), ("release", "queued"), ("cancel", "cancelled"),
                ("retry", "queued"),
            ] {
                let outcome = try spool.run(command, "a", "--json")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.error.isEmpty)
                let view = try spool.view(of: "a", is: status)
                try Disk.write(spool.folder / "printed.json", outcome.output.utf8)
                let printed = try #require(try Disk.json(spool.folder / "printed.json"))
                #expect(printed.fields == view.fields)
                for name in ["job_id", "status", "error", "created_at", "instruction"] {
                    #expect(printed[name] == view[name], "\(command): \(name)")
                }
            }
        }
    }

    @Test func `retry queues a failed job again`() throws {
        try use("a") { spool in
            let queued = try spool.run("retry", "a")
            #expect(queued.status == 1)
            expect(
                queued, 1,
                error: "Job a is queued; only failed and refused ones are retried.")
            _ = try spool.run("cancel", "a")
            let retried = try spool.run("retry", "a")
            #expect(retried.status == 0)
            #expect(retried.error.isEmpty)
            #expect(retried.output.hasPrefix(line("a", "queued")), "\(retried)")
            #expect(try spool.names("queued") == ["a"])
            #expect(try spool.names(".spool/retry").isEmpty)
        }
    }

    // The second time its error is the same as before: the command waited 30 s for a change.
    @Test func `what cannot be retried is refused, as often as one asks`() throws {
        try use("a", "b") { spool in
            for id in ["a", "b"] { _ = try spool.run("cancel", id) }
            try spool.shell("rm failed/a/a.png")
            for _ in 1...2 {
                expect(
                    try spool.run("retry", "a"), 65,
                    line(
                        "a",
                        "failed: It cannot be retried: It has no whole JSON and image. "
                            + "Drop both again."
                    ).replacing("failed:", with: "cancelled:"))
            }
            // One after the other; the worst is told.
            let both = try spool.run("retry", "a", "b")
            #expect(both.status == 65)
            #expect(both.output.split(separator: "\n").count == 2, "\(both)")
            #expect(try spool.names("queued") == ["b"])
        }
    }

    @Test func `pause, drain and resume`() throws {
        try use("a") { spool in
            expect(try spool.run("pause"), 0, "Paused: workers claim nothing.")
            expect(try spool.run("drain"), 0, "The door is closed.")
            // Again: it is so already.
            expect(try spool.run("pause", "--json"), 0, "{\n  \"paused\" : true\n}")
            expect(try spool.run("drain", "--json"), 0, "{\n  \"draining\" : true\n}")
            _ = try spool.wait(for: "the view") { () -> Bool? in
                guard let queue = try spool.json("queue.json") else { return nil }
                return queue["paused"] == .bool(true) && queue["draining"] == .bool(true)
                    ? true : nil
            }
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            try spool.waitForWorker()
            try spool.drop("b")
            let refused = try spool.view(of: "b", is: "rejected")
            #expect(refused["code"]?.text == "server_busy")
            #expect(refused["retry_after_seconds"] == .int(60))
            #expect(try spool.names("queued") == ["a"])
            expect(try spool.run("resume"), 0, "Workers claim again, the door is open.")
            _ = try spool.view(of: "a", is: "completed")
            try spool.drop("c")
            _ = try spool.view(of: "c", is: "completed")
            expect(
                try spool.run("resume", "--json"), 0,
                "{\n  \"draining\" : false,\n  \"paused\" : false\n}")
        }
    }

    /// Words, and the whole of what is printed to standard error; for each VERB.
    static let mistakesOfOne: [(words: [String], status: Int32, error: String)] = [
        (["VERB"], 2, "VERB takes 1 operands, found none. See: gpuspool VERB --help"),
        (["VERB", "a", "b"], 2, "VERB takes 1 operands, found 2. See: gpuspool VERB --help"),
        (["VERB", "nobody"], 3, "Job nobody not found. See: gpuspool list"),
    ]

    static let mistakes: [(words: [String], status: Int32, error: String)] = [
        (["retry"], 2, "retry takes 1 or more operands, found none. See: gpuspool retry --help"),
        (["retry", "nobody"], 3, "Job nobody not found. See: gpuspool list"),
        (["replay", "a"], 2, "replay takes 0 operands, found 1. See: gpuspool replay --help"),
        (["pause", "a"], 2, "pause takes 0 operands, found 1. See: gpuspool pause --help"),
        (
            ["replay", "--max-per-minute", "0"], 2,
            "--max-per-minute is '0'; it must be a whole number from 1 to 60000."
        ),
        (
            ["replay", "--max-per-minute", "many"], 2,
            "--max-per-minute is 'many'; it must be a whole number from 1 to 60000."
        ),
    ]

    @Test func `mistakes are told with their remedy`() throws {
        try use { spool in
            let place = ["--spool", "\(spool.path)"]
            for verb in ["cancel", "hold", "release"] {
                for mistake in Self.mistakesOfOne {
                    let words = mistake.words.map { $0.replacing("VERB", with: verb) }
                    let error = mistake.error.replacing("VERB", with: verb)
                    expect(try spool.runWords(place + words), mistake.status, error: error)
                }
            }
            for mistake in Self.mistakes {
                let outcome = try spool.runWords(place + mistake.words)
                expect(outcome, mistake.status, error: mistake.error)
            }
            #expect(try spool.names(".spool/inlet").isEmpty)
        }
    }

    /// The service's own directories are closed to everybody else.
    @Test(.enabled(if: Host.user == 0, "needs root to become somebody else"))
    func `who may only drop gives orders by way of the drop boxes`() throws {
        try TestSpool.use { spool in
            #expect(try spool.run("station", "add", "kiosk").status == 0)
            _ = try spool.start("watch")
            try spool.shell("chmod 1777 incoming incoming/kiosk; cp \(Program.path) ../gpuspool")
            try spool.drop("a")
            try spool.drop("a", box: "incoming/kiosk")
            for id in ["a", "kiosk.a"] {
                _ = try spool.view(of: id, is: "queued")
                for (verb, status) in [
                    ("hold", "held"), ("release", "queued"), ("cancel", "cancelled"),
                    ("retry", "queued"),
                ] {
                    try spool.shell(
                        "setpriv --reuid=65534 --regid=65534 --clear-groups "
                            + "\(spool.folder)/gpuspool --spool \(spool.path) \(verb) \(id)")
                    _ = try spool.view(of: id, is: status)
                }
            }
            #expect(try spool.names("queued") == ["a", "kiosk.a"])
            #expect(try spool.names("incoming") == ["kiosk"])
        }
    }

    @Test func `without a watcher nobody would obey`() throws {
        try TestSpool.use { spool in
            for verb in ["cancel", "hold", "release", "retry"] {
                expect(
                    try spool.run(verb, "a"), 75,
                    error: "no watcher serves '\(spool.path)', so nobody would obey. "
                        + "Start one: gpuspool --spool '\(spool.path)' run")
            }
            #expect(try spool.names(".spool/inlet").isEmpty)
            // These need nobody.
            for command in ["pause", "drain", "resume"] {
                #expect(try spool.run(command).status == 0)
            }
        }
    }
}
