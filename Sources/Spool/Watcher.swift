// The watcher: the one process that lets jobs in and writes the views.
//
// It owns `incoming/`, staging, `status/` and `queue.json`, and shares nothing in memory with
// workers and cleanup: what they do it sees as names that move between directories. One inotify
// watches all of them, so that events come in the order in which things happened (R5).
//
// Each turn: read the events, bring the table of jobs up to date, judge the drops, take what is
// ready together, write the views that changed, set the timer. A crash at any point loses nothing
// but views: staging goes forward at the next start, and everything else is read from the
// directories. An overflow of events is treated like a start: watches stand, then list, then the
// events, then decide.

public import Linux
internal import SpoolFormat

/// Serves a spool's door.
public final class Watcher {
    let spool: Spool
    let loop: EventLoop
    var table = JobTable()
    var forecast = Forecast()
    var receiving = Receptions()
    /// Drops that could not be taken, with the error shown to their senders.
    var postponed: [DropKey: (until: Moment, error: SystemError?)] = [:]
    /// Batches for which there was no room in this round (`OVERFLOW=hold`).
    var heldUp = HeldUp()
    /// What drops wait for at the door, in words (`OVERFLOW=hold`).
    var throttled: [DropKey: String] = [:]
    /// When one of them may come in without an event.
    var nextAdmission: Moment?
    /// What the log was told of drops that could not be taken.
    var told: [DropKey: String] = [:]
    let staging: Staging
    let crew: Crew
    let inbox: Inbox
    var limits: Limits
    var orders: Orders
    /// Jobs whose order could not be carried out yet, and when that is tried again.
    var orderWaits: [JobID: (until: Moment, delay: Duration)] = [:]
    /// Control drops that an error kept from being obeyed or removed, and when to try again.
    var controlWaits: [Path: Moment] = [:]
    /// When orders that wait are to be looked at.
    private var nextOrders: Moment?
    var unread = Unread()
    /// Since when jobs could be taken, by the wall clock, for `JOB_PENDING_TIMEOUT_SECONDS`.
    private(set) var patienceStart = WallClock.nanoseconds
    /// The same for jobs that were released.
    var patience: [JobID: Int64] = [:]
    private(set) var isPaused = false
    /// When staging that got stuck is tried again.
    var nextRecovery: Moment?
    /// Called at the end of each turn with what it does, in words.
    public var tell: ((String) -> Void)?
    /// Whether it has looked at all there is.
    public internal(set) var serves = false
    private let lock: File
    let inotify: Inotify
    let views: Views
    var watches: [Inotify.Watch: Place] = [:]
    private var timer: Timer?
    private var turn: Deferred?
    var totals = Totals()
    /// The drops that stand in `incoming/` since the last pass.
    var candidates: [Candidate] = []
    /// Whether more of them are ready than were taken at once.
    private var isCrowded = false
    /// When claims are looked at for dead workers; nil while nothing runs.
    private var nextRunningScan: Moment?
    /// Since when claims were seen running.
    private var runningSince: [AttemptName: Moment] = [:]
    /// Claims of which the log was told that they cannot be recovered.
    private var unrecoverable: Set<Path> = []
    /// The last obstacle that was logged.
    private var lastProblem: SystemError?
    /// After lost events: live jobs that neither the listing nor an event has named yet.
    var unseen: Set<JobID> = []
    var needsListing = false
    /// How long nobody is let in while events are lost again and again; doubles.
    private var blindness = Watcher.shortestBlindness
    /// Live jobs that were renamed away and have not arrived yet, and when they are looked for.
    var departed: [JobID: (until: Moment, from: JobState)] = [:]
    /// What stands among the bundles and is none, of which the log was told.
    var foreign: Set<Path> = []
    /// How long drops wait for the lease of the job that has their name; doubles.
    var nameWaits: [DropKey: Duration] = [:]
    /// Drops that got stuck in staging.
    var interrupted: [JobID: Candidate] = [:]

    /// What a watched directory holds.
    enum Place {
        case state(JobState)
        case hidden, stations, workers
    }

    /// A drop that is being received: its ID stands from the first sight of its first file.
    struct Reception {
        var id: JobID
        /// What it would be called if nobody else had the name.
        let base: JobID
        let firstSeen: Timestamp
    }

    /// Takes the watcher's lock and starts; everything else happens on `loop`.
    ///
    /// - Throws: `WatcherProblem.taken` when another watcher serves this spool.
    public static func start(_ spool: Spool, on loop: EventLoop) throws(WatcherProblem) -> Watcher {
        let holder: [UInt8]
        do throws(SystemError) {
            let lock = try spool.root.openOrCreate(
                .hidden(SpoolFile.Hidden.watcherLock), mode: 0o644)
            // Those who only ask whether it is held hold it for microseconds.
            var isOurs = try lock.tryLock()
            for _ in 0..<100 where !isOurs {
                Moment.pause(.milliseconds(2))
                isOurs = try lock.tryLock()
            }
            if isOurs {
                try Spool.removeAbandoned(in: spool)
                do throws(SystemError) {
                    try lock.truncate(to: 0)
                    try lock.write("process \(Host.pid) on \(Host.name)\n".utf8)
                } catch { spool.log.write(error, while: "Naming the watcher in its lock") }
                let watcher = try Watcher(spool, on: loop, lock: lock)
                try watcher.start()
                return watcher
            }
            holder = try lock.contents(limit: 64)
        } catch { throw .system(error) }
        let line = holder.prefix { $0 != UInt8(ascii: "\n") }
        throw .taken(by: String(decoding: line, as: UTF8.self))
    }

    private init(_ spool: Spool, on loop: EventLoop, lock: consuming File) throws(SystemError) {
        self.spool = spool
        self.loop = loop
        self.lock = lock
        let wake = Wake()
        inotify = try Inotify(loop) { wake.body() }
        // Watches first, listings later (R5).
        watches = try Watcher.watchAll(spool, inotify)
        crew = Crew(spool, on: loop) { wake.death() }
        inbox = try Inbox(spool, inotify: inotify)
        limits = Limits(spool)
        views = try Views(spool)
        orders = try Orders(spool)
        staging = try Staging(spool, orders: OrderStamp.kept(in: spool))
        timer = try Timer(loop) { wake.body() }
        let turn = Deferred(loop) { [unowned self] in takeTurn() }
        self.turn = turn
        wake.body = { turn.request() }
        wake.death = { [unowned self] in
            // The kernel freed its lease with it.
            nextRunningScan = .now
            turn.request()
        }
    }

    /// Callbacks are needed before there is a watcher to call.
    private final class Wake {
        var body: () -> Void = {}
        var death: () -> Void = {}
    }

    private static func watchAll(_ spool: Spool, _ inotify: Inotify) throws(SystemError)
        -> [Inotify.Watch: Place]
    {
        var watches: [Inotify.Watch: Place] = [:]
        let mask: Inotify.Mask = [.movedTo, .movedFrom, .removed, .selfRemoved, .selfMoved]
        for state in JobState.allCases {
            watches[try inotify.add(spool.path / Path(state), mask)] = .state(state)
        }
        let hidden = Path(SpoolFile.hidden)
        watches[
            try inotify.add(
                spool.path / hidden, [.movedTo, .movedFrom, .created, .removed])] = .hidden
        let stations = spool.path / .hidden(SpoolFile.Hidden.stations)
        watches[try inotify.add(stations, [.movedTo, .removed, .movedFrom])] = .stations
        let workers = spool.path / .hidden(SpoolFile.Hidden.workers)
        watches[try inotify.add(workers, [.movedTo, .removed])] = .workers
        return watches
    }

    private func start() throws(SystemError) {
        staging.retryAfterSeconds = { [unowned self] in retryAfterSeconds }
        staging.readers = { [unowned self] in limits.readers(of: $0) ?? .everybody }
        staging.isTaken = { [unowned self] in table.contains($0) }
        try list()
        let settings = spool.settings
        spool.log.write(
            "Started - Max size: \(settings.maxInflightJobs), "
                + "Cleanup age: \(DurationText.seconds(settings.resultTTL))s", .info,
            .watcherStarted)
        recoverStaging()
        nextRunningScan = .now
        turn?.request()
    }

    /// Everything anew, with the watches in place: at start and after lost events.
    func list() throws(SystemError) {
        try declareStations()
        try crew.list()
        readTotals()
        for (id, counts, batch) in try staging.pending() {
            unseen.remove(id)
            if counts { table.reserve(id, of: batch) } else { table.stage(id) }
        }
        for state in JobState.allCases {
            for name in try spool.names(in: Path(state)) { try arrived(name, in: state) }
        }
        for (id, job) in table.jobs {
            if case .finished(let state) = job.place { checkPresence(id, state) }
        }
    }

    /// It follows the settings, and whether there are stations.
    func writeHowto() {
        do throws(SystemError) { try Howto.write(to: spool) } catch {
            spool.log.write(error, while: "Writing \(SpoolFile.howto)")
        }
    }

    func declareStations() throws(SystemError) {
        let before = limits
        try limits.read()
        admitReaders(since: before)
        try inbox.declare(Array(limits.terms.keys))
        writeHowto()
    }

    /// Opens drop boxes anew that were mounted over; after a change of the mount table.
    public func reopenReplaced() {
        inbox.closeReplaced()
        turn?.request()
    }

    // MARK: A turn

    private func takeTurn() {
        do throws(SystemError) {
            try readEvents()
            // R5: while events are lost again and again, nobody is let in.
            guard !needsListing else {
                timer?.set(.now + blindness)
                blindness = min(blindness * 2, .seconds(5))
                return
            }
            blindness = Watcher.shortestBlindness
            readUnread()
            if let time = nextRecovery, time <= .now { recoverStaging() }
            try recoverRunning()
            nextOrders = nil
            notePause()
            // Before the door: a job that is to run again waits longer than the newcomers.
            carryOutOrders()
            var again = nextRunningScan
            if inbox.earliestPass <= .now {
                again = min(again, serveDoor())
            } else {
                again = min(again, inbox.earliestPass)
                if isCrowded { letIn(candidates.filter(inbox.stands)) }
            }
            if isCrowded { again = .now }
            again = min(min(again, nextOrders), unread.again)
            again = min(min(again, nextRecovery), departed.values.map(\.until).min())
            timer?.set(again)
            do throws(SystemError) { try showViews() } catch {
                spool.log.write(error, while: "Writing the views")
                timer?.set(min(again, .now + .seconds(5)))
            }
        } catch {
            spool.log.write(error, while: "Watching the spool")
            tell?("The spool cannot be watched: \(error)")
            timer?.set(.now + .seconds(5))
        }
    }

    /// At start, when a worker dies, and now and then while something runs.
    private func recoverRunning() throws(SystemError) {
        if let scan = nextRunningScan, scan <= .now {
            let outcomes = try Recovery(spool: spool).run()
            nextRunningScan = nil
            let alive = outcomes.filter { $0.outcome == .alive }.map(\.attempt)
            runningSince = runningSince.filter { alive.contains($0.key) }
            for (attempt, outcome) in outcomes { note(outcome, of: attempt) }
            spool.removeRemains()
        }
        if table.runningCount > 0 {
            nextRunningScan = nextRunningScan ?? .now + spool.settings.jobRetryScan
        } else {
            nextRunningScan = nil
        }
    }

    /// Who sent a job, for the log.
    func station(of id: JobID) -> String? { table.jobs[id]?.record?.view.station }

    private func note(_ outcome: Recovery.Outcome, of attempt: AttemptName) {
        let id = attempt.id
        switch outcome {
        case .alive: killIfStuck(attempt)
        case .moved(let status):
            spool.log.write(
                "Job \(id.short) recovered - Its worker died; the job is \(status.rawValue)",
                .warning, .recovered, job: id, station: station(of: id))
        case .stuck(let error):
            spool.log.write(
                error, while: "Recovering job \(id.short)", job: id, station: station(of: id))
        case .damaged:
            guard unrecoverable.insert(Path(attempt.bytes)).inserted else { return }
            spool.log.write(
                "Job \(id.short) has no readable record; left in running/. See gpuspool verify.",
                .error, .damaged, job: id)
        }
    }

    /// R4: a lease is never stolen. The worker that should have given up its job long ago is killed;
    /// the kernel frees its lease, and recovery goes on with the job.
    private func killIfStuck(_ attempt: AttemptName) {
        let since = runningSince[attempt] ?? .now
        runningSince[attempt] = since
        let limit = spool.settings.jobTimeout + Watcher.stuckMargin
        guard .now - since >= limit else { return }
        guard crew.kill(workerOf: attempt) else { return }
        spool.log.write(
            "Job \(attempt.id.short) - Its worker is stuck: it holds the job for more than "
                + "\(DurationText.seconds(limit)) s; killed", .error, .workerKilled,
            job: attempt.id,
            station: station(of: attempt.id))
    }

    /// What a worker that works may need beyond the job's timeout to end the job.
    static let stuckMargin = Duration.seconds(60)

    private static let shortestBlindness = Duration.milliseconds(100)

    /// While workers claim nothing, no job waits too long.
    private func notePause() {
        let wasPaused = isPaused
        do throws(SystemError) { isPaused = try spool.isPaused() } catch {
            spool.log.write(error, while: "Looking for a pause")
            again(in: .seconds(5))
        }
        if wasPaused, !isPaused { patienceStart = WallClock.nanoseconds }
    }

    /// Asks for another look at the orders.
    func again(at moment: Moment) { nextOrders = min(nextOrders, moment) }

    /// Asks for another look at the orders after a while.
    func again(in wait: Duration) { again(at: .now + wait) }

    /// Looks at everything with the settings as they are now.
    public func settingsChanged() {
        writeHowto()
        turn?.request()
    }

    private func serveDoor() -> Moment? {
        let (found, again, problem) = inbox.pass(now: .now)
        if let problem, problem != lastProblem {
            spool.log.write(problem, while: "Looking into the drop boxes")
        }
        lastProblem = problem
        candidates = found
        let keys = Set(found.map(\.key))
        for key in receiving.all.keys where !keys.contains(key) { receiving[key] = nil }
        for key in postponed.keys where !keys.contains(key) { postponed[key] = nil }
        for key in told.keys where !keys.contains(key) { told[key] = nil }
        for key in throttled.keys where !keys.contains(key) { throttled[key] = nil }
        for key in nameWaits.keys where !keys.contains(key) { nameWaits[key] = nil }
        answerOld(inbox.controls, before: found)
        letIn(found)
        obey(inbox.controls)
        return min(min(again, nextAdmission), postponed.values.map(\.until).min())
    }

    private func letIn(_ ready: [Candidate]) {
        let (taken, isMore) = admit(ready)
        candidates.removeAll { taken.contains($0.key) }
        isCrowded = isMore
    }
}

/// Why a watcher cannot start.
public enum WatcherProblem: Error {
    /// Another process serves this spool; who it is, as it says itself.
    case taken(by: String)
    /// A system call failed.
    case system(SystemError)
}

private func min(_ left: Moment?, _ right: Moment?) -> Moment? {
    guard let left, let right else { return left ?? right }
    return left < right ? left : right
}
