// What control drops ask for, and how the watcher sees to it (R9).
//
// A control drop becomes an order in `.spool/`, durable before the drop is unlinked; the order is
// carried out at once or as soon as the job's lease, or a slot, is free. What asks for nothing that
// can be done is answered in the log and removed. A crash between order and unlink leaves both: the
// same order is given again, which changes nothing. Every turn looks at the orders that stand, so
// that none is forgotten over a crash, a lost event or a job that was on its way.

internal import Linux
internal import SpoolFormat

/// An empty file that orders something.
struct ControlDrop {
    let box: Path
    let name: Path
    let status: FileStatus
    /// Whose drop box it stands in.
    let station: StationName?
    let verb: ControlVerb
    /// Which drop, or which job, it is about.
    let stem: [UInt8]

    /// Who may write here may give orders for everybody's jobs.
    var isOperators: Bool { box == .inlet }

    /// What may be in the way of removing it does not make it a drop.
    var isOrder: Bool { status.kind == .file && status.size == 0 }

    /// Whether it names the job that a drop will be.
    func isAbout(_ candidate: Candidate) -> Bool {
        guard isOperators else { return candidate.key.box == box && candidate.key.stem == stem }
        let id = try? JobID(stem: candidate.key.stem, station: candidate.station)
        return id?.bytes == stem
    }
}

extension Watcher {
    /// Turns control drops into orders.
    func obey(_ drops: [ControlDrop]) {
        let standing = Set(drops.map { $0.box / $0.name })
        controlWaits = controlWaits.filter { standing.contains($0.key) }
        for drop in drops {
            let path = drop.box / drop.name
            if let until = controlWaits[path], until > .now {
                again(at: until)
                continue
            }
            do throws(SystemError) {
                try obey(drop)
                controlWaits[path] = nil
            } catch {
                spool.log.write(
                    error, while: "Obeying '\(drop.name)'", job: job(of: drop),
                    station: drop.station?.description)
                controlWaits[path] = .now + .seconds(5)
                again(in: .seconds(5))
            }
        }
        // Before the views tell of it: who gave it looks there for the answer.
        if !drops.isEmpty { carryOutOrders() }
    }

    /// Answers what was ordered for a job that has ended before a drop of the same name came: that
    /// one is not meant. Nobody may have looked in between.
    func answerOld(_ drops: [ControlDrop], before candidates: [Candidate]) {
        for drop in drops where drop.isOrder && (drop.verb == .cancel || drop.verb == .hold) {
            guard let id = endedSubject(of: drop),
                candidates.contains(where: {
                    drop.isAbout($0) && drop.status.changed < $0.begun
                })
            else { continue }
            do throws(SystemError) {
                tell("\(drop.verb.rawValue) - \(ended)", .orderRefused, id)
                try remove(drop)
            } catch { spool.log.write(error, while: "Removing '\(drop.name)'", job: id) }
        }
    }

    private var ended: String { "it has ended already" }

    private func tell(_ text: String, _ event: LogEvent, _ id: JobID) {
        spool.log.write("Job \(id.short): \(text)", .info, event, job: id, station: station(of: id))
    }

    private func obey(_ drop: ControlDrop) throws(SystemError) {
        guard drop.isOrder else {
            spool.log.write(
                "'\(drop.box / drop.name)' is no order and stays: an order is an empty file.",
                .warning)
            return inbox.leave(drop)
        }
        guard let id = job(of: drop) else {
            if let batch = batch(of: drop), try obey(drop, for: batch) { return }
            // What is being received will be a job in a moment.
            if isArriving(drop) { return }
            spool.log.write(
                "'\(drop.name)': there is no such job", .warning, .orderRefused,
                station: drop.station?.description)
            return try remove(drop)
        }
        if isBetween(id) { return }
        // The job of that name has ended; the order is about the drop that will take its name.
        let isForDrop = drop.verb == .cancel || drop.verb == .hold
        if isForDrop, table.jobs[id]?.isLive == false, isArriving(drop) { return }
        if let objection = try give(drop.verb, for: id) {
            tell("\(drop.verb.rawValue) - \(objection)", .orderRefused, id)
        } else {
            tell("\(drop.verb.rawValue) ordered", .ordered, id)
        }
        try remove(drop)
    }

    /// The job an order is about; nil when its giver has no such job.
    private func job(of drop: ControlDrop) -> JobID? {
        let own = drop.station.flatMap { try? JobID(stem: drop.stem, station: $0) }
        return [own, try? JobID(drop.stem)].compactMap { $0 }.first { id in
            guard let job = table.jobs[id] else { return false }
            let station = job.record.map(\.view.station) ?? job.station
            return drop.isOperators || station == drop.station?.description
        }
    }

    /// The job, or the batch, that an order is about and that has ended.
    private func endedSubject(of drop: ControlDrop) -> JobID? {
        if let id = job(of: drop) { return table.jobs[id]?.isLive == false ? id : nil }
        guard let batch = batch(of: drop) else { return nil }
        return batch.rows.contains(where: table.live.contains) ? nil : batch.id
    }

    /// Where it stands will be told in a moment.
    private func isBetween(_ id: JobID) -> Bool {
        let place = table.jobs[id]?.place
        return place == .staging || place == .moving
    }

    func isArriving(_ drop: ControlDrop) -> Bool {
        receiving.all.contains { key, reception in
            drop.isOperators
                ? reception.id.bytes == drop.stem
                : key.box == drop.box && key.stem == drop.stem
        }
    }

    func remove(_ drop: ControlDrop) throws(SystemError) {
        do throws(SystemError) {
            let box = try spool.root.directory(drop.box)
            if try box.status(of: drop.name) == drop.status { try box.remove(drop.name) }
            inbox.forget(drop)
        } catch {
            if error.isNotFound { return inbox.forget(drop) }
            guard error.isPermission else { throw error }
            spool.log.write(error, while: "Removing an order that was obeyed")
            return inbox.leave(drop)
        }
        try spool.flush(directory: drop.box)
    }

    /// Gives the order; what is against it, in words.
    func give(_ verb: ControlVerb, for id: JobID) throws(SystemError) -> String? {
        guard let job = table.jobs[id] else { return "there is no such job" }
        switch verb {
        case .cancel, .hold:
            guard job.isLive else { return ended }
            try orders.give(verb == .cancel ? .cancel : .hold, for: id)
        case .release:
            guard orders.stands(.hold, for: id) else { return "it is not held" }
            try orders.withdraw(.hold, for: id)
            patience[id] = WallClock.nanoseconds
        case .retry:
            guard case .finished(let state) = job.place, state != .done else {
                return "only failed and refused jobs can be retried"
            }
            try orders.give(.retry, for: id, claims: job.record?.claims)
        }
        return nil
    }

    // MARK: Orders that stand

    /// Carries out what can be carried out now.
    func carryOutOrders() {
        for id in orders.ids(.cancel) { attempt(id, "Cancelling", cancel) }
        for id in orders.ids(.hold) where table.jobs[id]?.isLive != true {
            attempt(id, "Releasing", withdrawHold)
        }
        for id in orders.retries { attempt(id, "Retrying", retry) }
        for id in decidedDismissals { attempt(id, "Dismissing", finishDismissal) }
        dismissForgotten()
    }

    /// One job's error is its own; it is tried again in a while.
    private func attempt(
        _ id: JobID, _ doing: String, _ body: (JobID) throws(SystemError) -> Void
    ) {
        if let wait = orderWaits[id] {
            guard wait.until <= .now else { return again(at: wait.until) }
        }
        do throws(SystemError) { try body(id) } catch {
            spool.log.write(
                error, while: "\(doing) job \(id.short)", job: id, station: station(of: id))
            orderWaits[id] = (.now + .seconds(5), .seconds(5))
            again(in: .seconds(5))
        }
    }

    /// R7: closing a lock raises no event.
    private func waitForLease(_ id: JobID) {
        let delay = min((orderWaits[id]?.delay ?? .milliseconds(25)) * 2, .seconds(5))
        orderWaits[id] = (.now + delay, delay)
        again(in: delay)
    }

    private func cancel(_ id: JobID) throws(SystemError) {
        switch table.jobs[id]?.place {
        case .staging, .moving: return
        // Its worker, or recovery, ends it.
        case .running: return
        case .queued: try dismiss(id, as: .cancelled, JobRecord.cancellation)
        case .finished, nil: try withdrawCancel(id)
        }
    }

    private func withdrawCancel(_ id: JobID) throws(SystemError) {
        try orders.withdraw(.cancel, for: id)
        orderWaits[id] = nil
    }

    private func withdrawHold(_ id: JobID) throws(SystemError) {
        try orders.withdraw(.hold, for: id)
    }

    private func dismiss(_ id: JobID, as status: JobStatus, _ error: String) throws(SystemError) {
        switch try spool.dismiss(id, as: status, error) {
        case .dismissed(let record):
            table.finished(id, .failed, record)
            patience[id] = nil
            let isCancelled = record.view.status == .cancelled
            spool.log.write(
                "Job \(id.short) \(record.view.status.rawValue)\(isCancelled ? "" : " - \(error)")",
                .info, isCancelled ? .cancelled : .failed, of: record.view)
            try withdrawCancel(id)
            try withdrawHold(id)
        case .busy: waitForLease(id)
        // It is on its way to `running/`: its arrival there is an event.
        case .gone: orderWaits[id] = nil
        case .damaged: orderWaits[id] = (.now + .seconds(3600), .seconds(5))
        }
    }

    /// Jobs in the queue whose record says that they have ended: a crash came between.
    private var decidedDismissals: [JobID] {
        table.queue.entries.map(\.id).filter { id in
            table.jobs[id]?.record?.isDismissed == true
        }
    }

    private func finishDismissal(_ id: JobID) throws(SystemError) {
        guard let view = table.jobs[id]?.record?.view else { return }
        try dismiss(id, as: view.status, view.error ?? "")
    }

    /// `JOB_PENDING_TIMEOUT_SECONDS`: what nobody took for so long fails and says so.
    ///
    /// Counted while it could be taken: from its place in the queue, this watcher's start, the end
    /// of a pause or its release, whichever was last.
    private func dismissForgotten() {
        guard let limit = spool.settings.jobPendingTimeout, !isPaused else { return }
        let now = WallClock.nanoseconds
        for entry in table.queue.entries where !orders.stands(.hold, for: entry.id) {
            let since = max(entry.stamp, patienceStart, patience[entry.id] ?? 0)
            let left = Duration.nanoseconds(limit.nanoseconds - (now - since))
            guard left <= .zero else {
                again(in: left)
                continue
            }
            let seconds = DurationText.seconds(limit)
            attempt(entry.id, "Dismissing") { (id) throws(SystemError) in
                try dismiss(id, as: .failed, "No worker took the job within \(seconds) s.")
            }
        }
    }

    // MARK: Retry

    /// R5: a slot is reserved before the job is let in; without one the order waits.
    private func retry(_ id: JobID) throws(SystemError) {
        guard let job = table.jobs[id], case .finished(let state) = job.place, state != .done else {
            if isBetween(id) { return }
            return try withdrawRetry(id)
        }
        // A crash came between its rename and the end of the order.
        if let claims = job.record?.claims, orders.isCarriedOut(id, claims: claims) {
            return try withdrawRetry(id)
        }
        let station = job.record?.view.station.flatMap { StationName($0) }
        if let refusal = capacity(for: station) {
            // A slot that frees is an event; room on the disk is none.
            if refusal.code == .serverBusy, !isDraining { again(in: .seconds(30)) }
            return
        }
        if let limit = rateLimit(of: station) {
            return again(in: .seconds(limit.retryAfterSeconds ?? 60))
        }
        table.reserve(id, for: station?.description, at: .now)
        do throws(SystemError) {
            let again = Resubmission(spool: spool, id: id, state: state)
            let outcome = try again.run { () throws(SystemError) in try staging.nextOrder() }
            try settle(id, outcome, job)
        } catch {
            table.restore(id, job)
            throw error
        }
    }

    private func settle(
        _ id: JobID, _ outcome: Resubmission.Outcome, _ former: TrackedJob
    ) throws(SystemError) {
        var former = former
        switch outcome {
        case .queued(let record):
            table.queued(id, stamp: record.stamp, record)
            spool.log.write(
                "Job \(id.short) retried - Queue size: \(table.live.count)", .info, .retried,
                of: record.view)
            try withdrawRetry(id)
        case .refused(let record, let refusal):
            former.record = record
            table.restore(id, former)
            spool.log.write(
                "Job \(id.short) cannot be retried - \(refusal.detail)", .info, .orderRefused,
                of: record.view)
            try withdrawRetry(id)
        case .busy:
            table.restore(id, former)
            waitForLease(id)
        case .gone:
            table.withdraw(id)
            try withdrawRetry(id)
        }
    }

    private func withdrawRetry(_ id: JobID) throws(SystemError) {
        try orders.withdraw(.retry, for: id)
        orderWaits[id] = nil
    }
}
