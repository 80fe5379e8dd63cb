/// What `queue.json` says: the former API's fields, and the list of jobs and workers.
public struct QueueView: Codable, Hashable, Sendable {
    /// A job in the list. Holds nothing that only its sender may know.
    public struct Job: Codable, Hashable, Sendable {
        /// The job; nil when not everybody may read of it.
        public let jobID: JobID?
        /// Where it stands.
        public let status: JobStatus
        /// Place in the queue from 1.
        public let position: Int?
        /// When the drop was first seen.
        public let createdAt: Timestamp?

        /// A line of the list.
        public init(_ view: JobView, isPrivate: Bool = false) {
            jobID = isPrivate ? nil : view.id
            status = view.status
            position = view.position
            createdAt = view.createdAt
        }

        enum CodingKeys: String, CodingKey {
            case jobID = "job_id"
            case status, position
            case createdAt = "created_at"
        }

        /// Writes every field, null where it is unknown.
        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(jobID, forKey: .jobID)
            try values.encode(status, forKey: .status)
            try values.encode(position, forKey: .position)
            try values.encode(createdAt, forKey: .createdAt)
        }
    }

    /// A living worker.
    public struct Worker: Codable, Hashable, Sendable {
        /// Its name.
        public let name: String
        /// What it does.
        public let state: String
        /// The model its pipeline has ready.
        public let model: String?
        /// The job it runs.
        public let jobID: JobID?

        /// What everybody may know of a worker.
        public init(_ card: WorkerCard, isPrivate: Bool = false) {
            name = card.name
            state = card.state.rawValue
            model = card.model
            jobID = isPrivate ? nil : card.jobID
        }

        enum CodingKeys: String, CodingKey {
            case name, state, model
            case jobID = "job_id"
        }

        /// Writes every field, null where there is nothing.
        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(name, forKey: .name)
            try values.encode(state, forKey: .state)
            try values.encode(model, forKey: .model)
            try values.encode(jobID, forKey: .jobID)
        }
    }

    /// Queued and running.
    public var queueSize = 0
    /// The maximum of `queueSize`.
    public var maximumQueueSize = 0
    /// Waiting for a worker.
    public var queuedCount = 0
    /// With a worker.
    public var processingCount = 0
    /// Ever completed, those cleaned up included.
    public var completedCount = 0
    /// Ever failed, likewise.
    public var failedCount = 0
    /// Ever refused, likewise.
    public var rejectedCount = 0
    /// A job that runs now.
    public var currentJobID: JobID?
    /// Live jobs and finished ones that are still kept.
    public var totalJobs = 0
    /// When the oldest live job's drop was seen.
    public var oldestJobCreatedAt: Timestamp?
    /// How often a job was tried again.
    public var retriesTotal = 0
    /// Whether workers claim nothing.
    public var isPaused = false
    /// Whether the door is closed.
    public var isDraining = false
    /// The living workers.
    public var workers: [Worker] = []
    /// Running, then queued in order, then finished jobs, newest first.
    public var jobs: [Job] = []
    /// When this was written.
    public var updatedAt: Timestamp

    /// An empty queue.
    public init(updatedAt: Timestamp) { self.updatedAt = updatedAt }

    enum CodingKeys: String, CodingKey {
        case queueSize = "queue_size"
        case maximumQueueSize = "max_queue_size"
        case queuedCount = "queued_count"
        case processingCount = "processing_count"
        case completedCount = "completed_count"
        case failedCount = "failed_count"
        case rejectedCount = "rejected_count"
        case currentJobID = "current_job_id"
        case totalJobs = "total_jobs"
        case oldestJobCreatedAt = "oldest_job_created_at"
        case retriesTotal = "retries_total"
        case isPaused = "paused"
        case isDraining = "draining"
        case workers, jobs
        case updatedAt = "updated_at"
    }

    /// Writes every field, null where there is nothing.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(queueSize, forKey: .queueSize)
        try values.encode(maximumQueueSize, forKey: .maximumQueueSize)
        try values.encode(queuedCount, forKey: .queuedCount)
        try values.encode(processingCount, forKey: .processingCount)
        try values.encode(completedCount, forKey: .completedCount)
        try values.encode(failedCount, forKey: .failedCount)
        try values.encode(rejectedCount, forKey: .rejectedCount)
        try values.encode(currentJobID, forKey: .currentJobID)
        try values.encode(totalJobs, forKey: .totalJobs)
        try values.encode(oldestJobCreatedAt, forKey: .oldestJobCreatedAt)
        try values.encode(retriesTotal, forKey: .retriesTotal)
        try values.encode(isPaused, forKey: .isPaused)
        try values.encode(isDraining, forKey: .isDraining)
        try values.encode(workers, forKey: .workers)
        try values.encode(jobs, forKey: .jobs)
        try values.encode(updatedAt, forKey: .updatedAt)
    }
}
