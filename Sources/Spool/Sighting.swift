// What the watcher sees of the jobs: events of the state directories, and listings where events
// were lost. Everything it learns goes into the table; nothing is moved here.
//
// R5: watches stand before anything is listed, the events that came meanwhile are read after it,
// and only then is anything decided.

internal import Linux
internal import SpoolFormat

extension Watcher {
    func readEvents() throws(SystemError) {
        let events = try drained()
        if events.contains(where: { $0.mask.contains(.overflow) }) {
            spool.log.write("Events were lost (queue overflow); listing everything.", .warning)
        }
        handle(events)
        try relist()
        lookForDeparted()
    }

    /// All events there are; what was read before an error is lost with it.
    private func drained() throws(SystemError) -> [Inotify.Event] {
        do throws(SystemError) { return try inotify.drain() } catch {
            needsListing = true
            throw error
        }
    }

    private func handle(_ events: [Inotify.Event]) {
        for event in events {
            if event.mask.contains(.overflow) {
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
    }

    /// Lost events are made good by listing everything, and the events that came meanwhile.
    func relist() throws(SystemError) {
        guard needsListing else { return }
        inbox.distrustEvents()
        departed = [:]
        unseen = table.live
        try list()
        let events = try drained()
        needsListing = false
        handle(events)
        guard !needsListing else {
            unseen = []
            return
        }
        // R5: in no listing and in no event since the watches stood: ended and cleaned up unseen.
        for id in unseen {
            spool.log.write(
                "Job \(id.short) ended while events were lost", .warning, .vanished, job: id,
                station: station(of: id))
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
            if event.mask.contains(.movedFrom) { depart(event.name, from: state) }
            if let id = try? JobID(event.name.bytes), state.isFinished { checkPresence(id, state) }
        case .hidden: if event.name == Path(SpoolFile.Hidden.totals) { readTotals() }
        case .stations: try declareStations()
        case .workers: try crew.read(event.name)
        }
    }

    /// Nobody of ours removes a bundle there: a foreign hand did, and its slot is free.
    func removed(_ name: Path, from state: JobState) {
        guard let id = liveJob(name, in: state) else { return }
        spool.log.write(
            "Job \(id.short) was removed from \(state.rawValue) by hand", .warning, .vanished,
            job: id, station: station(of: id))
        table.withdraw(id)
    }

    /// The live job that is known to stand there.
    private func liveJob(_ name: Path, in state: JobState) -> JobID? {
        let attempt = state == .running ? AttemptName(name.bytes) : nil
        guard let id = attempt?.id ?? (try? JobID(name.bytes)), let job = table.jobs[id] else {
            return nil
        }
        return switch job.place {
        case .queued: state == .queued ? id : nil
        case .running(let claim): claim == attempt?.claim ? id : nil
        case .moving: state.isFinished ? nil : id
        default: nil
        }
    }

    /// Renamed away: its arrival is the next event, unless a foreign hand took it out of the spool.
    private func depart(_ name: Path, from state: JobState) {
        guard let id = liveJob(name, in: state) else { return }
        departed[id] = (.now + .seconds(1), state)
    }

    /// Who was renamed away and did not arrive anywhere has no slot any more.
    ///
    /// With the watches in place every arrival is an event; the look is for one that is late.
    private func lookForDeparted() {
        for (id, (until, state)) in departed where until <= .now {
            departed[id] = nil
            do throws(SystemError) {
                guard try !isAnywhere(id) else { continue }
            } catch {
                spool.log.write(
                    error, while: "Looking for job \(id.short)", job: id, station: station(of: id))
                departed[id] = (.now + .seconds(5), state)
                continue
            }
            spool.log.write(
                "Job \(id.short) was moved out of \(state.rawValue)/ by hand; it counts no longer",
                .warning, .vanished, job: id, station: station(of: id))
            table.withdraw(id)
        }
    }

    private func isAnywhere(_ id: JobID) throws(SystemError) -> Bool {
        let places = JobState.allCases.filter { $0 != .running }.map { Path.bundle($0, id) }
        for place in places + [.staging(id)] where try spool.root.status(of: place) != nil {
            return true
        }
        return try spool.names(in: Path(.running)).contains { AttemptName($0.bytes)?.id == id }
    }

    /// A bundle was seen in a state, or an event told of it there.
    ///
    /// What cannot be looked at now is looked at again, and counts as the event tells.
    func arrived(_ name: Path, in state: JobState) throws(SystemError) {
        let attempt = state == .running ? AttemptName(name.bytes) : nil
        let plain = state == .running ? nil : try? JobID(name.bytes)
        guard let id = attempt?.id ?? plain else { return }
        unseen.remove(id)
        departed[id] = nil
        let bundle = Path(state) / name
        let status: FileStatus?
        do throws(SystemError) { status = try spool.root.status(of: bundle) } catch {
            if error.isGeneral { throw error }
            spool.log.write(
                error, while: "Looking at job \(id.short)", job: id, station: station(of: id))
            unread.insert(name, state)
            return state.isFinished ? table.finished(id, state, nil) : table.passed(id)
        }
        guard let status else { return state.isFinished ? vanished(id, state) : table.passed(id) }
        // A foreign hand's: nobody can run it, and it takes nobody's place.
        guard status.kind == .directory else {
            guard foreign.insert(bundle).inserted else { return }
            return spool.log.write(
                "'\(bundle)' is a \(status.kind.rawValue), where only jobs' directories stand; "
                    + "it is passed over. Move it away.", .warning, .damaged)
        }
        // Without a readable record it is a job all the same, and counts.
        let isKnown = state == .running && table.jobs[id]?.record != nil
        let record =
            isKnown
            ? nil : try spool.knownRecord(in: bundle, of: id) { unread.insert(name, state) }
        if let attempt {
            table.running(id, claim: attempt.claim)
            if let record { table.describe(id, record) }
        } else if state == .queued {
            table.queued(id, stamp: status.modified, record)
        } else {
            let isNews = table.jobs[id]?.place != .finished(state)
            table.finished(id, state, record)
            if isNews, let record { forecast.learn(record.view) }
            if isNews, let sender = record?.view.sender { follow(sender, status, of: id) }
        }
    }

    /// Reads again what an error kept from being read.
    func readUnread(at now: Moment = .now) {
        for (name, state) in unread.takeDue(at: now) {
            // Retried or cleaned up meanwhile, it would count out the job that has its name now; one
            // that has ended meanwhile would count for ever.
            let attempt = state == .running ? AttemptName(name.bytes) : nil
            guard let id = attempt?.id ?? (try? JobID(name.bytes)), let job = table.jobs[id],
                state.isFinished ? job.place == .finished(state) : job.isLive
            else { continue }
            do throws(SystemError) { try arrived(name, in: state) } catch {
                spool.log.write(
                    error, while: "Looking at '\(name)'", job: id, station: station(of: id))
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
    private func vanished(_ id: JobID, _ state: JobState) {
        guard table.live.contains(id) else { return }
        table.finished(id, state, nil)
        checkPresence(id, state)
    }

    /// A finished bundle may have been cleaned up, given its name away, or been retried.
    func checkPresence(_ id: JobID, _ state: JobState) {
        do throws(SystemError) {
            if try spool.root.status(of: .bundle(state, id)) == nil { table.left(id, state) }
        } catch {
            spool.log.write(
                error, while: "Looking at job \(id.short)", job: id, station: station(of: id))
        }
    }

    /// Without them the counts are those that were read last.
    func readTotals() {
        do throws(SystemError) { totals = try spool.totals() } catch {
            spool.log.write(error, while: "Reading the totals")
        }
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
