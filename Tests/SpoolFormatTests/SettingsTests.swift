import Testing

@testable import SpoolFormat

@Suite struct SettingsTests {
    private func problem(_ name: String, _ text: String) -> String? {
        var settings = Settings()
        do throws(SettingProblem) {
            try settings.set(name, to: text, at: "here")
            return nil
        } catch { return error.description }
    }

    /// Every setting of DESIGN §10 that stands in the file, with its default and another value.
    static let defaults: [(String, String, String)] = [
        ("MAX_INFLIGHT_JOBS", "10", "11"), ("MAX_PENDING_JOBS", "", "5"),
        ("OVERFLOW", "reject", "hold"), ("ORDER", "fifo", "fair"),
        ("RETRY_AFTER_SECONDS", "300", "0.5"), ("RESULT_TTL_SECONDS", "3600", "1"),
        ("FAILED_TTL_SECONDS", "3600", "1"), ("REJECTED_TTL_SECONDS", "3600", "1"),
        ("MAX_REJECTED_BYTES", "1073741824", "0"), ("MAX_IMAGE_BYTES", "10485760", "1"),
        ("MAX_IMAGE_SIDE", "2048", "1"), ("MAX_INSTRUCTION_CHARS", "500", "1"),
        ("JOBS_PER_MIN_LIMIT", "", "1"), ("CONCURRENT_JOBS_LIMIT", "", "1"),
        ("JOB_TIMEOUT_SECONDS", "600", "1"), ("JOB_LEASE_SECONDS", "60", "1"),
        ("MAX_ATTEMPTS", "3", "1"), ("JOB_RETRY_DELAY_SECONDS", "30", "1"),
        ("JOB_RETRY_SCAN_SECONDS", "30", "1"), ("JOB_PENDING_TIMEOUT_SECONDS", "", "1"),
        ("SETTLE_SECONDS", "0.3", "1"), ("RESUME_SECONDS", "30", "1"),
        ("DROP_TIMEOUT_SECONDS", "300", "1"), ("SCAN_SECONDS", "5", "1"),
        ("GRACE_SECONDS", "25", "1"), ("MIN_FREE_BYTES", "268435456", "0"),
        ("REQUIRE_MODEL", "", "1"), ("DEFAULT_MODEL", "", "qwen-4step"),
        ("PIPELINE", "rules", "srun --gpus=1 qwen"), ("PIPELINE_TRANSPORT", "path", "inline"),
        ("PYTHON", "", "/usr/bin/python3"), ("DURABILITY", "full", "relaxed"),
        ("AUTH", "keys", "none"),
    ]

    @Test func `the table above is complete`() {
        #expect(Settings.names == Self.defaults.map(\.0))
    }

    @Test(arguments: defaults)
    func `a setting has its default, and changes nothing else`(
        name: String, standard: String, other: String
    ) throws {
        var settings = Settings()
        try settings.set(name, to: standard, at: "here")
        #expect(settings == Settings())
        try settings.set(name, to: other, at: "here")
        #expect(settings != Settings())
        try settings.set(name, to: standard, at: "here")
        #expect(settings == Settings())
    }

    @Test func `each setting goes where it belongs`() throws {
        var settings = Settings()
        for (name, _, other) in Self.defaults { try settings.set(name, to: other, at: "here") }
        #expect(settings.maxInflightJobs == 11)
        #expect(settings.maxPendingJobs == 5)
        #expect(settings.overflow == .hold)
        #expect(settings.order == .fair)
        #expect(settings.retryAfter == .milliseconds(500))
        let seconds = [
            settings.resultTTL, settings.failedTTL, settings.rejectedTTL, settings.jobTimeout,
            settings.jobLease, settings.jobRetryDelay, settings.jobRetryScan, settings.settle,
            settings.resume, settings.dropTimeout, settings.scan, settings.grace,
            settings.jobPendingTimeout ?? .zero,
        ]
        #expect(seconds.allSatisfy { $0 == .seconds(1) })
        #expect([settings.maxRejectedBytes, settings.minFreeBytes] == [0, 0])
        #expect([settings.maxImageBytes, settings.maxImageSide] == [1, 1])
        #expect([settings.maxInstructionChars, settings.maxAttempts] == [1, 1])
        #expect([settings.jobsPerMinuteLimit, settings.concurrentJobsLimit] == [1, 1])
        #expect(settings.requireModel == true)
        #expect(settings.defaultModel == "qwen-4step")
        #expect(settings.pipeline == "srun --gpus=1 qwen")
        #expect(settings.pipelineTransport == .inline)
        #expect(settings.python == "/usr/bin/python3")
        #expect(settings.durability == .relaxed)
        #expect(settings.authentication == .none)
        try settings.set("REQUIRE_MODEL", to: "0", at: "here")
        #expect(settings.requireModel == false)
    }

    static let bad: [([String], [String])] = [
        (
            ["MAX_INFLIGHT_JOBS", "MAX_ATTEMPTS", "MAX_IMAGE_SIDE", "MAX_IMAGE_BYTES"],
            [
                "", "0", "-1", "+1", "1.5", "1e3", " 1", "1 ", "ten", "0x10", "99999999999",
                "99999999999999999999", "１",
            ]
        ),
        (["MAX_PENDING_JOBS", "JOBS_PER_MIN_LIMIT"], ["0", "-1", "none", " ", "99999999"]),
        (["MAX_REJECTED_BYTES", "MIN_FREE_BYTES"], ["", "-1", "1G", "9223372036854775808"]),
        (
            ["JOB_TIMEOUT_SECONDS", "SETTLE_SECONDS"],
            ["", "-1", "1s", "1e3", ".5", "5.", "1,5", "inf", "999999999999"]
        ),
        (["JOB_PENDING_TIMEOUT_SECONDS"], ["never", "-1", " "]),
        (["OVERFLOW", "ORDER", "DURABILITY", "AUTH", "PIPELINE_TRANSPORT"], ["", "FIFO", "x"]),
        (["REQUIRE_MODEL"], ["yes", "true", "2", "01"]), (["PIPELINE"], [""]),
        (["DEFAULT_MODEL"], ["a b", "a/b", "é"]),
    ]

    @Test(arguments: bad)
    func `a wrong value is refused and changes nothing`(names: [String], values: [String]) {
        for name in names {
            for value in values {
                var settings = Settings()
                #expect(throws: SettingProblem.self, "\(name)=\(value)") {
                    try settings.set(name, to: value, at: "here")
                }
                #expect(settings == Settings())
            }
        }
    }

    static let words: [(String, String, String)] = [
        (
            "MAX_INFLIGHT_JOBS", "ten",
            "here: MAX_INFLIGHT_JOBS is 'ten'; it must be a whole number from 1 to 100000."
        ),
        (
            "MAX_REJECTED_BYTES", "1G",
            "here: MAX_REJECTED_BYTES is '1G'; it must be a whole number from 0."
        ),
        (
            "MAX_PENDING_JOBS", "0",
            "here: MAX_PENDING_JOBS is '0'; it must be a whole number from 1 to 100000, or empty"
                + " for no limit."
        ),
        (
            "SETTLE_SECONDS", "1s",
            "here: SETTLE_SECONDS is '1s'; it must be seconds, like 300 or 0.3."
        ),
        ("OVERFLOW", "drop", "here: OVERFLOW is 'drop'; it must be reject or hold."),
        (
            "MAX_INFLIGT_JOBS", "1",
            "here: unknown setting 'MAX_INFLIGT_JOBS'. Did you mean MAX_INFLIGHT_JOBS? The README"
                + " lists all settings."
        ),
        (
            "max_attempts", "1",
            "here: unknown setting 'max_attempts'. Did you mean MAX_ATTEMPTS? The README lists all"
                + " settings."
        ),
        (
            "COLOUR", "1",
            "here: unknown setting 'COLOUR'. Remove it. The README lists all settings."
        ),
    ]

    @Test(arguments: words)
    func `what is wrong is told with its place and the remedy`(
        name: String, value: String, text: String
    ) {
        #expect(problem(name, value) == text)
    }
}
