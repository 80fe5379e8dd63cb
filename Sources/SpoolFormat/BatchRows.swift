/// How the rows of a batch are: what its view counts.
public struct BatchRows: Hashable, Sendable {
    /// One of them.
    public struct Row: Hashable, Sendable, Codable {
        /// The job.
        public let id: JobID
        /// Where it stands.
        public let status: JobStatus

        enum CodingKeys: String, CodingKey {
            case id = "job_id"
            case status
        }
    }

    /// How many rows it had when it was let in.
    public let total: Int
    /// Those that are still kept, by their IDs.
    public let jobs: [Row]

    /// Counts jobs, of `total` that there were.
    public init(total: Int, jobs: [(id: JobID, status: JobStatus)]) {
        self.total = max(total, jobs.count)
        self.jobs = jobs.sorted { $0.id < $1.id }.map { Row(id: $0.id, status: $0.status) }
    }

    /// How many of those that are kept are in a status.
    public func count(_ status: JobStatus) -> Int { jobs.count { $0.status == status } }

    /// Those that have been cleaned up since.
    public var removed: Int { total - jobs.count }

    /// The batch as if it were one job.
    public var status: JobStatus {
        let live = count(.queued) + count(.held) + count(.processing)
        if live > 0 {
            if count(.processing) > 0 || live < total { return .processing }
            return count(.held) == live ? .held : .queued
        }
        if count(.failed) + count(.rejected) > 0 { return .failed }
        return count(.completed) == 0 && count(.cancelled) > 0 ? .cancelled : .completed
    }

    /// How many rows have ended, 0…1.
    public var progress: Double {
        let live = count(.queued) + count(.held) + count(.processing)
        return total == 0 ? 0 : Double(total - live) / Double(total)
    }

    /// In words, as `3 of 5 rows have ended, 1 failed`.
    public var summary: String {
        let live = count(.queued) + count(.held) + count(.processing)
        var text = "\(total - live) of \(total) row\(total == 1 ? "" : "s") ended"
        for status in [JobStatus.failed, .cancelled] where count(status) > 0 {
            text += ", \(count(status)) \(status.rawValue)"
        }
        return text
    }
}

extension BatchRows: Codable {
    private enum Key: String, CodingKey {
        case total, queued, held, processing, completed, failed, cancelled, removed, jobs
    }

    private static let counted: [(Key, JobStatus)] = [
        (.queued, .queued), (.held, .held), (.processing, .processing), (.completed, .completed),
        (.failed, .failed), (.cancelled, .cancelled),
    ]

    /// Reads what `encode` wrote.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        total = try values.decode(Int.self, forKey: .total)
        jobs = try values.decode([Row].self, forKey: .jobs)
    }

    /// Writes the counts and the jobs.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(total, forKey: .total)
        for (key, status) in BatchRows.counted { try values.encode(count(status), forKey: key) }
        try values.encode(removed, forKey: .removed)
        try values.encode(jobs, forKey: .jobs)
    }
}
