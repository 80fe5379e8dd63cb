import Linux
import SpoolFormat
import Testing

/// Where settings come from, and what is said of wrong ones.
@Suite(.serialized, .evidence) struct SettingsTests {
    /// The most jobs, as a watcher with these settings shows it.
    private func maximum(
        _ spool: TestSpool, set: [String] = [], environment: [String: String] = [:]
    ) throws -> Int64? {
        spool.settings = set
        try? Directory(spool.path).remove("queue.json")
        let watcher = try spool.start("watch", environment: environment)
        let queue = try spool.wait(for: "queue.json") { try spool.json("queue.json") }
        _ = try watcher.stop()
        return queue["max_queue_size"]?.integer
    }

    @Test func `flags go before the environment, the file and the defaults`() throws {
        try TestSpool.use { spool in
            let environment = ["GPUSPOOL_MAX_INFLIGHT_JOBS": "3"]
            let set = ["MAX_INFLIGHT_JOBS=5", "MAX_INFLIGHT_JOBS=4"]
            #expect(try maximum(spool) == 10)
            try spool.put("spool.conf", "# mine\n\n MAX_INFLIGHT_JOBS = \"2\" \n")
            #expect(try maximum(spool) == 2)
            #expect(try maximum(spool, environment: environment) == 3)
            #expect(try maximum(spool, set: set, environment: environment) == 4)
        }
    }

    static let wrong: [(line: String, problem: String)] = [
        (
            "MAX_INFLIGHT_JOB=3",
            "unknown setting 'MAX_INFLIGHT_JOB'. Did you mean MAX_INFLIGHT_JOBS? "
                + "The README lists all settings."
        ),
        ("COLOUR=red", "unknown setting 'COLOUR'. Remove it. The README lists all settings."),
        ("MAX_INFLIGHT_JOBS=0", "MAX_INFLIGHT_JOBS is '0'; it must be "),
        ("MAX_INFLIGHT_JOBS=many", "MAX_INFLIGHT_JOBS is 'many'; it must be "),
        ("OVERFLOW=drop", "OVERFLOW is 'drop'; it must be reject or hold."),
        (
            "RESULT_TTL_SECONDS=1h",
            "RESULT_TTL_SECONDS is '1h'; it must be seconds, like 300 or 0.3."
        ),
        ("REQUIRE_MODEL=yes", "REQUIRE_MODEL is 'yes'; it must be 0 or 1."),
        ("PIPELINE=", "PIPELINE is ''; it must be rules, qwen or a command."),
    ]

    @Test func `a wrong setting stops the program with its place`() throws {
        try TestSpool.use { spool in
            for (line, problem) in Self.wrong {
                try spool.put("spool.conf", "# mine\n\(line)\n")
                let file = try spool.run("watch")
                expect(file, "\(spool.path)/spool.conf, line 2: \(problem)")
                try spool.put("spool.conf", "")
                let parts = line.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = "GPUSPOOL_\(parts[0])"
                let variable = try spool.run("watch", environment: [name: String(parts[1])])
                expect(variable, "environment, \(name): \(problem)")
                expect(try spool.run("watch", "--set", line), "--set: \(problem)")
            }
            try spool.put("spool.conf", "RETRY_AFTER_SECONDS\n")
            expect(
                try spool.run("watch"),
                "\(spool.path)/spool.conf, line 1: 'RETRY_AFTER_SECONDS' has no '='. "
                    + "Write NAME=VALUE, or # in front of a comment.\n")
        }
    }

    private func expect(_ outcome: Outcome, _ message: String) {
        #expect(outcome.status == 78, "\(outcome)")
        #expect(outcome.error.hasPrefix("gpuspool: \(message)"), "\(outcome)")
        #expect(outcome.error.split(separator: "\n").count == 1)
    }
}
