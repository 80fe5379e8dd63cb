/// One setting: its name, what it may be, and how its text is taken over.
struct SettingKey: Sendable {
    let name: String
    let allowed: String
    /// Its value as text; empty for none.
    private(set) var show: @Sendable (Settings) -> String = { _ in "" }
    /// False when the text is not allowed; the settings are unchanged then.
    let apply: @Sendable (inout Settings, String) -> Bool

    init(
        name: String, allowed: String, apply: @escaping @Sendable (inout Settings, String) -> Bool
    ) {
        self.name = name
        self.allowed = allowed
        self.apply = apply
    }

    /// The same with what makes a text of its value.
    func shown(as show: @escaping @Sendable (Settings) -> String) -> SettingKey {
        var key = self
        key.show = show
        return key
    }

    static func count(
        _ name: String, _ range: ClosedRange<Int>,
        _ field: any WritableKeyPath<Settings, Int> & Sendable
    ) -> SettingKey {
        SettingKey(name: name, allowed: words(range)) { settings, text in
            guard let value = integer(text), range.contains(value) else { return false }
            settings[keyPath: field] = value
            return true
        }.shown { "\($0[keyPath: field])" }
    }

    static func optionalCount(
        _ name: String, _ range: ClosedRange<Int>,
        _ field: any WritableKeyPath<Settings, Int?> & Sendable
    ) -> SettingKey {
        SettingKey(name: name, allowed: words(range) + ", or empty for no limit") {
            settings, text in
            if text.isEmpty {
                settings[keyPath: field] = nil
                return true
            }
            guard let value = integer(text), range.contains(value) else { return false }
            settings[keyPath: field] = value
            return true
        }.shown { $0[keyPath: field].map { "\($0)" } ?? "" }
    }

    static func seconds(
        _ name: String, _ field: any WritableKeyPath<Settings, Duration> & Sendable
    ) -> SettingKey {
        SettingKey(name: name, allowed: "seconds, like 300 or 0.3") { settings, text in
            guard let value = DurationText.parse(text) else { return false }
            settings[keyPath: field] = value
            return true
        }.shown { DurationText.seconds($0[keyPath: field]) }
    }

    static func optionalSeconds(
        _ name: String, _ field: any WritableKeyPath<Settings, Duration?> & Sendable
    ) -> SettingKey {
        SettingKey(name: name, allowed: "seconds, like 300 or 0.3, or empty for never") {
            settings, text in
            let value = DurationText.parse(text)
            guard value != nil || text.isEmpty else { return false }
            settings[keyPath: field] = value
            return true
        }.shown { $0[keyPath: field].map { DurationText.seconds($0) } ?? "" }
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ field: any WritableKeyPath<Settings, Choice> & Sendable
    ) -> SettingKey {
        let allowed = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        return SettingKey(name: name, allowed: allowed) { settings, text in
            guard let value = Choice(rawValue: text) else { return false }
            settings[keyPath: field] = value
            return true
        }.shown { $0[keyPath: field].rawValue }
    }

    static func text(
        _ name: String, _ allowed: String,
        _ field: any WritableKeyPath<Settings, String?> & Sendable,
        where isAllowed: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> SettingKey {
        SettingKey(name: name, allowed: allowed) { settings, text in
            guard text.isEmpty || isAllowed(text) else { return false }
            settings[keyPath: field] = text.isEmpty ? nil : text
            return true
        }.shown { $0[keyPath: field] ?? "" }
    }

    private static func words(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a whole number from \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }

    /// Digits only: `Int("+1")` would be allowed otherwise.
    private static func integer(_ text: String) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}

extension Settings {
    /// Every setting of DESIGN §10 but `SPOOL`, which says where the others stand.
    static let keys: [SettingKey] = [
        .count("MAX_INFLIGHT_JOBS", 1...100_000, \.maxInflightJobs),
        .optionalCount("MAX_PENDING_JOBS", 1...100_000, \.maxPendingJobs),
        .choice("OVERFLOW", \.overflow),
        .choice("ORDER", \.order),
        .seconds("RETRY_AFTER_SECONDS", \.retryAfter),
        .seconds("RESULT_TTL_SECONDS", \.resultTTL),
        .seconds("FAILED_TTL_SECONDS", \.failedTTL),
        .seconds("REJECTED_TTL_SECONDS", \.rejectedTTL),
        .count("MAX_REJECTED_BYTES", 0...Int.max, \.maxRejectedBytes),
        .count("MAX_IMAGE_BYTES", 1...1_073_741_824, \.maxImageBytes),
        .count("MAX_IMAGE_SIDE", 1...65_535, \.maxImageSide),
        .count("MAX_INSTRUCTION_CHARS", 1...100_000, \.maxInstructionChars),
        .optionalCount("JOBS_PER_MIN_LIMIT", 1...1_000_000, \.jobsPerMinuteLimit),
        .optionalCount("CONCURRENT_JOBS_LIMIT", 1...100_000, \.concurrentJobsLimit),
        .seconds("JOB_TIMEOUT_SECONDS", \.jobTimeout),
        .seconds("JOB_LEASE_SECONDS", \.jobLease),
        .count("MAX_ATTEMPTS", 1...1000, \.maxAttempts),
        .seconds("JOB_RETRY_DELAY_SECONDS", \.jobRetryDelay),
        .seconds("JOB_RETRY_SCAN_SECONDS", \.jobRetryScan),
        .optionalSeconds("JOB_PENDING_TIMEOUT_SECONDS", \.jobPendingTimeout),
        .seconds("SETTLE_SECONDS", \.settle),
        .seconds("RESUME_SECONDS", \.resume),
        .seconds("DROP_TIMEOUT_SECONDS", \.dropTimeout),
        .seconds("SCAN_SECONDS", \.scan),
        .seconds("GRACE_SECONDS", \.grace),
        .count("MIN_FREE_BYTES", 0...Int.max, \.minFreeBytes),
        SettingKey(name: "REQUIRE_MODEL", allowed: "0 or 1") { settings, text in
            guard ["0", "1", ""].contains(text) else { return false }
            settings.requireModel = text.isEmpty ? nil : text == "1"
            return true
        }.shown { $0.requireModel == true ? "1" : "0" },
        .text("DEFAULT_MODEL", ModelName.rule, \.defaultModel) { ModelName($0) != nil },
        SettingKey(name: "PIPELINE", allowed: "rules, qwen or a command") { settings, text in
            guard !text.isEmpty else { return false }
            settings.pipeline = text
            return true
        }.shown { $0.pipeline },
        .choice("PIPELINE_TRANSPORT", \.pipelineTransport),
        .text("PYTHON", "a program", \.python),
        .choice("DURABILITY", \.durability),
        .choice("AUTH", \.authentication),
    ]
}
