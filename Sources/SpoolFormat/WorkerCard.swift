/// What a worker says of itself in `.spool/workers/NAME.json`.
public struct WorkerCard: Codable, Hashable, Sendable {
    /// What a worker does.
    public enum State: String, Codable, Sendable {
        /// Its pipeline loads.
        case starting
        /// It waits for a job.
        case idle
        /// It runs a job.
        case busy
        /// Its job has ended, but the disk does not let it say so; it tries again.
        case blocked
        /// Its pipeline does not start; it tries again.
        case broken
        /// It has ended.
        case stopped
    }

    /// Its name.
    public let name: String
    /// Its process.
    public let pid: Int32
    /// When the process started, in clock ticks since its machine did: with `pid` it names one.
    public let processStart: UInt64
    /// Its machine.
    public let host: String
    /// What it does.
    public var state: State
    /// Why its pipeline does not start, or what it is blocked by.
    public var error: String?
    /// The model its pipeline has ready.
    public var model: String?
    /// The models its pipeline offers.
    public var models: [String] = []
    /// The models that pipelines of workers of this name ever offered.
    public var modelsOffered: [String] = []
    /// The job it runs.
    public var jobID: JobID?
    /// The number of its claim.
    public var claim: Int?
    /// When the job began.
    public var startedAt: Timestamp?
    /// How far the job is, 0…1.
    public var progress: Double?
    /// The last step of the job that is done.
    public var step: Int?
    /// How many steps it has.
    public var steps: Int?
    /// Jobs it ended since it started.
    public var jobsDone = 0
    /// When this was written.
    public var updatedAt: Timestamp

    /// A worker that starts.
    public init(name: String, pid: Int32, processStart: UInt64, host: String, at now: Timestamp) {
        self.name = name
        self.pid = pid
        self.processStart = processStart
        self.host = host
        state = .starting
        updatedAt = now
    }

    enum CodingKeys: String, CodingKey {
        case name, pid
        case processStart = "process_start"
        case host, state, error, model, models
        case modelsOffered = "models_offered"
        case jobID = "job_id"
        case claim
        case startedAt = "started_at"
        case progress, step, steps
        case jobsDone = "jobs_done"
        case updatedAt = "updated_at"
    }
}

extension WorkerCard {
    /// How far the job is, to be put behind its name: ` step 2/4`, or nothing.
    public var stepWords: String {
        guard let step, let steps else { return "" }
        return " step \(step)/\(steps)"
    }
}
