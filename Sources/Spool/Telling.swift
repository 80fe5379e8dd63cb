// What the watcher tells: the view of each job, from its record, its place, its worker's card and
// the queue's order, and the view of the whole queue.

internal import Linux
internal import SpoolFormat

extension Watcher {
    /// Writes what changed of all views.
    func showViews() throws(SystemError) {
        var all: [JobID: JobView] = [:]
        let running = table.runningBySender
        for (id, job) in table.jobs {
            if let view = view(of: id, job, running) { all[id] = view }
        }
        let entries = try inOrder(table.queue.entries.filter { !orders.stands(.hold, for: $0.id) })
        for (place, entry) in entries.enumerated() {
            let seconds = wait(position: place + 1, all[entry.id]?.model)
            all[entry.id]?.position = place + 1
            all[entry.id]?.estimatedWaitSeconds = seconds
        }
        for candidate in candidates {
            if let view = view(of: candidate) { all[view.id] = view }
        }
        var problem: SystemError?
        let shown = batches(all).merging(all) { _, job in job }
        do throws(SystemError) { try views.show(shown, to: readers(of:)) } catch { problem = error }
        let queue = queueView(all)
        tellStatus(queue)
        try views.show(queue)
        if let problem { throw problem }
    }

    /// The line for `systemctl status`.
    private func tellStatus(_ queue: QueueView) {
        serves = true
        guard let tell else { return }
        let cards = Dictionary(crew.alive.map { ($0.name, $0) }) { first, _ in first }
        tell(queue.summary { cards[$0.name]?.stepWords ?? "" })
    }

    private func inOrder(_ entries: [QueueIndex.Entry]) throws(SystemError) -> [QueueIndex.Entry] {
        guard spool.settings.order == .fair else { return entries }
        let turns = try Turns(of: entries.map { table.jobs[$0.id]?.sender }, in: spool)
        return turns.ordered(entries) { table.jobs[$0.id]?.sender }
    }

    private func view(of id: JobID, _ job: TrackedJob, _ running: [StationName?: Int]) -> JobView? {
        guard var view = job.record?.view else {
            guard job.place == .staging else { return nil }
            var view = JobView(id: id, status: .receiving)
            view.waitingFor = "the service to finish taking it"
            view.error = job.trouble
            return view
        }
        view.id = id
        switch job.place {
        case .staging, .moving: return nil
        case .queued:
            tellQueued(&view, job, running[job.sender] ?? 0)
            if let model = view.model, !crew.offers(model) {
                view.waitingFor = "a worker that offers the model '\(model)'"
            }
        case .running(let claim):
            view.status = .processing
            view.position = nil
            guard let card = crew.worker(of: id, claim: claim) else { break }
            view.startedAt = card.startedAt
            view.progress = card.progress
            view.model = view.model ?? card.model
            if orders.stands(.cancel, for: id) { view.waitingFor = "its worker to stop it" }
        case .finished:
            guard orders.stands(.retry, for: id) else { break }
            view.waitingFor =
                capacity(for: job.sender) == nil && rateLimit(of: job.sender) != nil
                ? rateLimitWords(of: job.sender) : "a free place in the queue"
        }
        return view
    }

    /// `running` counts its sender's jobs.
    private func tellQueued(_ view: inout JobView, _ job: TrackedJob, _ running: Int) {
        view.status = .queued
        view.startedAt = nil
        view.progress = nil
        if orders.stands(.hold, for: view.id) {
            view.status = .held
            view.waitingFor = "its release"
        } else if isPaused {
            view.waitingFor = "the end of the pause"
        } else if let due = job.record?.dueNanoseconds, due > WallClock.nanoseconds {
            view.waitingFor = "\(Timestamp(nanoseconds: due).rfc3339)"
        } else if let limit = limits.concurrentJobs(of: job.sender), running >= limit {
            let jobs = limit == 1 ? "1 job" : "\(limit) jobs"
            view.waitingFor =
                "the concurrent limit of \(Refusal.words(for: view.station)) (\(jobs) at a time)"
        }
    }

    private func view(of candidate: Candidate) -> JobView? {
        guard let reception = receiving[candidate.key] else { return nil }
        var view = JobView(id: reception.id, status: .receiving)
        view.createdAt = reception.firstSeen
        view.station = candidate.station?.description
        view.droppedAs = Path(candidate.key.stem).description
        if case .wait(_, let what, let error) = candidate.judgement {
            view.waitingFor = what
            view.error = error
        } else if let reason = throttled[candidate.key] {
            view.status = .throttled
            view.waitingFor = reason
        }
        if let error = postponed[candidate.key]?.error { tell(error, in: &view) }
        return view
    }

    /// What a full disk or the like keeps out waits as in front of a full queue; a drop with
    /// something wrong of its own may need its sender.
    private func tell(_ error: SystemError, in view: inout JobView) {
        view.error = "The service cannot take this drop: \(error.withRemedy)"
        guard error.isGeneral else { return }
        view.status = .throttled
        view.waitingFor = "the service to be able to take it"
    }

    private func wait(position: Int, _ model: String?) -> Int {
        let workers = max(1, crew.alive.count)
        let rounds = (position + workers - 1) / workers
        return (forecast.expected(model) * rounds).wholeSeconds
    }

    /// When a refused sender should come back: once there is history, when a slot frees.
    var retryAfterSeconds: Int {
        guard let run = forecast.measured, !crew.alive.isEmpty else {
            return spool.settings.retryAfter.wholeSeconds
        }
        return max(1, run.wholeSeconds)
    }

    private func queueView(_ all: [JobID: JobView]) -> QueueView {
        var view = QueueView(updatedAt: .now)
        view.queueSize = table.live.count
        view.maximumQueueSize = spool.settings.maxInflightJobs
        view.queuedCount = table.live.count - table.runningCount
        view.processingCount = table.runningCount
        view.completedCount = totals.completed + table.count(.done)
        view.failedCount = totals.failed + table.count(.failed)
        view.rejectedCount = totals.rejected + table.count(.rejected)
        view.retriesTotal =
            totals.retries + table.jobs.values.reduce(0) { $0 + ($1.record?.retries ?? 0) }
        view.isPaused = isPaused
        view.isDraining = isDraining
        view.totalJobs = table.jobs.count
        let running = all.values.filter { $0.status == .processing }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
        var queued = table.queue.entries.compactMap { all[$0.id] }
        if spool.settings.order == .fair {
            // What is held has no position.
            queued.sort { ($0.position ?? .max, $0.id) < ($1.position ?? .max, $1.id) }
        }
        let ended = all.values.filter { $0.completedAt != nil }
            .sorted { ($1.completedAt, $1.id) < ($0.completedAt, $0.id) }
        let hidden = Set(all.values.filter { readers(of: $0) != .everybody }.map(\.id))
        view.currentJobID = running.first.flatMap { hidden.contains($0.id) ? nil : $0.id }
        view.oldestJobCreatedAt = (running + queued).compactMap(\.createdAt).min()
        view.workers = crew.alive.map { card in
            QueueView.Worker(card, isPrivate: card.jobID.map(hidden.contains) ?? false)
        }
        view.jobs = (running + queued + ended).map {
            QueueView.Job($0, isPrivate: hidden.contains($0.id))
        }
        return view
    }
}

private func < (left: (Timestamp?, JobID), right: (Timestamp?, JobID)) -> Bool {
    let (a, b) = (left.0?.nanoseconds ?? 0, right.0?.nanoseconds ?? 0)
    return a == b ? left.1 < right.1 : a < b
}
