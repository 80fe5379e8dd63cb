// Out of the queue for good: a queued job that was cancelled, or that nobody took in time, goes to
// `failed/` (PROTOCOL.md, cancel of a queued job).
//
// Under the lease: record, stamp, flush, rename, flush. This is the one case in which something is
// written into a bundle in `queued/` (R2), by a single rename: the job keeps its place until it is
// decided that it leaves it. A crash behind the record leaves a bundle in `queued/` whose record
// says `cancelled` or `failed`: no worker claims it, and the watcher dismisses it at its next start.

internal import Linux
internal import SpoolFormat

/// What came of dismissing a queued job.
enum Dismissal {
    /// It stands in `failed/`.
    case dismissed(JobRecord)
    /// Somebody holds it: it may be about to run.
    case busy
    /// It is not in the queue any more.
    case gone
    /// It has no readable record.
    case damaged
}

extension Spool {
    /// Ends a queued job as cancelled or failed.
    ///
    /// State before: `queued/ID`; after: `failed/ID`, durable. Does not wait for the lease.
    func dismiss(_ id: JobID, as status: JobStatus, _ error: String) throws(SystemError)
        -> Dismissal
    {
        let bundle = Path.bundle(.queued, id)
        switch try lease(bundle) {
        case .gone: return .gone
        case .busy: return .busy
        case .held(let lease):
            guard var record = try record(in: bundle, of: id) else { return .damaged }
            // Decided before a crash: as it was decided then.
            if !record.isDismissed {
                record.view.startedAt = nil
                record.dismiss(as: status, error)
            }
            try write(record, in: bundle, by: .temporary())
            try move(bundle, to: .failed, record)
            guard try holds(lease, of: .bundle(.failed, id)) else { return .gone }
            return .dismissed(record)
        }
    }
}

extension JobRecord {
    /// Whether it was decided that a job in `queued/` leaves it for `failed/`. Any other record, such
    /// as one of a run, is that of a job that waits.
    var isDismissed: Bool { view.status == .failed || view.status == .cancelled }

    /// Ends the job without a run.
    mutating func dismiss(as status: JobStatus, _ error: String) {
        view.status = status
        view.completedAt = .now
        view.resultPath = nil
        view.resultSeed = nil
        view.error = error
        view.progress = nil
        view.isDeadLetter = false
    }

    /// What a cancelled job's sender is told.
    static let cancellation = "The job was cancelled."
}
