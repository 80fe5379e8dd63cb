// What the watcher sees of the jobs: events of the state directories, and listings where events
// were lost. Everything it learns goes into the table; nothing is moved here.
//
// R5: watches stand before anything is listed, the events that came meanwhile are read after it,
// and only then is anything decided.

internal import Linux
internal import SpoolFormat

extension Watcher {
    func readEvents() throws(SystemError) {
        for event in try inotify.drain() {
            if event.mask.contains(.overflow) {
                spool.log.write("Events were lost (queue overflow); listing everything.", .warning)
                needsListing = true
            } else if let place = event.watch.flatMap({ watches[$0] }) {
                do throws(SystemError) { try handle(event, in: place) } catch {
                    // What it told of is found by the listing.
                    spool.log.write(error, while: "Looking at '\(event.name)'")
                    needsListing = true
                }
            } else {
                _ = inbox.note(event)
            }
        }
        try relist()
    }

    /// Lost events are made good by listing everything, and the events that came meanwhile.
    func relist() throws(SystemError) {
        guard needsListing else { return }
        inbox.distrustEvents()
        unseen = table.live
        try list()
        needsListing = false
        for event in try inotify.drain() {
            if event.mask.contains(.overflow) {
                needsListing = true
            } else if let place = event.watch.flatMap({ watches[$0] }) {
                do throws(SystemError) { try handle(event, in: place) } catch {
                    spool.log.write(error, while: "Looking at '\(event.name)'")
                    needsListing = true
                }
            } else {
                _ = inbox.note(event)
            }
        }
        guard !needsListing else {
            unseen = []
            return
        }
        // R5: in no listing and in no event since the watches stood: ended and cleaned up unseen.
        for id in unseen {
            spool.log.write("Job \(id.short) ended while events were lost", .warning, job: id)
            table.withdraw(id)
        }
        unseen = []
    }

    func handle(_ event: Inotify.Event, in place: Place) throws(SystemError) {
        switch place {
        case .state(let state) where event.mask.contains(.movedTo):
            try arrived(event.name, in: state)
        case .state(let state):
            if event.mask.contains(.removed) { removed(event.name, from: state) }
            if let id = try? JobID(event.name.bytes), state != .running {
                try checkPresence(id, state)
            }
        case .hidden:
            if event.name == Path(SpoolFile.Hidden.totals) { totals = try spool.totals() }
        case .stations: try declareStations()
        case .workers: try crew.read(event.name)
        }
    }

    /// Nobody of ours removes a bundle there: a foreign hand did, and its slot is free.
    func removed(_ name: Path, from state: JobState) {
        let id = state == .running ? AttemptName(name.bytes)?.id : try? JobID(name.bytes)
        guard let id, let job = table.jobs[id] else { return }
        let isThere =
            switch job.place {
            case .queued: state == .queued
            case .running: state == .running
            default: false
            }
        guard isThere else { return }
        spool.log.write(
            "Job \(id.short) was removed from \(state.rawValue) by hand", .warning, job: id)
        table.withdraw(id)
    }

    /// A bundle was seen in a state.
    func arrived(_ name: Path, in state: JobState) throws(SystemError) {
        if state == .running {
            guard let attempt = AttemptName(name.bytes),
                try spool.root.status(of: .bundle(attempt)) != nil
            else { return }
            unseen.remove(attempt.id)
            table.running(attempt.id, claim: attempt.claim)
            if table.jobs[attempt.id]?.record == nil {
                let record = try spool.knownRecord(in: .bundle(attempt), of: attempt.id) {
                    unread.insert(name, state)
                }
                if let record { table.describe(attempt.id, record) }
            }
            return
        }
        guard let id = try? JobID(name.bytes),
            let status = try spool.root.status(of: .bundle(state, id))
        else { return try vanished(name, from: state) }
        unseen.remove(id)
        // Without a readable record it is a job all the same, and counts.
        let record = try spool.knownRecord(in: .bundle(state, id), of: id) {
            unread.insert(name, state)
        }
        if state == .queued { return table.queued(id, stamp: status.modified, record) }
        let isNews = table.jobs[id]?.place != .finished(state)
        table.finished(id, state, record)
        if isNews, let record { forecast.learn(record.view) }
        // It may have been on its way when its station's group changed.
        if isNews, let readers = limits.readers(of: record?.view.sender), readers != .everybody {
            admit(readers, to: id)
        }
    }

    /// Reads again what an error kept from being read.
    func readUnread(at now: Moment = .now) {
        for (name, state) in unread.takeDue(at: now) {
            // Retried or cleaned up meanwhile, it would count out the job that has its name now.
            let id = try? JobID(name.bytes)
            let stillStands = id.flatMap { table.jobs[$0]?.place } == .finished(state)
            guard stillStands || !state.isFinished else { continue }
            do throws(SystemError) { try arrived(name, in: state) } catch {
                spool.log.write(error, while: "Looking at '\(name)'")
                unread.insert(name, state)
            }
        }
    }

    /// Looks for a name that no event told of: a foreign hand may have made it (R12).
    func learn(_ id: JobID) throws(SystemError) {
        for state in JobState.allCases where state != .running && !table.contains(id) {
            if try spool.root.status(of: .bundle(state, id)) != nil {
                try arrived(Path(id), in: state)
            }
        }
    }

    /// It arrived and has gone on before we looked. If it had ended, it counts no longer: its
    /// name was live, so the event was about that job and no other.
    func vanished(_ name: Path, from state: JobState) throws(SystemError) {
        guard state.isFinished, let id = try? JobID(name.bytes), table.live.contains(id) else {
            return
        }
        table.finished(id, state, nil)
        try checkPresence(id, state)
    }

    /// A finished bundle may have been cleaned up, given its name away, or been retried.
    func checkPresence(_ id: JobID, _ state: JobState) throws(SystemError) {
        if try spool.root.status(of: .bundle(state, id)) == nil { table.left(id, state) }
    }
}

/// Bundles whose records could not be read, until they can: 5 s, doubling to a minute.
struct Unread {
    private var bundles: [Path: JobState] = [:]
    private var delay = Duration.seconds(5)
    /// When to try again.
    private(set) var again: Moment?

    mutating func insert(_ name: Path, _ state: JobState) {
        bundles[name] = state
        again = again ?? .now + delay
    }

    /// All of them, if it is time.
    mutating func takeDue(at now: Moment) -> [(Path, JobState)] {
        guard let time = again, time <= now else {
            if bundles.isEmpty { delay = .seconds(5) }
            return []
        }
        defer { (bundles, again) = ([:], nil) }
        delay = min(delay * 2, .seconds(60))
        return bundles.map { ($0.key, $0.value) }
    }
}
