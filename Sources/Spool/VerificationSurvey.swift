// What only shows when bundles are compared: a job in two places (I1), an order stamp given twice
// (I6), more live jobs than are allowed (I5).
//
// The bundles were not looked at in one moment. Two places of a job are believed when the one was
// there before and after the other was seen; jobs are counted that were live before a moment and
// still are after it.

internal import Linux
internal import SpoolFormat

/// What was seen of all bundles.
struct Survey {
    /// A bundle as it was seen.
    struct Sighting {
        let subject: Subject
        let lease: FileIdentity?
        /// Nil where the record cannot be read.
        let order: Int64?
        let status: JobStatus?
    }

    private(set) var sightings: [Sighting] = []
    /// Where bundles were looked at.
    var subjects: Set<Subject> = []
    private var states: [JobID: JobState] = [:]

    mutating func add(_ subject: Subject, _ look: BundleLook) {
        guard let id = subject.id else { return }
        states[id] = subject.state
        subjects.insert(subject)
        sightings.append(
            Sighting(
                subject: subject, lease: look.lease, order: look.record?.orderNanoseconds,
                status: look.record?.view.status))
    }

    /// Where a job was seen last.
    func state(of id: JobID) -> JobState? { states[id] }

    /// Pairs of sightings that have the same key, in the order of sight.
    func pairs<Key: Hashable>(by key: (Sighting) -> Key?) -> [(Sighting, Sighting)] {
        var first: [Key: Sighting] = [:]
        var pairs: [(Sighting, Sighting)] = []
        for sighting in sightings {
            guard let key = key(sighting) else { continue }
            if let other = first[key] {
                pairs.append((other, sighting))
            } else {
                first[key] = sighting
            }
        }
        return pairs
    }

    /// The largest order stamp of all kept records.
    var lastOrder: Int64? { sightings.compactMap(\.order).max() }
}

extension Verification {
    /// Of the names alone, before anything is repaired.
    mutating func lookForDoubles() throws(SystemError) {
        var places: [JobID: Subject] = [:]
        for state in JobState.allCases {
            for name in try readable(
                Path(state),
                { [spool] () throws(SystemError) in try spool.names(in: Path(state)).sorted() })
                ?? []
            {
                let subject = Subject(state: state, name: name)
                guard let id = subject.id else { continue }
                let other = try readable(subject.path) {
                    [self] () throws(SystemError) -> Subject? in
                    guard try spool.root.status(of: subject.path)?.kind == .directory,
                        let other = places.updateValue(subject, forKey: id),
                        try stand(other.path, subject.path)
                    else { return nil }
                    return other
                }
                guard case let other?? = other else { continue }
                let flaw = Flaw(.error, .i1, "is the same job as '\(other.path)'", .double)
                add(flaw, subject.path) { [self] (mender) throws(SystemError) in
                    try mender.separate(other, subject) { (subject) throws(SystemError) in
                        try settle(subject)
                    }
                }
            }
        }
    }

    mutating func lookForSharedLeases() throws(SystemError) {
        let lease = Path(BundleFile.lease)
        for (one, other) in survey.pairs(by: \.lease) where one.subject.id != other.subject.id {
            let paths = (one.subject.path / lease, other.subject.path / lease)
            guard try stand(paths.0, paths.1),
                try spool.root.status(of: paths.0)?.identity
                    == spool.root.status(of: paths.1)?.identity
            else { continue }
            add(
                Flaw(.error, .i4, "has the same lease as '\(one.subject.path)'"),
                other.subject.path)
        }
    }

    /// Whether both stood there at one moment.
    private func stand(_ one: Path, _ other: Path) throws(SystemError) -> Bool {
        for _ in 0..<3 {
            guard let before = try spool.root.status(of: one),
                try spool.root.status(of: other) != nil,
                let after = try spool.root.status(of: one),
                before.identity == after.identity, before.changed == after.changed
            else { return false }
            Moment.pause(Verification.tick)
        }
        return true
    }

    /// A job keeps its stamp for life; a bundle that was seen in two places is known by its lease.
    mutating func lookForRepeatedOrders() {
        let pairs = survey.pairs { sighting -> Int64? in
            guard let order = sighting.order, order > 0 else { return nil }
            return order
        }
        for (one, other) in pairs {
            guard let first = one.lease, let second = other.lease, first != second,
                one.subject.id != other.subject.id
            else { continue }
            add(
                Flaw(.error, .i6, "has the order_ns of '\(one.subject.path)'"), other.subject.path)
        }
    }

    /// I5, of the jobs that were live from before this moment until after it.
    mutating func count() throws(SystemError) {
        let limit = max(spool.settings.maxInflightJobs, try shownLimit())
        let before = survey.sightings.filter { !$0.subject.state.isFinished }
        guard before.count > limit else { return }
        var now: [JobID: Int64] = [:]
        for state in [JobState.queued, .running, .queued] {
            for name in try spool.names(in: Path(state)) {
                let subject = Subject(state: state, name: name)
                guard let id = subject.id else { continue }
                let record = try readable(subject.path) { [spool] () throws(SystemError) in
                    try spool.record(in: subject.path, of: id)
                }
                if case let record?? = record { now[id] = record.orderNanoseconds }
            }
        }
        let live = Set(
            before.compactMap { sighting -> JobID? in
                guard let id = sighting.subject.id, let order = sighting.order
                else { return nil }
                return now[id] == order ? id : nil
            })
        guard live.count > limit else { return }
        let detail =
            "and running/ hold \(live.count) jobs; MAX_INFLIGHT_JOBS is \(limit). "
            + "If it was lowered since they were let in, nothing has to be done"
        add(Flaw(.error, .i5, detail), Path(.queued))
    }

    /// The limit of the watcher that serves the spool, or did last.
    private func shownLimit() throws(SystemError) -> Int {
        try spool.read(.queueView)
            .flatMap { JSONText.decode(QueueView.self, from: $0) }?.maximumQueueSize ?? 0
    }
}
