// What the watcher knows of all jobs, and the count that admission goes by.
//
// R5: only the watcher lets jobs in, so a job is live from the verdict that lets it in until it is
// *seen* to arrive in `done/`, `failed/` or `rejected/`. A listing of `queued/` and `running/`
// never lowers the count: in every order of listing a moving job can be missed. Arrivals in those
// two and verdicts found in staging also add. A name is live until its job is counted out.

internal import Linux
internal import SpoolFormat

/// Where a job is, as far as the watcher has seen.
struct TrackedJob {
    enum Place: Equatable {
        case staging
        case queued
        case running(claim: Int)
        case finished(JobState)
    }

    var place: Place
    /// Nil until it was read.
    var record: JobRecord?
    /// Whose it is and when its slot was reserved, until there is a record.
    var reservation: (station: String?, order: Int64)?
    /// Why it does not come out of staging.
    var trouble: String?

    /// Whose it is; nil: nobody's with a drop box of its own, or not known yet.
    var sender: StationName? {
        record.map(\.view.sender) ?? reservation?.station.flatMap { StationName($0) }
    }

    var isLive: Bool {
        if case .finished = place { false } else { true }
    }
}

/// All jobs the watcher knows.
struct JobTable {
    private(set) var jobs: [JobID: TrackedJob] = [:]
    /// The queued ones in order.
    private(set) var queue = QueueIndex()
    /// The jobs that count for the maximum (I5).
    private(set) var live: Set<JobID> = []
    private var counts: [JobState: Int] = [:]
    private(set) var runningCount = 0

    /// How many finished jobs are kept in a state.
    func count(_ state: JobState) -> Int { counts[state] ?? 0 }

    /// The order stamps of a sender's jobs that were let in since then.
    func recentOrders(of station: String?, since: Int64) -> [Int64] {
        jobs.values.compactMap { job in
            guard job.place != .finished(.rejected) else { return nil }
            let (sender, order) =
                job.record.map { ($0.view.station, $0.orderNanoseconds) } ?? job.reservation
                ?? (nil, .min)
            return order > since && sender == station ? order : nil
        }
    }

    /// The senders of live jobs.
    var liveSenders: Set<StationName?> { Set(live.map { jobs[$0]?.sender }) }

    /// When each sender's last job was let in, as far as its jobs are kept.
    var lastOrders: [StationName?: Int64] {
        jobs.values.reduce(into: [:]) { orders, job in
            let order = job.record?.orderNanoseconds ?? job.reservation?.order ?? 0
            guard job.place != .finished(.rejected) else { return }
            orders[job.sender] = max(orders[job.sender] ?? 0, order)
        }
    }

    /// How many jobs of each sender run.
    var runningBySender: [StationName?: Int] {
        jobs.values.reduce(into: [:]) { counts, job in
            if case .running = job.place { counts[job.sender, default: 0] += 1 }
        }
    }

    /// Whether any job of this name is known.
    func contains(_ id: JobID) -> Bool { jobs[id] != nil }

    /// Reserves a slot, before staging is entered.
    mutating func reserve(_ id: JobID, for station: String? = nil, at order: Int64 = .min) {
        live.insert(id)
        set(id, TrackedJob(place: .staging, reservation: (station, order)))
    }

    /// A staged drop that takes no slot: it will be refused.
    mutating func stage(_ id: JobID) { set(id, TrackedJob(place: .staging)) }

    /// Frees a slot of a drop that was not taken after all.
    mutating func withdraw(_ id: JobID) {
        live.remove(id)
        remove(id)
    }

    /// A bundle was seen in `queued/`.
    mutating func queued(_ id: JobID, stamp: Int64, _ record: JobRecord?) {
        live.insert(id)
        set(id, TrackedJob(place: .queued, record: record ?? jobs[id]?.record))
        queue.insert(id, stamp: stamp)
    }

    /// A bundle was seen in `running/`.
    mutating func running(_ id: JobID, claim: Int) {
        live.insert(id)
        set(id, TrackedJob(place: .running(claim: claim), record: jobs[id]?.record))
    }

    /// A job does not come out of staging.
    mutating func note(trouble: String, of id: JobID) { jobs[id]?.trouble = trouble }

    /// A live job's record was read.
    mutating func describe(_ id: JobID, _ record: JobRecord) { jobs[id]?.record = record }

    /// A bundle was seen in a state that jobs end in: it counts no longer.
    mutating func finished(_ id: JobID, _ state: JobState, _ record: JobRecord?) {
        live.remove(id)
        set(id, TrackedJob(place: .finished(state), record: record))
    }

    /// A finished bundle is gone from where it stood.
    mutating func left(_ id: JobID, _ state: JobState) {
        if jobs[id]?.place == .finished(state) { remove(id) }
    }

    private mutating func set(_ id: JobID, _ job: TrackedJob) {
        remove(id)
        jobs[id] = job
        if case .finished(let state) = job.place { counts[state, default: 0] += 1 }
        if case .running = job.place { runningCount += 1 }
    }

    private mutating func remove(_ id: JobID) {
        guard let old = jobs.removeValue(forKey: id) else { return }
        queue.remove(id)
        if case .finished(let state) = old.place { counts[state, default: 0] -= 1 }
        if case .running = old.place { runningCount -= 1 }
    }
}
