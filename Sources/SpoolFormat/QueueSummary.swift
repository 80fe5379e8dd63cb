extension QueueView {
    /// How many jobs a summary names.
    private static let namedJobs = 3

    /// The queue in a line: `3 queued, 1 running: IMG_0007 step 2/4; paused`.
    ///
    /// `step` says how far the job of a worker is, to be put behind the job's name.
    public func summary(step: (Worker) -> String) -> String {
        let notes = notes
        return notes.isEmpty ? jobs(step) : jobs(step) + "; " + notes.joined(separator: ", ")
    }

    private func jobs(_ step: (Worker) -> String) -> String {
        guard queueSize > 0 else { return "Idle" }
        let counts = "\(queuedCount) queued, \(processingCount) running"
        let busy = workers.filter { $0.state == WorkerCard.State.busy.rawValue }
        guard processingCount > 0, !busy.isEmpty else { return counts }
        var names = busy.prefix(QueueView.namedJobs).map { worker in
            (worker.jobID.map { "\($0)" } ?? "a private job") + step(worker)
        }
        if busy.count > names.count { names.append("\(busy.count - names.count) more") }
        return counts + ": " + names.joined(separator: ", ")
    }

    private var notes: [String] {
        var notes: [String] = []
        if isPaused { notes.append("paused") }
        if isDraining { notes.append("the door is closed") }
        if workers.isEmpty { notes.append("no worker") }
        for worker in workers {
            switch WorkerCard.State(rawValue: worker.state) {
            case .starting, .broken, .blocked: notes.append("\(worker.name) is \(worker.state)")
            case .idle, .busy, .stopped, nil: break
            }
        }
        return notes
    }
}
