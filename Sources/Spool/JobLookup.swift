public import Linux
public import SpoolFormat

/// Answers where a job is, from the directories; the views only add what directories don't tell.
public struct JobLookup {
    private let spool: Spool

    /// Looks into `spool`.
    public init(_ spool: Spool) { self.spool = spool }

    /// The job's view; nil when there is no such job.
    ///
    /// Looked for in the order in which jobs move, so that one on its way is not missed.
    public func view(of id: JobID) throws(SystemError) -> JobView? {
        let shown = try spool.read(.view(of: id))
            .flatMap { JSONText.decode(JobView.self, from: $0) }
        if let record = try readable({ () throws(SystemError) in try queued(id) }) {
            return merge(record, .queued, shown)
        }
        if let record = try readable({ () throws(SystemError) in try running(id) }) {
            return merge(record, .processing, shown)
        }
        for state in JobState.finished {
            if let record = try spool.record(in: .bundle(state, id), of: id) {
                var view = record.view
                if shown?.status == view.status { view.waitingFor = shown?.waitingFor }
                return view
            }
        }
        // It may have been given back, or retried, between the looks.
        if let record = try readable({ () throws(SystemError) in try queued(id) }) {
            return merge(record, .queued, shown)
        }
        return shown
    }

    /// The IDs of all jobs in a state.
    public func ids(in state: JobState) throws(SystemError) -> [JobID] {
        try spool.names(in: Path(state)).compactMap { name in
            state == .running ? AttemptName(name.bytes)?.id : try? JobID(name.bytes)
        }.sorted()
    }

    /// The directory a job's result and record stand in, once it has ended.
    public func finishedBundle(of id: JobID) throws(SystemError) -> Path? {
        for state in JobState.finished
        where try spool.root.status(of: .bundle(state, id)) != nil {
            return .bundle(state, id)
        }
        return nil
    }

    /// Whether a watcher serves the spool; nil for a user who may not ask.
    ///
    /// Known by its lock, not by a file's age.
    public func hasWatcher() throws(SystemError) -> Bool? {
        do throws(SystemError) {
            let path = Path.hidden(SpoolFile.Hidden.watcherLock)
            return try spool.root.open(path).isLocked()
        } catch {
            if error.isNotFound { return false }
            guard error.isPermission else { throw error }
            return nil
        }
    }

    private func queued(_ id: JobID) throws(SystemError) -> JobRecord? {
        try spool.record(in: .bundle(.queued, id), of: id)
    }

    private func running(_ id: JobID) throws(SystemError) -> JobRecord? {
        for name in try spool.names(in: Path(.running)) {
            if let attempt = AttemptName(name.bytes), attempt.id == id {
                return try spool.record(in: .bundle(attempt), of: id)
            }
        }
        return nil
    }

    /// `queued/` and `running/` are the service's own: others go by the view.
    private func readable(_ body: () throws(SystemError) -> JobRecord?) throws(SystemError)
        -> JobRecord?
    {
        do throws(SystemError) {
            return try body()
        } catch {
            guard error.isPermission else { throw error }
            return nil
        }
    }

    private func merge(_ record: JobRecord, _ status: JobStatus, _ shown: JobView?) -> JobView {
        if let shown, shown.status == status || status == .queued && shown.status == .held {
            return shown
        }
        var view = record.view
        view.status = status
        return view
    }
}
