/// What is wrong with a setting, where it stands and what to do.
public struct SettingProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// In words.
    public let description: String
}

/// What happens to a drop when there is no slot.
public enum Overflow: String, Sendable, CaseIterable {
    /// It is refused.
    case reject
    /// It waits at the door.
    case hold
}

/// Which job is next.
public enum Order: String, Sendable, CaseIterable {
    /// The one that was admitted first.
    case fifo
    /// The first one of the station that was served least recently.
    case fair
}

/// Whether transitions wait for the disk.
public enum Durability: String, Sendable, CaseIterable {
    /// Every transition is on the disk before the next one.
    case full
    /// The kernel writes when it likes: a power cut may lose or halve jobs.
    case relaxed
}

/// How images reach a pipeline.
public enum PipelineTransport: String, Sendable, CaseIterable {
    /// By paths on a shared disk.
    case path
    /// Inside the JSON lines.
    case inline
}

/// Who may use the gateway.
public enum Authentication: String, Sendable, CaseIterable {
    /// Holders of a key.
    case keys
    /// Everybody who reaches it.
    case none
}

/// All settings, with their defaults (DESIGN §10).
public struct Settings: Hashable, Sendable {
    /// The most jobs queued and running.
    public var maxInflightJobs = 10
    /// The most jobs queued, if limited by itself.
    public var maxPendingJobs: Int?
    /// What happens to a drop when there is no slot.
    public var overflow = Overflow.reject
    /// Which job is next.
    public var order = Order.fifo
    /// When a refused sender is told to come back while nothing is measured.
    public var retryAfter = Duration.seconds(300)
    /// How long results stay.
    public var resultTTL = Duration.seconds(3600)
    /// How long failed jobs stay.
    public var failedTTL = Duration.seconds(3600)
    /// How long refused drops stay.
    public var rejectedTTL = Duration.seconds(3600)
    /// The most bytes of refused drops; older ones go first.
    public var maxRejectedBytes = 1_073_741_824
    /// The most bytes of an image.
    public var maxImageBytes = 10_485_760
    /// The most pixels of an image's width or height.
    public var maxImageSide = 2048
    /// The most characters of an instruction.
    public var maxInstructionChars = 500
    /// The most jobs a station may send in a minute.
    public var jobsPerMinuteLimit: Int?
    /// The most jobs of a station that run at once.
    public var concurrentJobsLimit: Int?
    /// The longest run of a job.
    public var jobTimeout = Duration.seconds(600)
    /// How long a remote worker's lease lasts.
    public var jobLease = Duration.seconds(60)
    /// How often a job is tried.
    public var maxAttempts = 3
    /// The wait before the first retry; doubles.
    public var jobRetryDelay = Duration.seconds(30)
    /// How often recovery looks while something runs.
    public var jobRetryScan = Duration.seconds(30)
    /// When a job that no worker took fails.
    public var jobPendingTimeout: Duration?
    /// How long a file must be quiet.
    public var settle = Duration.milliseconds(300)
    /// How long an unfinished upload may stand still.
    public var resume = Duration.seconds(30)
    /// How long a drop waits for its partner.
    public var dropTimeout = Duration.seconds(300)
    /// How often directories are listed where events don't come.
    public var scan = Duration.seconds(5)
    /// How long a job may go on after a stop was asked for.
    public var grace = Duration.seconds(25)
    /// The free bytes below which the door is closed.
    public var minFreeBytes = 268_435_456
    /// Whether drops are refused while no worker is ready; nil: depends on the pipeline.
    public var requireModel: Bool?
    /// The model of a request that names none.
    public var defaultModel: String?
    /// The pipeline's name, or a command.
    public var pipeline = "rules"
    /// How images reach the pipeline.
    public var pipelineTransport = PipelineTransport.path
    /// The interpreter of the shipped pipelines.
    public var python: String?
    /// Whether transitions wait for the disk.
    public var durability = Durability.full
    /// Who may use the gateway.
    public var authentication = Authentication.keys

    /// The defaults.
    public init() {}

    /// The settings that differ from their defaults although nothing obeys them yet.
    public var withoutEffect: [String] {
        let defaults = Settings()
        let unused: [(name: String, isSet: Bool)] = [
            ("JOB_LEASE_SECONDS", jobLease != defaults.jobLease),
            ("PIPELINE_TRANSPORT", pipelineTransport != defaults.pipelineTransport),
            ("AUTH", authentication != defaults.authentication),
        ]
        return unused.filter(\.isSet).map(\.name)
    }

    /// The names of all settings.
    public static let names: [String] = keys.map(\.name)

    /// Sets one by its name and text.
    ///
    /// - Throws: what was found, what is allowed; `place` says where it was found.
    public mutating func set(_ name: String, to text: String, at place: String)
        throws(SettingProblem)
    {
        guard let key = Settings.keys.first(where: { $0.name == name }) else {
            let hint = Nearest.name(to: name, among: Settings.names)
            throw SettingProblem(
                description: "\(place): unknown setting '\(name.excerpt)'."
                    + (hint.map { " Did you mean \($0)?" } ?? " Remove it.")
                    + " The README lists all settings.")
        }
        guard key.apply(&self, text) else {
            throw SettingProblem(
                description: "\(place): \(name) is '\(text.excerpt)'; it must be \(key.allowed).")
        }
    }
}
