/// What a person is told of a setting.
public struct SettingDocumentation: Sendable {
    /// As it is written in `spool.conf`.
    public let name: String
    /// What it is for.
    public let summary: String
    /// What it may be, in words.
    public let allowed: String
    /// What it is when nothing is said; empty for none.
    public let standard: String

    /// The words it may be, where there are few.
    public var choices: [String] {
        let words = allowed.split(separator: " ").map(String.init)
        guard words.count == 3, words[1] == "or" else { return [] }
        return [words[0], words[2]]
    }
}

extension Settings {
    /// All settings but `SPOOL`.
    public static var documentation: [SettingDocumentation] {
        let settings = Settings()
        return keys.map { key in
            SettingDocumentation(
                name: key.name, summary: summaries[key.name] ?? "", allowed: key.allowed,
                standard: key.show(settings))
        }
    }

    private static let summaries = [
        "MAX_INFLIGHT_JOBS": "jobs queued and running; further drops are refused",
        "MAX_PENDING_JOBS": "jobs queued alone, if limited too",
        "OVERFLOW": "whether a drop without a place is refused, or waits in incoming/",
        "ORDER": "first in, first out, of all or of each station in turn",
        "RETRY_AFTER_SECONDS": "when refused senders are told to come back",
        "RESULT_TTL_SECONDS": "how long completed jobs stay",
        "FAILED_TTL_SECONDS": "how long failed jobs stay",
        "REJECTED_TTL_SECONDS": "how long refused drops stay",
        "MAX_REJECTED_BYTES": "refused drops above it go, oldest first",
        "MAX_IMAGE_BYTES": "the largest photo",
        "MAX_IMAGE_SIDE": "the widest and highest photo, in pixels",
        "MAX_INSTRUCTION_CHARS": "the longest instruction",
        "JOBS_PER_MIN_LIMIT": "jobs a minute of one station",
        "CONCURRENT_JOBS_LIMIT": "jobs of one station that run at once",
        "JOB_TIMEOUT_SECONDS": "the longest run of a job",
        "JOB_LEASE_SECONDS": "how long a worker elsewhere may be silent",
        "MAX_ATTEMPTS": "how often a job is tried before it is a dead letter",
        "JOB_RETRY_DELAY_SECONDS": "the wait before the second try; doubles for each further one",
        "JOB_RETRY_SCAN_SECONDS": "how often dead and stuck workers are looked for",
        "JOB_PENDING_TIMEOUT_SECONDS": "a job that no worker took for so long fails",
        "SETTLE_SECONDS": "how long a file must be quiet before it is taken",
        "RESUME_SECONDS": "how long an unfinished upload may stand still",
        "DROP_TIMEOUT_SECONDS": "how long a file waits for its partner",
        "SCAN_SECONDS": "how often folders are listed where the kernel tells no events",
        "GRACE_SECONDS": "how long a job may go on after a stop",
        "MIN_FREE_BYTES": "with less on the disk the door is closed",
        "REQUIRE_MODEL": "whether drops are refused while no worker is ready",
        "DEFAULT_MODEL": "the model of requests that name none",
        "PIPELINE": "what edits the photos",
        "PIPELINE_TRANSPORT": "how a pipeline gets photos and gives results",
        "PYTHON": "the interpreter of the pipeline rules",
        "DURABILITY": "whether the disk is waited for; relaxed may lose jobs in a power cut",
        "AUTH": "whether the gateway asks for keys",
    ]
}
