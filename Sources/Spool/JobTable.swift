// What the watcher knows of all jobs, and the count that admission goes by.
//
// R5: only the watcher lets jobs in, so a job is live from the verdict that lets it in until it is
// *seen* to arrive in `done/`, `failed/` or `rejected/`. A listing of `queued/` and `running/`
// never lowers the count: in every order of listing a moving job can be missed. Arrivals in those
// two, also of jobs that have gone on since, and verdicts found in staging add. A name is live until its job is counted out.

internal import Linux
internal import SpoolFormat

/// Where a job is, as far as the watcher has seen.
struct TrackedJob {
    enum Place: Equatable {
        case staging
        /// It was told of where it stands no longer; what it did next will be told.
        case moving
        case queued
        case running(claim: Int)
        case finished(JobState)
    }

    var place: Place
    /// Nil until it was read.
    var record: JobRecord?
    /// Whose it is, until there is a record.
    var station: String?
    /// When it was let in, on our own clock, which nobody sets.
    var admitted: Moment?
    /// In staging: the batch that it is a row of.
    var batch: JobID?
    /// Why it does not come out of staging.
    var trouble: String?

    /// Whose it is; nil: nobody's with a drop box of its own, or not known yet.
    var sender: StationName? {
        record.map(\.view.sender) ?? station.flatMap { StationName($0) }
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

    /// When a sender's jobs were let in, as far as that was later than `since`.
    func admissions(of station: String?, since: Moment) -> [Moment] {
        jobs.values.compactMap { job in
            guard job.place != .finished(.rejected), let admitted = job.admitted,
                (job.record.map(\.view.station) ?? job.station) == station
            else { return nil }
            return admitted > since ? admitted : nil
        }
    }

    /// The senders of live jobs.
    var liveSenders: Set<StationName?> { Set(live.map { jobs[$0]?.sender }) }

    /// When each sender's last job was let in, as far as its jobs are kept.
    var lastOrders: [StationName?: Int64] {
        jobs.values.reduce(into: [:]) { orders, job in
            let order =
                job.record?.orderNanoseconds ?? (job.admitted == nil ? 0 : WallClock.nanoseconds)
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

    /// The jobs of the newest batch of each name.
    var batches: [JobID: [JobID]] {
        var newest: [JobID: Int64] = [:]
        var rows: [JobID: [JobID]] = [:]
        for (id, job) in jobs {
            guard let record = job.record, let batch = record.batch else { continue }
            let order = newest[batch] ?? .min
            guard record.batchOrder >= order else { continue }
            if record.batchOrder > order { rows[batch] = [] }
            newest[batch] = record.batchOrder
            rows[batch, default: []].append(id)
        }
        return rows
    }

    /// Whether a batch of this name has rows that live.
    func hasLiveRows(_ id: JobID) -> Bool {
        guard BatchName(id) != nil else { return false }
        return live.contains { jobs[$0]?.batch == id || jobs[$0]?.record?.batch == id }
    }

    /// Whether any job of this name is known.
    func contains(_ id: JobID) -> Bool { jobs[id] != nil }

    /// Reserves a slot, before staging is entered.
    mutating func reserve(
        _ id: JobID, for station: String? = nil, at moment: Moment? = nil, of batch: JobID? = nil
    ) {
        live.insert(id)
        var job = TrackedJob(place: .staging, station: station, admitted: moment)
        job.batch = batch
        set(id, job)
    }

    /// Frees the slots of a batch's rows that were not admitted after all.
    mutating func withdraw(rowsOf batch: JobID) {
        let rows = jobs.filter { $0.value.place == .staging && $0.value.batch == batch }
        for id in rows.keys { withdraw(id) }
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
        move(id, to: .queued, record ?? jobs[id]?.record)
        queue.insert(id, stamp: stamp)
    }

    /// A bundle was seen in `running/`.
    mutating func running(_ id: JobID, claim: Int) {
        live.insert(id)
        move(id, to: .running(claim: claim), jobs[id]?.record)
    }

    /// An event told of a bundle in `queued/` or `running/` that has gone on since: events are read
    /// many at once. It lives until it is seen to have ended.
    mutating func passed(_ id: JobID) {
        guard live.insert(id).inserted else { return }
        move(id, to: .moving, jobs[id]?.record)
    }

    /// A job that was not let in again after all stands as it stood.
    mutating func restore(_ id: JobID, _ job: TrackedJob) {
        if !job.isLive { live.remove(id) }
        set(id, job)
    }

    /// A finished job gave its name away.
    mutating func rename(_ id: JobID, to other: JobID) {
        guard let job = jobs[id] else { return }
        remove(id)
        set(other, job)
    }

    /// A job does not come out of staging.
    mutating func note(trouble: String, of id: JobID) { jobs[id]?.trouble = trouble }

    /// A live job's record was read.
    mutating func describe(_ id: JobID, _ record: JobRecord) {
        guard var job = jobs[id] else { return }
        job.record = record
        job.admitted = job.admitted ?? JobTable.admission(of: record)
        jobs[id] = job
    }

    /// A bundle was seen in a state that jobs end in: it counts no longer.
    mutating func finished(_ id: JobID, _ state: JobState, _ record: JobRecord?) {
        live.remove(id)
        move(id, to: .finished(state), record)
    }

    /// A finished bundle is gone from where it stood.
    mutating func left(_ id: JobID, _ state: JobState) {
        if jobs[id]?.place == .finished(state) { remove(id) }
    }

    private mutating func move(_ id: JobID, to place: TrackedJob.Place, _ record: JobRecord?) {
        let known = jobs[id]
        set(
            id,
            TrackedJob(
                place: place, record: record, station: known?.station,
                admitted: known?.admitted ?? record.map { JobTable.admission(of: $0) }))
    }

    /// Of a job that another watcher let in its stamp tells, which a clock that was set makes wrong:
    /// one from the future counts from now on.
    private static func admission(of record: JobRecord) -> Moment {
        let (age, over) = WallClock.nanoseconds.subtractingReportingOverflow(
            record.orderNanoseconds)
        return .now + .nanoseconds(over ? 0 : -max(0, age))
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
