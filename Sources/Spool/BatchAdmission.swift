// What a batch adds to admission: it needs many slots at once, and its rows have names of their own.

internal import SpoolFormat

/// The batches that found no room in one round at the door (`OVERFLOW=hold`): who is behind one
/// waits as well, else many small drops would keep a large one out for ever.
struct HeldUp {
    private var isFull = false
    private var senders: Set<StationName?> = []

    /// Takes note of a drop that waits.
    mutating func note(_ candidate: Candidate, _ refusal: Refusal) {
        guard candidate.size > 1 else { return }
        if refusal.code == .queueFull { isFull = true }
        if refusal.code == .rateLimited { senders.insert(candidate.station) }
    }

    /// What somebody behind one of them waits for, too.
    func refusal(of candidate: Candidate, _ settings: Settings) -> Refusal? {
        if isFull { return .queueFull(maximum: settings.maxInflightJobs) }
        guard senders.contains(candidate.station) else { return nil }
        return Refusal(.rateLimited, "A batch of the same sender waits before it.")
    }
}

extension Candidate {
    /// What it would be called if nobody else had the name.
    var id: JobID {
        get throws(NameProblem) {
            guard isBatch else { return try JobID(stem: key.stem, station: station) }
            let stem = key.stem.dropLast(BatchName.suffix.utf8.count)
            return try BatchName(stem: Array(stem), station: station).id
        }
    }
}

extension JobRecord {
    /// The batch that the job is a row of.
    var batch: JobID? { view.batch.flatMap { try? JobID($0.utf8) } }
}

extension Limits {
    /// A batch of more rows than its sender may ever send at once; nil for one that fits.
    func tooLong(batch rows: Int, of station: StationName?) -> Refusal? {
        guard rows > 1, let limit = jobsPerMinute(of: station), rows > limit else { return nil }
        return Refusal(
            .invalidRequest,
            "The batch has \(rows) rows; \(Refusal.words(for: station?.description)) may send "
                + "\(limit) jobs a minute. Split it into CSV files of at most \(limit) rows.")
    }
}
