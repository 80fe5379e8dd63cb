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
    /// R10: let go behind the last rename, or by the kernel.
    private let slot: HeldLock?
    /// The claim's name.
    public let attempt: AttemptName
    /// The job's record, as it will be written next.
    public private(set) var record: JobRecord
    /// As it was before an end was decided.
    private let started: JobRecord
    private var isDurable = false

    init(
        _ spool: Spool, lease: consuming Lease, attempt: AttemptName, record: JobRecord,
        slot: HeldLock? = nil
    ) {
        self.spool = spool
        self.lease = lease
        self.slot = slot
        self.attempt = attempt
        self.record = record
        started = record
    }

    /// What came of ending a claim.
    public enum End: ~Copyable {
        /// The bundle stands in its new state, with this record.
        case moved(JobRecord)
        /// The lease was lost: somebody else decides about the job.
        case lost
        /// The disk did not let us, or a foreign hand has the name (R12: both stay); `Claim.end`
        /// tries the same end again.
        case stuck(Claim, SystemError)
    }

    /// Whether it has a slot of its station, which the station's next job may be waiting for.
    public var hasSlot: Bool { slot != nil }

    private var bundle: Path { .bundle(attempt) }

    /// The image, from the file system's root.
    public var image: Path { spool.path / bundle / Path(record.image ?? "") }

    /// Where the pipeline writes, from the file system's root.
    public var output: Path { spool.path / outputPath }

    private var outputPath: Path { bundle / Path(BundleFile.output(claim: attempt.claim)) }

    /// Writes the claim to the disk; false when the lease was lost.
    ///
    /// The pipeline may run already (R2). After an error the claim's end does it.
    public mutating func makeDurable() throws(SystemError) -> Bool {
        guard !isDurable else { return true }
        do throws(SystemError) {
            try spool.flush(directory: Path(.running))
            try spool.flush(directory: Path(.queued))
            try spool.write(record, in: bundle, claim: attempt.claim)
            try spool.flush(directory: bundle)
        } catch {
            guard error.isNotFound else { throw error }
            return false
        }
        isDurable = true
        return true
    }

    /// Looks at what the pipeline wrote: nil for a whole PNG, else what is wrong with it.
    public func checkOutput() throws(SystemError) -> String? {
        guard let status = try spool.root.status(of: outputPath) else {
            return "The pipeline said it was done but wrote no output file."
        }
        guard status.kind == .file else {
            return "The pipeline's output is not a file but a \(status.kind.rawValue)."
        }
        try makeReadable(status)
        let bytes = try spool.root.open(outputPath).contents(limit: 1 << 28)
        switch ImageProbe.examine(bytes) {
        case .whole(let header) where header.format == .png:
            return PNGChecksums.problem(in: bytes).map {
                "The pipeline's output is damaged: \($0)."
            }
        case .whole: return "The pipeline's output is a JPEG; it must be a PNG."
        case .unfinished(_, let detail), .damaged(let detail):
            return "The pipeline's output is not a whole image: \(detail)."
        }
    }

    /// A pipeline's own temporary file may be for its user alone; stations read a result like the
    /// rest of the bundle.
    private func makeReadable(_ output: FileStatus) throws(SystemError) {
        let record = try spool.root.status(of: bundle / Path(BundleFile.record))
        guard let mode = record?.mode, mode != output.mode else { return }
        do throws(SystemError) {
            try spool.root.setMode(of: outputPath, mode)
        } catch {
            guard error.isPermission else { throw error }
            // Another user's, as a container may leave it: a copy is ours.
            let way = bundle / Path(BundleFile.ownOutput(claim: attempt.claim))
            try spool.removeIfPresent(way)
            try spool.root.create(way, mode: mode).copy(from: spool.root.open(outputPath))
            try spool.root.replace(outputPath, with: way)
        }
    }

    /// Publishes the checked output as the job's result; ends in `done/` (I3).
    public consuming func complete(model: ModelName, seed: Int64) -> End {
        let now = Timestamp.now
        record.view.status = .completed
        record.view.completedAt = now
        record.view.resultPath = BundleFile.result(
            model: model, completed: now, seed: seed, random: Host.random(4))
        record.view.resultSeed = seed
        record.view.model = model.description
        record.view.progress = 1
        record.view.error = nil
        return end()
    }

    /// Ends the job in `failed/` with a sentence that tells why.
    public consuming func fail(_ error: String, deadLetter: Bool = false) -> End {
        record.view.status = .failed
        record.view.completedAt = .now
        record.view.resultPath = nil
        record.view.resultSeed = nil
        record.view.error = error
        record.view.isDeadLetter = deadLetter
        record.view.progress = nil
        return end()
    }

    /// Ends the job as cancelled, in `failed/`.
    public consuming func cancel() -> End {
        record.dismiss(as: .cancelled, JobRecord.cancellation)
        return end()
    }

    /// Lets the job run again later (R7), or ends it in `failed/` as a dead letter: when its
    /// attempts are used up, or when it cost its pipeline's life for the second time.
    public consuming func retry(_ error: String, killedPipeline: Bool) -> End {
        if killedPipeline { record.pipelineKills += 1 }
        guard record.pipelineKills < Claim.mostPipelineKills,
            record.view.attempts < spool.settings.maxAttempts
        else { return fail(error, deadLetter: true) }
        let delay = RetryDelay.wait(
            before: record.view.attempts + 1, first: spool.settings.jobRetryDelay,
            random: Host.random(1)[0])
        record.dueNanoseconds = Timestamp.now.advanced(by: delay).nanoseconds
        record.view.error = error
        return giveBack(counted: true)
    }

    /// The second time it is no accident.
    static let mostPipelineKills = 2

    /// Returns the job to its old place in the queue (R7).
    ///
    /// `counted` tells whether this run counts as an attempt.
    public consuming func giveBack(counted: Bool) -> End {
        record.view.status = .queued
        record.view.startedAt = nil
        record.view.completedAt = nil
        record.view.resultPath = nil
        record.view.resultSeed = nil
        record.view.progress = nil
        if counted { record.retries += 1 } else { record.view.attempts -= 1 }
        return end()
    }

    /// Goes through the steps of the end that was decided; each can be repeated.
    public consuming func end() -> End {
        do throws(SystemError) {
            // Before anything is written, and again behind what takes its time.
            guard try spool.holds(lease, of: bundle), try makeDurable(),
                try spool.holds(lease, of: bundle)
            else { return .lost }
            // R9: a cancelled job never runs again.
            let mayRunAgain = record.view.status == .queued || record.view.isDeadLetter
            if mayRunAgain, try spool.isOrdered(.cancel, attempt.id) {
                record.dismiss(as: .cancelled, JobRecord.cancellation)
            }
            if let error = try settleOutput() { return runAgain(error) }
            try removeLeftovers()
            try spool.write(record, in: bundle, claim: attempt.claim)
            try spool.move(bundle, to: target, record)
            return .moved(record)
        } catch {
            // R3: a path that is gone means that the lease was lost, unless another one is meant.
            if error.isNotFound, (try? spool.holds(lease, of: bundle)) != true { return .lost }
            return .stuck(self, error)
        }
    }

    private var target: JobState {
        switch record.view.status {
        case .completed: .done
        case .queued: .queued
        default: .failed
        }
    }

    /// A result gets its name before the record that tells it. Gives why it is lost, if it is.
    private func settleOutput() throws(SystemError) -> SystemError? {
        guard target == .done, let name = record.view.resultPath else { return nil }
        let result = bundle / Path(name)
        if try spool.root.status(of: result) != nil { return nil }
        do throws(SystemError) {
            try spool.flush(file: outputPath)
        } catch {
            // The kernel tells once that it could not write; asked again it would say that all is
            // well.
            guard error.call == "fsync" || error.isNotFound else { throw error }
            return error
        }
        try spool.root.rename(outputPath, to: result)
        return nil
    }

    /// What was computed is not on the disk: the job runs again, as after any other failure.
    private consuming func runAgain(_ error: SystemError) -> End {
        record = started
        return retry(
            "The result did not come to the disk: \(error.withRemedy)", killedPipeline: false)
    }

    /// Whatever is not the job's own goes with each end: unfinished outputs and records, results
    /// without a record, and what the pipeline put beside them.
    private func removeLeftovers() throws(SystemError) {
        guard let image = record.image else { return }
        var kept = [BundleFile.request, BundleFile.record, BundleFile.lease, image]
        if target == .done, let result = record.view.resultPath { kept.append(result) }
        let own = Set(kept.map { Path($0) })
        for name in try spool.names(in: bundle) where !own.contains(name) {
            do throws(SystemError) { try spool.root.removeTree(bundle / name) } catch {
                // What another user put there bars nobody's way.
                if error.isGeneral { throw error }
                spool.log.write(
                    error, while: "Removing what a run left", job: attempt.id,
                    station: record.view.station)
            }
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
        // The job stands where it belongs; a flush that failed cannot be repeated and believed.
        for parent in [Path(state), bundle.parent] {
            do throws(SystemError) { try flush(directory: parent) } catch {
                log.write(
                    error, while: "Moving a job to \(state.rawValue)", job: record.view.id,
                    station: record.view.station)
            }
        }
    }
}
