// Recovery: what a dead worker left in `running/` goes on.
//
// A claim whose lease is free has a dead holder (the kernel freed it). Under that lease, with the
// record read after locking (R1): a completed record with its whole result is finished, never run
// again; an end that was decided but not reached is reached; anything else was cut off and goes
// back to its old place at once, the attempt counted, or to `failed/` when its attempts are used
// up. Safe beside working workers and beside another recovery: who does not get the lease leaves
// the job alone. A crash here leaves what a crash of the worker leaves.

internal import Linux
internal import SpoolFormat

/// Recovers claims of dead workers.
struct Recovery {
    /// What became of a claim.
    enum Outcome: Equatable {
        /// It stands in this state now.
        case moved(JobStatus)
        /// Somebody holds it, or it is gone.
        case alive
        /// Its record cannot be read.
        case damaged
        /// The disk did not let us; the next recovery tries again.
        case stuck(SystemError)
    }

    let spool: Spool

    /// Looks at every claim once.
    func run() throws(SystemError) -> [(attempt: AttemptName, outcome: Outcome)] {
        var outcomes: [(attempt: AttemptName, outcome: Outcome)] = []
        for name in try spool.names(in: Path(.running)) {
            guard let attempt = AttemptName(name.bytes) else { continue }
            do throws(SystemError) {
                outcomes.append((attempt, try recover(attempt)))
            } catch { outcomes.append((attempt, .stuck(error))) }
        }
        return outcomes
    }

    private func recover(_ attempt: AttemptName) throws(SystemError) -> Outcome {
        let bundle = Path.bundle(attempt)
        switch try spool.lease(bundle) {
        case .gone: return .alive
        case .busy: return .alive
        case .held(let lease):
            guard let record = try spool.record(in: bundle, of: attempt.id) else { return .damaged }
            return try end(attempt, record, lease)
        }
    }

    private func end(
        _ attempt: AttemptName, _ record: JobRecord, _ lease: consuming Lease
    ) throws(SystemError) -> Outcome {
        var record = record
        let isDecided = try isDecided(record, attempt)
        if !isDecided {
            // The rename to `running/` may be all there is of the claim.
            if record.claims < attempt.claim { record.view.attempts += 1 }
            record.claims = attempt.claim
            record.view.error = record.view.error ?? "A worker died while it ran this job."
        }
        let claim = Claim(spool, lease: lease, attempt: attempt, record: record)
        let attempts = record.view.attempts
        if isDecided {
            return outcome(claim.end())
        } else if attempts >= spool.settings.maxAttempts {
            let times = attempts == 1 ? "once" : "\(attempts) times"
            return outcome(
                claim.fail("The worker died \(times) while it ran this job.", deadLetter: true))
        } else {
            return outcome(claim.giveBack(counted: true))
        }
    }

    /// Whether the worker had decided this claim's end, and what it needs for that is there.
    private func isDecided(_ record: JobRecord, _ attempt: AttemptName) throws(SystemError) -> Bool
    {
        guard record.claims == attempt.claim else { return false }
        switch record.view.status {
        case .failed, .cancelled, .queued: return true
        case .completed:
            guard let name = record.view.resultPath else { return false }
            let path = Path.bundle(attempt) / Path(name)
            guard try spool.root.status(of: path)?.kind == .file else { return false }
            let bytes = try spool.root.open(path).contents(limit: 1 << 28)
            if case .whole = ImageProbe.examine(bytes) { return true }
            return false
        default: return false
        }
    }

    private func outcome(_ end: consuming Claim.End) -> Outcome {
        switch consume end {
        case .moved(let record): .moved(record.view.status)
        case .lost: .alive
        case .stuck(_, let error): .stuck(error)
        }
    }
}

extension Spool {
    /// What processes that died left besides jobs: files that nobody will rename any more, and trash
    /// that is not unlinked.
    func removeRemains() {
        do throws(SystemError) {
            // One on its way lives for moments; its process may be in a container of its own.
            try Spool.removeAbandoned(in: self, unchangedFor: .seconds(60))
            try Retention(self).recover()
        } catch { log.write(error, while: "Removing what dead processes left") }
    }
}
