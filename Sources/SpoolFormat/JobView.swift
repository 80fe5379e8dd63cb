/// What `status/ID.json` says of a job. Fields that are unknown are null, not absent.
public struct JobView: Hashable, Sendable {
    /// The job.
    public var id: JobID
    /// Where it stands.
    public var status: JobStatus
    /// Place in the queue from 1, unless it is not queued.
    public var position: Int?
    /// When the drop was first seen.
    public var createdAt: Timestamp?
    /// When a worker began.
    public var startedAt: Timestamp?
    /// When it ended.
    public var completedAt: Timestamp?
    /// The result's bare file name.
    public var resultPath: String?
    /// The seed the result was made with.
    public var resultSeed: Int64?
    /// What went wrong.
    public var error: String?
    /// What was asked for.
    public var instruction: String?
    /// The model asked for, or used.
    public var model: String?
    /// The declared sender.
    public var station: String?
    /// How often it was tried, as far as `MAX_ATTEMPTS` counts.
    public var attempts = 0
    /// How far the worker is, 0…1.
    public var progress: Double?
    /// Seconds until a worker will probably have finished it.
    public var estimatedWaitSeconds: Int?
    /// In words, what it waits for.
    public var waitingFor: String?
    /// When it may start at the earliest.
    public var notBefore: Timestamp?
    /// Whether it ended because its attempts are used up.
    public var isDeadLetter = false
    /// The drop's own name.
    public var droppedAs: String?
    /// The batch it is a row of.
    public var batch: String?
    /// Of a batch: how its rows are.
    public var rows: BatchRows?
    /// The image's SHA-256, hexadecimal.
    public var sha256: String?
    /// The station's own data.
    public var metadata: JSONValue?
    /// When this was written.
    public var updatedAt: Timestamp?
    /// Why it was refused.
    public var reason: Reason?

    /// A job of which nothing else is known yet.
    public init(id: JobID, status: JobStatus) {
        self.id = id
        self.status = status
    }
}

enum JobKey: String, CodingKey {
    case jobID = "job_id"
    case status, position
    case createdAt = "created_at"
    case startedAt = "started_at"
    case completedAt = "completed_at"
    case resultPath = "result_path"
    case resultSeed = "result_seed"
    case error, instruction, model, station, attempts, progress
    case estimatedWaitSeconds = "estimated_wait_seconds"
    case waitingFor = "waiting_for"
    case notBefore = "not_before"
    case deadLetter = "dead_letter"
    case droppedAs = "dropped_as"
    case batch, rows
    case batchOrder = "batch_order_ns"
    case batchSize = "batch_rows"
    case sha256, metadata
    case updatedAt = "updated_at"
    case code
    case httpStatus = "http_status"
    case detail, message
    case retryAfterSeconds = "retry_after_seconds"
    case retryAt = "retry_at"
    case rejectedAt = "rejected_at"
    case image, seed
    case systemPrompt = "system_prompt"
    case orderNanoseconds = "order_ns"
    case dueNanoseconds = "due_ns"
    case claims, retries
    case pipelineKills = "pipeline_kills"
}

extension JobView: Codable {
    /// Reads a view; what a newer program added is left out.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: JobKey.self)
        id = try values.decode(JobID.self, forKey: .jobID)
        status = try values.decode(JobStatus.self, forKey: .status)
        position = try values.decodeIfPresent(Int.self, forKey: .position)
        createdAt = try values.decodeIfPresent(Timestamp.self, forKey: .createdAt)
        startedAt = try values.decodeIfPresent(Timestamp.self, forKey: .startedAt)
        completedAt = try values.decodeIfPresent(Timestamp.self, forKey: .completedAt)
        resultPath = try values.decodeIfPresent(String.self, forKey: .resultPath)
        resultSeed = try values.decodeIfPresent(Int64.self, forKey: .resultSeed)
        error = try values.decodeIfPresent(String.self, forKey: .error)
        instruction = try values.decodeIfPresent(String.self, forKey: .instruction)
        model = try values.decodeIfPresent(String.self, forKey: .model)
        station = try values.decodeIfPresent(String.self, forKey: .station)
        attempts = try values.decodeIfPresent(Int.self, forKey: .attempts) ?? 0
        progress = try values.decodeIfPresent(Double.self, forKey: .progress)
        estimatedWaitSeconds = try values.decodeIfPresent(Int.self, forKey: .estimatedWaitSeconds)
        waitingFor = try values.decodeIfPresent(String.self, forKey: .waitingFor)
        notBefore = try values.decodeIfPresent(Timestamp.self, forKey: .notBefore)
        isDeadLetter = try values.decodeIfPresent(Bool.self, forKey: .deadLetter) ?? false
        droppedAs = try values.decodeIfPresent(String.self, forKey: .droppedAs)
        batch = try values.decodeIfPresent(String.self, forKey: .batch)
        rows = try values.decodeIfPresent(BatchRows.self, forKey: .rows)
        sha256 = try values.decodeIfPresent(String.self, forKey: .sha256)
        metadata = try values.decodeIfPresent(JSONValue.self, forKey: .metadata)
        updatedAt = try values.decodeIfPresent(Timestamp.self, forKey: .updatedAt)
        reason = try Reason(ifPresentIn: values)
    }

    /// Writes every field, null where it is unknown, and the own fields of a refusal and a batch.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: JobKey.self)
        try values.encode(id, forKey: .jobID)
        try values.encode(status, forKey: .status)
        try values.encode(position, forKey: .position)
        try values.encode(createdAt, forKey: .createdAt)
        try values.encode(startedAt, forKey: .startedAt)
        try values.encode(completedAt, forKey: .completedAt)
        try values.encode(resultPath, forKey: .resultPath)
        try values.encode(resultSeed, forKey: .resultSeed)
        try values.encode(error, forKey: .error)
        try values.encode(instruction, forKey: .instruction)
        try values.encode(model, forKey: .model)
        try values.encode(station, forKey: .station)
        try values.encode(attempts, forKey: .attempts)
        try values.encode(progress, forKey: .progress)
        try values.encode(estimatedWaitSeconds, forKey: .estimatedWaitSeconds)
        try values.encode(waitingFor, forKey: .waitingFor)
        try values.encode(notBefore, forKey: .notBefore)
        try values.encode(isDeadLetter, forKey: .deadLetter)
        try values.encode(droppedAs, forKey: .droppedAs)
        try values.encodeIfPresent(batch, forKey: .batch)
        try values.encodeIfPresent(rows, forKey: .rows)
        try values.encode(sha256, forKey: .sha256)
        try values.encode(metadata, forKey: .metadata)
        try values.encode(updatedAt, forKey: .updatedAt)
        try reason?.encode(into: &values)
    }
}

extension Reason {
    fileprivate init?(ifPresentIn values: KeyedDecodingContainer<JobKey>) throws {
        guard let code = try values.decodeIfPresent(RefusalCode.self, forKey: .code) else {
            return nil
        }
        refusal = Refusal(code, try values.decode(String.self, forKey: .detail))
        retryAfterSeconds = try values.decodeIfPresent(Int.self, forKey: .retryAfterSeconds)
        rejectedAt = try values.decode(Timestamp.self, forKey: .rejectedAt)
    }

    fileprivate func encode(into values: inout KeyedEncodingContainer<JobKey>) throws {
        try values.encode(refusal.code, forKey: .code)
        try values.encode(refusal.code.httpStatus, forKey: .httpStatus)
        try values.encode(refusal.detail, forKey: .detail)
        try values.encode(message, forKey: .message)
        try values.encode(retryAfterSeconds, forKey: .retryAfterSeconds)
        try values.encode(retryAt, forKey: .retryAt)
        try values.encode(rejectedAt, forKey: .rejectedAt)
    }

    /// The content of `reason.json` for a job.
    public struct File: Encodable {
        let reason: Reason
        let id: JobID
        let station: String?
        let droppedAs: String?
        let sha256: String?

        /// The reason as the file in the job's bundle.
        public init(_ reason: Reason, of job: JobView) {
            self.reason = reason
            id = job.id
            station = job.station
            droppedAs = job.droppedAs
            sha256 = job.sha256
        }

        /// Writes the fields of DESIGN §5.
        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: JobKey.self)
            try values.encode(id, forKey: .jobID)
            try values.encode(JobStatus.rejected, forKey: .status)
            try reason.encode(into: &values)
            try values.encode(station, forKey: .station)
            try values.encode(droppedAs, forKey: .droppedAs)
            try values.encode(sha256, forKey: .sha256)
        }
    }
}
