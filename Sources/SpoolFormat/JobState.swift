/// Where an admitted or refused job stands. The raw value is the directory's name.
public enum JobState: String, CaseIterable, Sendable, Codable {
    /// Admitted, waiting for a worker.
    case queued
    /// Claimed by a worker.
    case running
    /// Ended with a result.
    case done
    /// Ended with an error.
    case failed
    /// Refused at the door.
    case rejected

    /// The states a job ends in.
    public static let finished: [JobState] = [.done, .failed, .rejected]

    /// Whether a job in this state has ended.
    public var isFinished: Bool { JobState.finished.contains(self) }
}

/// What `status` says of a job to its sender.
public enum JobStatus: String, Sendable, Codable {
    /// Its files are arriving.
    case receiving
    /// It waits for a worker.
    case queued
    /// A worker edits it.
    case processing
    /// The result is there.
    case completed
    /// It ended with an error.
    case failed
    /// It was refused at the door.
    case rejected
    /// It waits at the door for room.
    case throttled
    /// It waits until it is released.
    case held
    /// It was taken back.
    case cancelled
}
