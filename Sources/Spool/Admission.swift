// The watcher's decisions: which drop gets which name, who gets a slot, who is refused.
//
// R5: a slot is reserved with the verdict, before staging is entered. R13: a finished job gives
// its name to a newcomer of its own station before `staging/ID` is made; a crash between the two
// leaves the older job under its new name, which its view tells.

internal import Linux
internal import SpoolFormat

extension Watcher {
    /// How many drops are taken together: they share the flushes, and what happens meanwhile does
    /// not wait long.
    private static let crowd = 32

    /// Takes what is ready, in order of arrival or by turns, a crowd at most; those who may come in
    /// go before those who are refused. Returns the drops that left `incoming/`, and whether more are
    /// ready.
    func admit(_ candidates: [Candidate]) -> (taken: Set<DropKey>, isMore: Bool) {
        nextAdmission = nil
        heldUp = HeldUp()
        let inOrder = candidates.sorted {
            ($0.arrived, Path($0.key.stem)) < ($1.arrived, Path($1.key.stem))
        }
        for candidate in inOrder { receive(candidate) }
        var decided: [(candidate: Candidate, drop: Drop)] = []
        var isMore = false
        for candidate in inTurn(inOrder.filter(\.mayComeIn)) + inOrder.filter(\.isRefused) {
            if let wait = postponed[candidate.key], wait.until > .now { continue }
            guard decided.count < Watcher.crowd else {
                isMore = true
                break
            }
            postponed[candidate.key] = nil
            throttled[candidate.key] = nil
            do throws(SystemError) {
                if let drop = try decide(candidate) { decided.append((candidate, drop)) }
            } catch { postpone(candidate.key, error) }
        }
        let taken = decided.isEmpty ? [] : take(decided)
        // Some may have lost their name to one that was complete.
        for candidate in inOrder where !taken.contains(candidate.key) { receive(candidate) }
        return (taken, isMore)
    }

    /// With `ORDER=fair` by the turns of the senders; in order of arrival as they were given.
    private func inTurn(_ ready: [Candidate]) -> [Candidate] {
        guard spool.settings.order == .fair else { return ready }
        return Turns(table.lastOrders).ordered(ready, sender: \.station)
    }

    private func take(_ decided: [(candidate: Candidate, drop: Drop)]) -> Set<DropKey> {
        var taken: Set<DropKey> = []
        for ((candidate, drop), outcome) in zip(decided, staging.take(decided.map(\.drop))) {
            let key = candidate.key
            if case .left(let error) = outcome {
                postpone(key, error)
                table.withdraw(drop.id)
                table.withdraw(rowsOf: drop.id)
                // Something stands in staging by its name.
                if error.code == .exists { nextRecovery = .now }
            } else {
                if case .stuck = outcome { interrupted[drop.id] = candidate }
                taken.insert(key)
                inbox.forget(candidate)
                receiving[key] = nil
                postponed[key] = nil
                settle(drop.id, outcome)
            }
        }
        return taken
    }

    /// Gives a drop its ID at the first sight of its first file.
    private func receive(_ candidate: Candidate) {
        guard receiving[candidate.key] == nil else { return }
        let id: JobID
        do throws(NameProblem) { id = try candidate.id } catch {
            id = JobID(unnamed: Host.random(4))
        }
        let names = free(id, candidate.mayComeIn, for: candidate) {
            !receiving.drops(called: $0).isEmpty
        }
        receiving[candidate.key] = Reception(
            id: names.id, base: id, firstSeen: candidate.firstSeen)
    }

    /// What a drop becomes: one job, or one for each row of a batch, which has an ID as well.
    private struct Names {
        let id: JobID
        var rows: [JobID] = []
        var all: [JobID] { [id] + rows }
    }

    /// The names with `base`, or the `number`-th variant of it.
    private func names(
        _ base: JobID, _ number: Int, _ isLetIn: Bool, of candidate: Candidate
    ) -> Names {
        guard candidate.isBatch, let first = BatchName(base) else {
            return Names(id: number == 1 ? base : base.variant(number))
        }
        let name = number == 1 ? first : first.variant(number)
        return Names(id: name.id, rows: isLetIn ? name.rows(candidate.size) : [])
    }

    /// The ID itself, unless a live job has it, another station's job, or somebody else.
    private func free(
        _ base: JobID, _ isLetIn: Bool, for candidate: Candidate,
        isOthers: (JobID) -> Bool = { _ in false }
    ) -> Names {
        func isTaken(_ id: JobID) -> Bool {
            // R9: a job with a waiting retry is live for naming.
            if isOthers(id) || orders.stands(.retry, for: id) { return true }
            if table.hasLiveRows(id) { return true }
            guard let job = table.jobs[id] else { return false }
            // What cannot be read is nobody's to move.
            guard let record = job.record, !job.isLive else { return true }
            return record.view.station != candidate.station?.description
        }
        var names = names(base, 1, isLetIn, of: candidate)
        var number = 1
        while names.all.contains(where: { isTaken($0) || number > 1 && table.contains($0) }) {
            number += 1
            names = self.names(base, number, isLetIn, of: candidate)
        }
        return names
    }

    /// The drop to be taken now, with its slot reserved; nil when it waits.
    private func decide(_ candidate: Candidate) throws(SystemError) -> Drop? {
        if candidate.judgement.isWait { return nil }
        let refusal = refusal(of: candidate)
        if let refusal, throttle(candidate, refusal) { return nil }
        guard let reception = receiving[candidate.key] else { return nil }
        let isLetIn = refusal == nil
        for id in names(reception.base, 1, isLetIn, of: candidate).all { try learn(id) }
        // Chosen again: a live job may have taken the name meanwhile, and a drop that still waits
        // for its partner gives way to one that is complete.
        let names = free(reception.base, isLetIn, for: candidate)
        for id in names.all {
            for key in receiving.drops(called: id) where key != candidate.key {
                receiving[key] = nil
            }
        }
        receiving[candidate.key]?.id = names.id
        for id in names.all {
            // R9: an old order must not hit a new job.
            for order in JobOrder.allCases { try orders.withdraw(order, for: id) }
            guard try giveWay(id) else {
                let delay = min((nameWaits[candidate.key] ?? .milliseconds(25)) * 2, .seconds(5))
                nameWaits[candidate.key] = delay
                postponed[candidate.key] = (.now + delay, nil)
                return nil
            }
        }
        nameWaits[candidate.key] = nil
        reserve(names, for: candidate, isLetIn)
        return Drop(
            id: names.id, station: candidate.station, droppedAs: Path(candidate.key.stem),
            createdAt: reception.firstSeen, folder: candidate.folder, members: candidate.members,
            refusal: refusal, rows: candidate.isBatch ? names.rows : nil)
    }

    /// R5: the slots of all jobs that come in, with the verdict.
    private func reserve(_ names: Names, for candidate: Candidate, _ isLetIn: Bool) {
        let station = candidate.station?.description
        if isLetIn, !candidate.isBatch {
            table.reserve(names.id, for: station, at: .now)
        } else {
            table.stage(names.id)
        }
        for row in names.rows { table.reserve(row, for: station, at: .now, of: names.id) }
    }

    /// Why a drop that has been judged is not let in now; nil when it is.
    private func refusal(of candidate: Candidate) -> Refusal? {
        if let problem = nameProblem(of: candidate) { return problem }
        if case .refuse(let reason) = candidate.judgement { return reason }
        return unknownModel(of: candidate)
            ?? limits.tooLong(batch: candidate.size, of: candidate.station)
            ?? heldUp.refusal(of: candidate, spool.settings)
            ?? capacity(for: candidate.station, jobs: candidate.size, bytes: candidate.copies)
            ?? rateLimit(of: candidate.station, jobs: candidate.size)
    }

    private func nameProblem(of candidate: Candidate) -> Refusal? {
        do throws(NameProblem) {
            _ = try candidate.id
            return nil
        } catch {
            return Refusal(
                .invalidName, "The name '\(Path(candidate.key.stem))' \(error).")
        }
    }

    /// `OVERFLOW=hold`: whether a drop stays at the door until its turn comes.
    ///
    /// Nothing keeps its place but the order in which all are looked at again: by the event that
    /// frees a place, or when the minute is over. Until then whoever is behind it, and would need
    /// the same place, meets the same limit; behind a batch, which needs many, it waits as well.
    private func throttle(_ candidate: Candidate, _ refusal: Refusal) -> Bool {
        guard spool.settings.overflow == .hold else { return false }
        switch refusal.code {
        case .queueFull:
            throttled[candidate.key] = "a free place in the queue"
        case .rateLimited:
            let moment = Moment.now + .seconds(refusal.retryAfterSeconds ?? 60)
            nextAdmission = min(nextAdmission ?? moment, moment)
            throttled[candidate.key] = rateLimitWords(of: candidate.station)
        default: return false
        }
        heldUp.note(candidate, refusal)
        return true
    }

    /// What a job waits for whose sender is over its limit.
    func rateLimitWords(of station: StationName?) -> String {
        let limit = limits.jobsPerMinute(of: station).map { " (\($0) jobs a minute)" } ?? ""
        return "the rate limit of \(Refusal.words(for: station?.description))\(limit)"
    }

    /// Why nobody will ever run a job with this model; nil while no pipeline ever ran here.
    private func unknownModel(of candidate: Candidate) -> Refusal? {
        guard let offered = crew.offered else { return nil }
        func problem(_ model: String?) -> String? {
            guard let model, !offered.contains(model) else { return nil }
            return "The field 'model' is \"\(model)\"; this server offers "
                + "\(offered.joined(separator: ", ")). Name one of them, or leave 'model' out."
        }
        guard case .admit(let model) = candidate.judgement else { return nil }
        let rows = candidate.list?.rows ?? []
        let problems = rows.compactMap { row in
            problem(row.request.model?.description).map {
                BatchList.Problem(line: row.line, detail: $0)
            }
        }
        let text = problem(model) ?? BatchList.text(of: problems)
        return text.map { Refusal(.invalidRequest, $0) }
    }

    /// Why this sender cannot come in with so many jobs now, whose copies take so many bytes; nil
    /// when there are free slots for all.
    func capacity(for sender: StationName?, jobs: Int = 1, bytes: Int64 = 0) -> Refusal? {
        let settings = spool.settings
        let queued = table.live.count - table.runningCount
        let absent = absentStations(besides: sender)
        // The places that are kept keep no batch out of a queue that is empty.
        func isFull(_ count: Int, _ maximum: Int) -> Bool {
            count + min(absent, maximum / 2, maximum - jobs) + jobs > maximum
        }
        if isFull(table.live.count, settings.maxInflightJobs) {
            return .queueFull(maximum: settings.maxInflightJobs)
        }
        if let limit = settings.maxPendingJobs, isFull(queued, limit) {
            return .queueFull(maximum: limit)
        }
        if settings.requireModel ?? (settings.pipeline == "qwen"), !crew.isReady {
            return Refusal(
                .noModelLoaded,
                "No model loaded. Please call /api/v1/load-model first to load a model.")
        }
        if isDraining || spool.isNearlyFull(with: bytes) {
            return .serverBusy(retryAfter: settings.retryAfter.wholeSeconds)
        }
        return nil
    }

    /// `ORDER=fair`: how many declared stations have no live job. One place each, half of all at
    /// most, is kept for them: else a crowd at the door would have all places before their drop
    /// comes. A station that is absent itself takes its own.
    private func absentStations(besides sender: StationName?) -> Int {
        guard spool.settings.order == .fair else { return 0 }
        let absent = Set(limits.terms.keys).subtracting(table.liveSenders.compactMap { $0 })
        return sender.map(absent.contains) == true ? 0 : absent.count
    }

    /// Whether the door is closed; open when nobody can tell.
    var isDraining: Bool { (try? spool.isDraining()) ?? false }

    /// Why this sender has to wait a moment; nil below its limit.
    ///
    /// Counted from when the jobs that are kept were let in, on a clock that nobody sets.
    func rateLimit(of station: StationName?, jobs: Int = 1) -> Refusal? {
        guard let limit = limits.jobsPerMinute(of: station) else { return nil }
        let minute = Duration.seconds(60)
        let now = Moment.now
        let recent = table.admissions(of: station?.description, since: now + (.zero - minute))
            .sorted()
        guard recent.count + jobs > limit else { return nil }
        // When so many of them are a minute old that these are allowed.
        let last = min(recent.count, recent.count + jobs - limit) - 1
        let free = (last >= 0 ? recent[last] : now) + minute
        let wait = max(.zero, free - now).wholeSeconds
        return .rateLimited(
            station: station?.description, limit: limit, retryAfter: max(1, wait))
    }

    /// R13: moves a finished job of this name out of the way; false when somebody holds it.
    private func giveWay(_ id: JobID) throws(SystemError) -> Bool {
        guard let job = table.jobs[id], case .finished(let state) = job.place else { return true }
        switch try spool.lease(.bundle(state, id)) {
        case .gone:
            // One without a lease is nobody's to hold.
            guard try spool.root.status(of: .bundle(state, id)) != nil else {
                table.left(id, state)
                return true
            }
            _ = try rename(id, in: state)
            return true
        case .busy: return false
        case .held(let lease): return try spool.holds(lease, of: rename(id, in: state))
        }
    }

    private func rename(_ id: JobID, in state: JobState) throws(SystemError) -> Path {
        var number = 1
        while table.contains(id.variant(number)) { number += 1 }
        let older = id.variant(number)
        try spool.root.rename(.bundle(state, id), to: .bundle(state, older))
        try spool.flush(directory: Path(state))
        table.rename(id, to: older)
        spool.log.write(
            "Job \(id.short) gives its name to a newcomer: now \(older)", .info, .renamed,
            job: older, formerly: id, station: station(of: older))
        return .bundle(state, older)
    }

    /// Nothing was taken: the drop stands where it stood, and its sender is told why.
    private func postpone(_ key: DropKey, _ error: SystemError) {
        let text = "\(error)"
        if told[key] != text { spool.log.write(error, while: "Taking '\(Path(key.stem))'") }
        told[key] = text
        postponed[key] = (.now + .seconds(5), error)
    }
}
