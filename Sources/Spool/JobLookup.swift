public import Linux
public import SpoolFormat

/// Answers where a job is, from the directories; the views only add what directories don't tell.
public struct JobLookup {
    private let spool: Spool

    /// Looks into `spool`.
    public init(_ spool: Spool) { self.spool = spool }

    /// The job's view; nil when there is no such job.
    ///
    /// Looked for in the order in which jobs move, so that one on its way is not missed. What is
    /// unreadable is an error only where nothing else tells of the job.
    public func view(of id: JobID) throws(SystemError) -> JobView? {
        var obstacle: SystemError?
        let shown = try tolerating(&obstacle) { () throws(SystemError) in
            try view(at: .view(of: id))
        }
        if let view = try live(id, shown, &obstacle) { return view }
        for state in JobState.finished {
            let record = try tolerating(&obstacle) { () throws(SystemError) in
                try spool.record(in: .bundle(state, id), of: id)
            }
            if var view = record?.view {
                if shown?.status == view.status { view.waitingFor = shown?.waitingFor }
                return view
            }
        }
        // It may have been given back, or retried, between the looks.
        if let view = try live(id, shown, &obstacle) { return view }
        if shown == nil, let obstacle { throw obstacle }
        return shown
    }

    /// A view as it was written; nil when there is none, or a damaged one.
    public func view(at path: Path) throws(SystemError) -> JobView? {
        try spool.read(path).flatMap { JSONText.decode(JobView.self, from: $0) }
    }

    private func live(_ id: JobID, _ shown: JobView?, _ obstacle: inout SystemError?)
        throws(SystemError) -> JobView?
    {
        var hidden: SystemError?
        let waiting = try tolerating(&hidden) { () throws(SystemError) in try queued(id) }
        if let waiting { return merge(waiting, .queued, shown) }
        let claimed = try tolerating(&hidden) { () throws(SystemError) in try running(id) }
        if let claimed { return merge(claimed, .processing, shown) }
        // `queued/` and `running/` are the service's own: others go by the view.
        if let hidden, !hidden.isPermission { obstacle = obstacle ?? hidden }
        return nil
    }

    /// What `body` gives; nil where one file's error is in the way, which is noted.
    private func tolerating<Found>(
        _ obstacle: inout SystemError?, _ body: () throws(SystemError) -> Found?
    ) throws(SystemError) -> Found? {
        do throws(SystemError) {
            return try body()
        } catch {
            if error.isGeneral { throw error }
            obstacle = obstacle ?? error
            return nil
        }
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

    private func merge(_ record: JobRecord, _ status: JobStatus, _ shown: JobView?) -> JobView {
        if let shown, shown.status == status || status == .queued && shown.status == .held {
            return shown
        }
        var view = record.view
        view.status = status
        return view
    }
}
