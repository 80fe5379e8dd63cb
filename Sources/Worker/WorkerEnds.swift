// How a worker's jobs end. What the disk does not allow is kept and tried again, while the next jobs
// run; a lease that is not ours any more ends everything (R3).

internal import Linux
internal import Spool
internal import SpoolFormat

extension Worker {
    func finish(seed: Int64) {
        do throws(SystemError) {
            if let problem = try run?.claim.checkOutput() { return breakOff(problem) }
        } catch {
            guard error.isGeneral else {
                return breakOff("The pipeline's output cannot be read: \(error.withRemedy)")
            }
            spool.log.write(
                error, while: "Reading the pipeline's output", job: run?.claim.attempt.id,
                station: run?.claim.record.view.station)
            run?.unread = (seed, .now + Worker.patience)
            return
        }
        guard let done = run.take() else { return }
        failuresInRow = 0
        restartDelay = .seconds(1)
        lastEnded = done.claim.attempt.id
        let name = done.claim.record.view.model ?? post.card.model ?? spool.settings.pipeline
        guard let model = ModelName(name) ?? ModelName("pipeline") else { return }
        // The next job first: the pipeline must not wait for the disk. But while this one has its
        // station's slot, that station's next job would be passed over: the coming turn claims.
        if !done.claim.hasSlot {
            do throws(SystemError) { try work() } catch {
                spool.log.write(error, while: "Claiming the next job")
            }
        }
        end(done.giveUpClaim().complete(model: model, seed: seed), of: lastEnded)
    }

    func fail(_ error: String, isRetryable: Bool, killedPipeline: Bool = false) {
        guard let failed = run.take() else { return }
        lastEnded = failed.claim.attempt.id
        if failed.cancelEnd != nil {
            end(failed.giveUpClaim().cancel(), of: lastEnded)
        } else if isRetryable {
            let claim = failed.giveUpClaim()
            end(claim.retry(error, killedPipeline: killedPipeline), of: lastEnded)
        } else {
            end(failed.giveUpClaim().fail(error), of: lastEnded)
        }
    }

    /// An end that the disk, or a foreign hand, did not allow yet.
    final class PendingEnd {
        var claim: Claim?
        let error: SystemError
        let delay: Duration
        let again: Moment

        /// `former` is the wait before the try that failed now.
        init(_ claim: consuming Claim, _ error: SystemError, after former: Duration?) {
            self.claim = consume claim
            self.error = error
            delay = PendingEnd.wait(after: former)
            again = .now + delay
        }

        /// Short at first, for what passes by itself; then as for all that the disk does not allow.
        static func wait(after former: Duration?) -> Duration {
            former.map { min($0 * 2, Worker.patience) } ?? .milliseconds(100)
        }
    }

    /// What keeps jobs from ending and would keep the next one too: nothing is claimed then.
    ///
    /// One bundle's error is its own, and keeps nobody waiting. So many at once have one cause,
    /// unless it is names that are taken.
    var obstacle: SystemError? {
        if let general = pending.first(where: { $0.error.isGeneral }) { return general.error }
        let errors = pending.map(\.error).filter { $0.code != .exists }
        return errors.count < 3 ? nil : errors.first
    }

    /// Takes note of an end. What was not allowed is tried again, `former` being the last wait.
    private func end(
        _ end: consuming Claim.End, of id: JobID?, after former: Duration? = nil,
        isGivenBack: Bool = false
    ) {
        switch consume end {
        case .moved(let record): tell(record, isGivenBack: isGivenBack)
        // The pipeline may have the next job already; of this one it knows nothing any more.
        case .lost: if let id { logLoss(of: id) }
        case .stuck(let claim, let error):
            spool.log.write(
                error, while: "Ending a job", job: id, station: claim.record.view.station)
            pending.append(PendingEnd(claim, error, after: former))
        }
    }

    func retryEnds(_ now: Moment) {
        let due = pending.filter { $0.again <= now }
        pending.removeAll { $0.again <= now }
        for stuck in due {
            guard let claim = stuck.claim.take() else { continue }
            let id = claim.attempt.id
            end(claim.end(), of: id, after: stuck.delay)
        }
    }

    /// The lines users know.
    private func tell(_ record: JobRecord, isGivenBack: Bool) {
        let job = record.view
        switch job.status {
        case .completed:
            spool.log.write(
                "Job \(job.id.short) completed - Path: \(job.resultPath ?? "")", .info, .completed,
                of: job)
        case .queued where isGivenBack:
            spool.log.write(
                "Job \(job.id.short) given back - It keeps its place", .info, .givenBack, of: job)
        // Also when that is past by now.
        case .queued:
            let due = Timestamp(nanoseconds: record.dueNanoseconds).rfc3339
            spool.log.write(
                "Job \(job.id.short) will be tried again at \(due) - \(job.error ?? "")",
                .warning, .attemptFailed, of: job)
        case .cancelled:
            spool.log.write("Job \(job.id.short) cancelled", .info, .cancelled, of: job)
        default:
            spool.log.write(
                "Job \(job.id.short) failed - \(job.error ?? "")", .warning, .failed, of: job)
        }
        if job.status != .queued { post.update { $0.jobsDone += 1 } }
    }

    /// The pipeline was told to stop the job, and did not.
    func endCancelled() {
        dropPipeline()
        guard let cancelled = run.take() else { return }
        lastEnded = cancelled.claim.attempt.id
        end(cancelled.giveUpClaim().cancel(), of: lastEnded)
    }

    /// Time to go: the job at hand is given back; what the disk does not allow is left to recovery.
    func runOutOfGrace() {
        if let given = run.take() {
            dropPipeline()
            lastEnded = given.claim.attempt.id
            end(given.giveUpClaim().giveBack(counted: false), of: lastEnded, isGivenBack: true)
        }
        pending = []
    }

    /// R3: somebody else decides about the job; nothing of it is ours any more.
    func lose(_ id: JobID? = nil) {
        let name = id ?? run?.claim.attempt.id
        run = nil
        dropPipeline()
        if let name { logLoss(of: name) }
    }

    private func logLoss(of id: JobID) {
        spool.log.write(
            "Job \(id.short) was lost: its lease is not ours any more", .error, .lost, job: id)
    }
}
