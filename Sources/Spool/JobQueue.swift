// A worker's side of `queued/`: who is next, kept current by inotify, and the claim.
//
// I6: before a claim all events that are there are read, so that no older job is passed over.
// R7: closing a lock raises no event, so a due job whose lease is held is looked at again after
// 50 ms, doubling to 5 s, as long as its entry stands there.
// R8: a future mtime is believed only if the record's `due_ns` says the same.
// R10: a job whose station has no free slot is passed over, and that slot asked for again as in R7;
// what leaves `running/` is about to let go of one. A held lease may be that of a claim which is about
// to ask for the slot: until that is known, no younger job of its station takes it.

public import Linux
public import SpoolFormat

/// What came of asking for the next job.
public enum ClaimAttempt: ~Copyable {
    /// It is ours.
    case claimed(Claim)
    /// There is none now; the moments tell when to ask again without an event.
    case none(retry: Moment?, due: Int64?)
}

/// The jobs a worker may claim.
public final class JobQueue {
    private let spool: Spool
    private var inotify: Inotify?
    private var index = QueueIndex()
    /// Jobs whose lease was held, and when to look again without an event.
    private var busy: [JobID: (until: Moment, delay: Duration)] = [:]
    /// Jobs whose bundles could not be read, and until when they are passed over.
    private var broken: [JobID: Moment] = [:]
    /// Jobs whose place in the queue could not be read, and when that is tried again.
    private var unseen: [JobID: Moment] = [:]
    /// When jobs with a future mtime are due, from their records.
    private var dues: [JobID: Int64] = [:]
    /// Jobs that no pipeline of this worker can run; not asked for again.
    private var unfit: Set<JobID> = []
    /// Jobs that were held, or were to be cancelled, when they were looked at.
    private var ordered: Set<JobID> = []
    private var limits: Limits
    /// Whose jobs they are, as far as somebody asked.
    private var senders: [JobID: StationName?] = [:]
    private var turns = Turns()
    /// Senders whose slots were all held in this search, or may be an older job's in a moment.
    private var full: Set<StationName?> = []
    /// Senders whose slots were all held, and when to look again without an event.
    private var slotWaits: [StationName?: (until: Moment, delay: Duration)] = [:]
    private var jobs: Inotify.Watch?
    private var runs: Inotify.Watch?
    private var declarations: Inotify.Watch?
    private var orderWatches: Set<Inotify.Watch> = []
    /// Events were lost, or what they told of could not be looked at.
    private var needsListing = false

    /// Watches and lists `queued/`; `changed` is called when there may be something to claim.
    public init(_ spool: Spool, on loop: EventLoop, changed: @escaping () -> Void)
        throws(SystemError)
    {
        self.spool = spool
        limits = Limits(spool)
        // Events are read as they come, also while a job runs: an unread one would wake the loop
        // again and again.
        let inotify = try Inotify(loop) { [unowned self] in
            do throws(SystemError) { try drain() } catch {
                spool.log.write(error, while: "Reading the queue")
            }
            changed()
        }
        self.inotify = inotify
        let mask: Inotify.Mask = [.movedTo, .movedFrom, .removed]
        jobs = try inotify.add(spool.path / Path(.queued), mask)
        runs = try inotify.add(spool.path / Path(.running), [.movedFrom])
        declarations = try inotify.add(spool.path / .hidden(SpoolFile.Hidden.stations), mask)
        // Pause and resume, and orders: a held job may be released, a running one cancelled.
        _ = try inotify.add(
            spool.path / Path(SpoolFile.hidden), [.created, .removed, .movedFrom])
        for order in [JobOrder.cancel, .hold] {
            let path = spool.path / .hidden(order.rawValue)
            orderWatches.insert(try inotify.add(path, [.created, .removed]))
        }
        try list()
    }

    /// Claims the oldest job that is due, eligible and unlocked; with `ORDER=fair` the oldest such job
    /// of the sender that was served least recently.
    ///
    /// State before: `queued/ID`; after: `running/ID@N`, not yet durable (R2). Does not block.
    /// `now` and `wall` are the present. `offers` tells whether this worker's pipeline has a model;
    /// nil stands for the default one.
    public func next(
        now: Moment = .now, wall: Int64 = WallClock.nanoseconds, offers: (String?) -> Bool
    ) throws(SystemError) -> ClaimAttempt {
        let isFair = spool.settings.order == .fair
        // Without anything to choose from nobody is kept waiting.
        try drain()
        let turn = isFair && index.count > 0 ? try spool.lockTurns() : nil
        // Until the claim is made: the next one to choose sees whose turn it was.
        defer { withExtendedLifetime(turn) {} }
        return try search(now, wall, offers: offers)
    }

    private func search(
        _ now: Moment, _ wall: Int64, offers: (String?) -> Bool
    ) throws(SystemError) -> ClaimAttempt {
        try drain()
        if try spool.isPaused() { return .none(retry: nil, due: nil) }
        try insertUnseen(now)
        var nextDue: Int64?
        full = []
        for entry in try inOrder() {
            if unfit.contains(entry.id) || ordered.contains(entry.id) { continue }
            if let until = broken[entry.id], until > now { continue }
            if let sender = senders[entry.id], full.contains(sender) { continue }
            switch try attempt(entry, now, wall, offers: offers) {
            case .claimed(let claim): return .claimed(claim)
            case .none(_, let due): nextDue = due.map { min($0, nextDue ?? .max) } ?? nextDue
            }
            // What was at the head has another place: from the start again.
            if index.stamp(of: entry.id).map({ $0 != entry.stamp }) == true {
                return try search(now, wall, offers: offers)
            }
        }
        let retries =
            busy.values.map(\.until) + broken.values + unseen.values
            + slotWaits.values.map(\.until)
        // What is past was asked for just now, and waits for something else.
        return .none(retry: retries.filter { $0 > now }.min(), due: nextDue)
    }

    private func inOrder() throws(SystemError) -> [QueueIndex.Entry] {
        guard spool.settings.order == .fair else { return index.entries }
        for entry in index.entries where senders[entry.id] == nil {
            // Looked at without the lock: a job keeps its sender.
            let record = try spool.knownRecord(in: .bundle(.queued, entry.id), of: entry.id)
            senders[entry.id] = .some(record?.view.sender)
        }
        turns = try Turns(of: senders.values, in: spool)
        return turns.bySender(index.entries) { senders[$0.id] ?? nil }
    }

    /// How many jobs are queued.
    public var count: Int { index.count }

    /// Whether a job that this worker runs is to be cancelled (R9).
    public func isCancelled(_ id: JobID) throws(SystemError) -> Bool {
        try spool.isOrdered(.cancel, id)
    }

    /// Asks again for jobs whose model was not offered before.
    public func modelsChanged() { unfit = [] }

    /// One bundle's error is its own: it is passed over for a while like a locked one. What the
    /// next one would meet as well is thrown: nobody is overtaken for it (I6).
    private func attempt(
        _ entry: QueueIndex.Entry, _ now: Moment, _ wall: Int64, offers: (String?) -> Bool
    ) throws(SystemError) -> ClaimAttempt {
        let id = entry.id
        do throws(SystemError) {
            if entry.stamp > wall, let due = try due(id), due > wall {
                return .none(retry: nil, due: due)
            }
            return try claim(entry, now, offers: offers)
        } catch {
            if error.isGeneral { throw error }
            spool.log.write(error, while: "Claiming job \(id.short)", job: id)
            broken[id] = now + .seconds(5)
            return .none(retry: nil, due: nil)
        }
    }

    private func claim(
        _ entry: QueueIndex.Entry, _ now: Moment, offers: (String?) -> Bool
    ) throws(SystemError) -> ClaimAttempt {
        let id = entry.id
        let bundle = Path.bundle(.queued, id)
        let lease: Lease
        switch try spool.lease(bundle) {
        case .gone:
            forget(id)
            return .none(retry: nil, due: nil)
        case .busy:
            try keepSlot(for: id)
            // I6: whoever comes by asks for it, lest a younger one goes first; that costs no patience.
            if let wait = busy[id], wait.until > now { return .none(retry: nil, due: nil) }
            let delay = min((busy[id]?.delay ?? .milliseconds(25)) * 2, .seconds(5))
            busy[id] = (now + delay, delay)
            return .none(retry: nil, due: nil)
        case .held(let held): lease = held
        }
        busy[id] = nil
        broken[id] = nil
        // It may have run and come back between, to be due later: R2, looked at again.
        guard let status = try spool.root.status(of: bundle), status.modified == entry.stamp else {
            forget(id)
            try insert(id)
            return .none(retry: nil, due: nil)
        }
        guard let record = try spool.record(in: bundle, of: id) else {
            spool.log.write(
                "Job \(id.short) has no readable record; left in queued/. See gpuspool verify.",
                .error, .damaged, job: id)
            unfit.insert(id)
            return .none(retry: nil, due: nil)
        }
        // A decided dismissal is the watcher's to finish.
        let isCancelled = try spool.isOrdered(.cancel, id)
        let isHeld = try spool.isOrdered(.hold, id)
        guard !isCancelled, !isHeld, !record.isDismissed else {
            ordered.insert(id)
            return .none(retry: nil, due: nil)
        }
        guard offers(record.view.model) else {
            unfit.insert(id)
            return .none(retry: nil, due: nil)
        }
        let sender = record.view.sender
        guard let limit = limits.concurrentJobs(of: sender) else {
            return .claimed(try take(id, record, lease, nil))
        }
        guard !full.contains(sender) else { return .none(retry: nil, due: nil) }
        // R10: before the claim.
        guard let slot = try spool.slot(of: sender, limit: limit) else {
            waitForSlot(of: sender, id, now)
            return .none(retry: nil, due: nil)
        }
        slotWaits[sender] = nil
        return .claimed(try take(id, record, lease, slot))
    }

    /// Somebody else has a job's lease, and may be about to take one of its sender's slots.
    private func keepSlot(for id: JobID) throws(SystemError) {
        guard limits.areForConcurrency else { return }
        if senders[id] == nil {
            // Looked at without the lock: a job keeps its sender. One that has moved on has its slot.
            let record = try spool.knownRecord(in: .bundle(.queued, id), of: id)
            guard let record else { return }
            senders[id] = .some(record.view.sender)
        }
        guard let sender = senders[id], limits.concurrentJobs(of: sender) != nil else { return }
        full.insert(sender)
    }

    /// The others of this sender are not asked for in this search.
    private func waitForSlot(of sender: StationName?, _ id: JobID, _ now: Moment) {
        senders[id] = .some(sender)
        full.insert(sender)
        if let wait = slotWaits[sender], wait.until > now { return }
        let delay = min((slotWaits[sender]?.delay ?? .milliseconds(25)) * 2, .seconds(5))
        slotWaits[sender] = (now + delay, delay)
    }

    private func take(
        _ id: JobID, _ record: JobRecord, _ lease: consuming Lease, _ slot: HeldLock?
    ) throws(SystemError) -> Claim {
        var record = record
        let attempt = AttemptName(id: id, claim: record.claims + 1)
        if spool.settings.order == .fair {
            try spool.note(turn: turns.next(at: WallClock.nanoseconds), of: record.view.sender)
        }
        try spool.root.rename(.bundle(.queued, id), to: .bundle(attempt))
        forget(id)
        record.claims = attempt.claim
        record.view.attempts += 1
        record.view.status = .processing
        record.view.position = nil
        record.view.startedAt = .now
        record.view.progress = 0
        // A missing seed is drawn once, so that a retry repeats it. 32 bits are easy to type.
        record.seed =
            record.seed ?? Host.random(4).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return Claim(spool, lease: lease, attempt: attempt, record: record, slot: slot)
    }

    private func due(_ id: JobID) throws(SystemError) -> Int64? {
        if let due = dues[id] { return due }
        guard let record = try spool.record(in: .bundle(.queued, id), of: id) else { return nil }
        dues[id] = record.dueNanoseconds
        return record.dueNanoseconds
    }

    private func drain() throws(SystemError) {
        guard let inotify else { return }
        let events: [Inotify.Event]
        do throws(SystemError) { events = try inotify.drain() } catch {
            // What was read of them before is gone.
            needsListing = true
            throw error
        }
        for event in events where !needsListing {
            needsListing = event.mask.contains(.overflow)
            guard let watch = event.watch else { continue }
            if watch == declarations { needsListing = true }
            if watch == runs { slotWaits = [:] }
            guard let id = try? JobID(event.name.bytes) else { continue }
            if orderWatches.contains(watch) {
                ordered.remove(id)
                continue
            }
            guard watch == jobs else { continue }
            forget(id)
            guard event.mask.contains(.movedTo) else { continue }
            do throws(SystemError) { try insert(id) } catch {
                needsListing = true
                throw error
            }
        }
        if needsListing { try list() }
    }

    /// The watch is in place before this, so that nothing is missed between.
    private func list() throws(SystemError) {
        needsListing = true
        index = QueueIndex()
        busy = [:]
        broken = [:]
        unseen = [:]
        dues = [:]
        unfit = []
        ordered = []
        senders = [:]
        slotWaits = [:]
        try limits.read()
        for name in try spool.names(in: Path(.queued)) {
            if let id = try? JobID(name.bytes) { try insert(id) }
        }
        needsListing = false
    }

    /// One that cannot be looked at is looked at again in a while, and keeps no other waiting.
    private func insert(_ id: JobID) throws(SystemError) {
        do throws(SystemError) {
            guard let status = try spool.root.status(of: .bundle(.queued, id)) else { return }
            index.insert(id, stamp: status.modified)
        } catch {
            if error.isGeneral { throw error }
            spool.log.write(error, while: "Looking at job \(id.short)", job: id)
            unseen[id] = .now + .seconds(5)
        }
    }

    private func insertUnseen(_ now: Moment) throws(SystemError) {
        for (id, until) in unseen where until <= now {
            unseen[id] = nil
            try insert(id)
        }
    }

    private func forget(_ id: JobID) {
        index.remove(id)
        busy[id] = nil
        broken[id] = nil
        unseen[id] = nil
        dues[id] = nil
        unfit.remove(id)
        ordered.remove(id)
        senders[id] = nil
    }
}
