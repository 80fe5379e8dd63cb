// What stands in `.spool/` and the views: staging, where recovery only goes forward (R6), and
// what is left over. Orders, trash and views are in motion while a watcher runs, and hints or
// chores without one: nothing about them is a break.

internal import Linux
internal import SpoolFormat

extension Verification {
    // MARK: Staging

    mutating func lookAtStaging() throws(SystemError) {
        for name in try spool.names(in: .hidden(SpoolFile.Hidden.staging)).sorted() {
            let path = Path.hidden(SpoolFile.Hidden.staging) / name
            do throws(SystemError) {
                guard let flaw = try staged(path) else { continue }
                add(flaw, path) { (mender) throws(SystemError) in
                    try mender.mend(flaw, staged: path)
                }
            } catch { add(Flaw(.error, .i7, "cannot be read: \(error.withRemedy)"), path) }
        }
    }

    /// What is certain about a staged bundle.
    private func staged(_ path: Path) throws(SystemError) -> Flaw? {
        for _ in 0..<Verification.rounds {
            guard let flaw = try examine(staged: path) else { return nil }
            guard flaw.severity == .error else { return flaw }
            let before = try spool.root.status(of: path)
            Moment.pause(Verification.tick)
            guard try spool.root.status(of: path) == before else { continue }
            let again = try examine(staged: path)
            if try spool.root.status(of: path) == before { return again }
        }
        return nil
    }

    /// The watcher makes these: the lease, then the intention, then it takes the station's files,
    /// and the intention goes when the record is there.
    private func examine(staged path: Path) throws(SystemError) -> Flaw? {
        guard let status = try spool.root.status(of: path) else { return nil }
        guard let id = try? JobID(path.lastComponent.bytes), status.kind == .directory else {
            return Flaw(.error, .i7, "is no drop of the service's", .aside)
        }
        let names = try spool.names(in: path)
        let intention = try spool.read(path / Path(BundleFile.members), limit: .max)
            .flatMap { JSONText.decode(Membership.self, from: $0)?.drop(id) }
        // Read after it: the intention goes when the record is there.
        let record = try spool.record(in: path, of: id)
        guard intention != nil || record != nil else { return examine(unfinished: names) }
        guard try spool.root.status(of: path / Path(BundleFile.lease))?.kind == .file else {
            return Flaw(.error, .i4, "has no lease: nobody could take it", .lease)
        }
        return isAtRest
            ? Flaw(.note, .i7, "was cut off while it was taken; the next watcher goes on") : nil
    }

    private func examine(unfinished names: [Path]) -> Flaw? {
        let ours = [BundleFile.lease, BundleFile.members].map { Path($0) }
        let strangers = names.filter { !ours.contains($0) }.sorted()
        guard strangers.isEmpty else {
            let list = strangers.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
            return Flaw(
                .error, .i7, "holds \(list), and neither a record nor an intention", .refuse)
        }
        return isAtRest
            ? Flaw(.note, nil, "is empty: nothing was taken; the next watcher removes it") : nil
    }

    // MARK: What is left over

    /// Only at rest: while a watcher runs, all of this is on its way.
    mutating func lookAtHousekeeping() throws(SystemError) {
        guard isAtRest else { return }
        try lookAtOrders()
        try lookAtViews()
        try lookAtStamp()
        try tally(SpoolFile.Hidden.trash, "left of a cleanup; the next one removes them")
        try tally(SpoolFile.Hidden.temporary, "temporary; the next watcher removes them")
        try tally(SpoolFile.Hidden.aside, "moved aside by a repair; look at them, then remove them")
    }

    private mutating func tally(_ directory: String, _ words: String) throws(SystemError) {
        note(try spool.names(in: .hidden(directory)), .hidden(directory), words)
    }

    /// One note for all names of a kind.
    private mutating func note(_ names: [Path], _ path: Path, _ words: String) {
        guard !names.isEmpty else { return }
        let some = names.sorted().prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        let list = names.count > 5 ? "\(some) … (\(names.count))" : some
        add(Flaw(.note, nil, "\(list): \(words)"), path)
    }

    private mutating func lookAtOrders() throws(SystemError) {
        for order in JobOrder.allCases {
            for name in try spool.names(in: .hidden(order.rawValue)).sorted() {
                guard let problem = try problem(of: order, name) else { continue }
                let path = Path.hidden(order.rawValue) / name
                add(Flaw(.note, nil, problem, .remove), path) { (mender) throws(SystemError) in
                    try mender.remove(order: path)
                }
            }
        }
    }

    /// Why an order stands for nothing; nil for one that is to be obeyed.
    private func problem(of order: JobOrder, _ name: Path) throws(SystemError) -> String? {
        guard let id = try? JobID(name.bytes) else { return "is no order of the service's" }
        guard try spool.root.status(of: .staging(id)) == nil else { return nil }
        guard let state = survey.state(of: id) else { return "is an order for no job" }
        guard state.isFinished != (order == .retry) else { return nil }
        return "is an order for a job in \(state.rawValue)/"
    }

    private mutating func lookAtViews() throws(SystemError) {
        var shown = Set(
            try spool.names(in: Path(SpoolFile.status)).compactMap {
                SpoolFile.id(ofView: $0.bytes)
            })
        var old: [Path] = []
        for sighting in survey.sightings {
            guard let id = sighting.subject.id, let told = sighting.status else { continue }
            let isShown = shown.remove(id) != nil
            let expected = sighting.subject.state == .running ? .processing : told
            let view = try readable(.view(of: id)) { [spool] () throws(SystemError) in
                try isShown ? JobLookup(spool).view(at: .view(of: id)) : nil
            }
            let status = view.flatMap { $0 }?.status
            if status != expected, status != .held { old.append(Path(id)) }
        }
        for id in shown where BatchName(id) != nil {
            // It stands as long as one of its rows does.
            let view = try readable(.view(of: id)) { [spool] () throws(SystemError) in
                try JobLookup(spool).view(at: .view(of: id))
            }
            let rows = view.flatMap { $0 }?.rows?.jobs ?? []
            if rows.contains(where: { survey.state(of: $0.id) != nil }) { shown.remove(id) }
        }
        let status = Path(SpoolFile.status)
        note(old, status, "views that are missing or old; the next watcher writes them")
        note(shown.map { Path($0) }, status, "views of no job; the next watcher removes them")
    }

    /// R8: at start the maximum of it and of every kept order is taken.
    private mutating func lookAtStamp() throws(SystemError) {
        let path = Path.hidden(SpoolFile.Hidden.stamp)
        let text = try spool.read(path, limit: 32) ?? []
        let stored = Int64(String(decoding: text.prefix { $0 != 0x0a }, as: UTF8.self)) ?? 0
        guard let last = survey.lastOrder, stored < last else { return }
        add(
            Flaw(.note, .i6, "is behind the last order; the watcher goes by the records"), path
        )
    }
}
