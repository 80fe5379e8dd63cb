// A job in the hands of a worker: from the claim by rename to its end.
//
// R2: the rename to `running/ID@N` is the claim; record and pipeline come after it, and
// `makeDurable` must have returned before any transition out of `running/`. R3: files of the
// bundle are named by path only; once the path is gone the lease was lost, and nothing of ours can
// touch the job any more. I4: the ends look whether the lease is still ours.
//
// A crash at any point leaves `running/ID@N` with a free lease; recovery finishes it when the
// completed record and the whole result are there, else returns it to the queue. Dropping a
// `Claim` looks exactly like a crash.

public import Linux
public import SpoolFormat

/// A job that this worker runs. Ending it twice does not compile.
public struct Claim: ~Copyable {
    private let spool: Spool
    private let lease: Lease
    /// The claim's name.
    public let attempt: AttemptName
    /// The job's record, as it will be written next.
    public private(set) var record: JobRecord

    init(_ spool: Spool, lease: consuming Lease, attempt: AttemptName, record: JobRecord) {
        self.spool = spool
        self.lease = lease
        self.attempt = attempt
        self.record = record
    }

    /// What came of ending a claim.
    public enum End: Hashable, Sendable {
        /// The bundle stands in its new state.
        case moved
        /// The lease was lost: somebody else decides about the job.
        case lost
    }

    private var bundle: Path { .bundle(attempt) }

    /// The image, from the file system's root.
    public var image: Path { spool.path / bundle / Path(record.image ?? "") }

    /// Where the pipeline writes, from the file system's root.
    public var output: Path { spool.path / bundle / outputName }

    private var outputName: Path { Path(BundleFile.output(claim: attempt.claim)) }

    /// The system prompt the station asked for, from its request.
    public func systemPrompt() throws(SystemError) -> String? {
        guard let bytes = try spool.read(bundle / Path(BundleFile.request)) else { return nil }
        // It was parsed at the door; the limits may have been changed since.
        return (try? Request(parsing: bytes, maximumInstruction: .max, now: .now))?.systemPrompt
    }

    /// Writes the claim to the disk. The pipeline may run already (R2).
    public func makeDurable() throws(SystemError) -> End {
        try unlessLost { () throws(SystemError) in
            try spool.flush(directory: Path(.running))
            try spool.flush(directory: Path(.queued))
            try spool.write(record, in: bundle, claim: attempt.claim)
            try spool.flush(directory: bundle)
        }
    }

    /// Looks at what the pipeline wrote: nil for a whole PNG, else what is wrong with it.
    public func checkOutput() throws(SystemError) -> String? {
        let path = bundle / outputName
        guard let status = try spool.root.status(of: path) else {
            return "The pipeline said it was done but wrote no output file."
        }
        guard status.kind == .file else {
            return "The pipeline's output is not a file but a \(status.kind.rawValue)."
        }
        let limit = 1 << 28
        switch ImageProbe.examine(try spool.root.open(path).contents(limit: limit)) {
        case .whole(let header) where header.format == .png: return nil
        case .whole: return "The pipeline's output is a JPEG; it must be a PNG."
        case .unfinished(_, let detail), .damaged(let detail):
            return "The pipeline's output is not a whole image: \(detail)."
        }
    }

    /// What came of completing a job.
    public enum Completion: Hashable, Sendable {
        /// It stands in `done/`, with a result of this name.
        case completed(String)
        /// The lease was lost.
        case lost
    }

    /// Publishes the checked output as the job's result; ends in `done/` (I3).
    public consuming func complete(model: ModelName, seed: Int64) throws(SystemError) -> Completion
    {
        let now = Timestamp.now
        let result = BundleFile.result(
            model: model, completed: now, seed: seed, random: Host.random(4))
        let (spool, bundle) = (spool, bundle)
        let (output, claim) = (bundle / outputName, attempt.claim)
        record.view.status = .completed
        record.view.completedAt = now
        record.view.resultPath = result
        record.view.resultSeed = seed
        record.view.model = model.description
        record.view.progress = 1
        record.view.error = nil
        guard try spool.holds(lease, of: bundle) else { return .lost }
        let finished = record
        let end = try unlessLost { () throws(SystemError) in
            try spool.flush(file: output)
            try spool.root.rename(output, to: bundle / Path(result))
            try spool.write(finished, in: bundle, claim: claim)
            try spool.move(bundle, to: .done, finished)
        }
        return end == .moved ? .completed(result) : .lost
    }

    /// Ends the job in `failed/` with a sentence that tells why.
    public consuming func fail(_ error: String, deadLetter: Bool = false) throws(SystemError) -> End
    {
        let (spool, bundle) = (spool, bundle)
        let (output, claim) = (bundle / outputName, attempt.claim)
        record.view.status = .failed
        record.view.completedAt = .now
        record.view.error = error
        record.view.isDeadLetter = deadLetter
        record.view.progress = nil
        guard try spool.holds(lease, of: bundle) else { return .lost }
        let finished = record
        return try unlessLost { () throws(SystemError) in
            try spool.root.removeTree(output)
            try spool.write(finished, in: bundle, claim: claim)
            try spool.move(bundle, to: .failed, finished)
        }
    }

    /// Returns the job to its old place in the queue (R7).
    ///
    /// `counted` tells whether this run counts as an attempt.
    public consuming func giveBack(counted: Bool) throws(SystemError) -> End {
        let (spool, bundle) = (spool, bundle)
        let (output, claim) = (bundle / outputName, attempt.claim)
        record.view.status = .queued
        record.view.startedAt = nil
        record.view.progress = nil
        if !counted { record.view.attempts -= 1 }
        guard try spool.holds(lease, of: bundle) else { return .lost }
        let waiting = record
        return try unlessLost { () throws(SystemError) in
            try spool.root.removeTree(output)
            try spool.write(waiting, in: bundle, claim: claim)
            try spool.move(bundle, to: .queued, waiting)
        }
    }

    /// R3: a path that is gone means that the lease was lost.
    private func unlessLost(_ body: () throws(SystemError) -> Void) throws(SystemError) -> End {
        do throws(SystemError) {
            try body()
            return .moved
        } catch {
            guard error.isNotFound else { throw error }
            return .lost
        }
    }
}

extension Spool {
    /// Moves a bundle out of `running/`: stamp, flush, rename, flush both parents.
    ///
    /// The stamp comes before the rename: with it behind, another worker runs the job before it
    /// is due.
    func move(_ bundle: Path, to state: JobState, _ record: JobRecord) throws(SystemError) {
        let directory = try root.directory(bundle)
        let ended = record.view.completedAt?.nanoseconds ?? WallClock.nanoseconds
        try directory.setModified(state == .queued ? record.stamp : ended)
        try flush(directory: bundle)
        try root.rename(bundle, to: .bundle(state, record.view.id))
        try flush(directory: Path(state))
        try flush(directory: bundle.parent)
    }
}
