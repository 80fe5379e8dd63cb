// Cleanup: what ended longer ago than its time to live goes (I8), by way of the trash.
//
// Safe beside all other roles and beside another cleanup: each bundle is taken by its lease (R1),
// its age is read from the record after locking, and one lock covers trash and totals (R14). A
// crash leaves entries in the trash; the next sweep counts and unlinks them. Nothing is followed:
// trees are removed by descriptors.
//
// A full disk must not stop what frees it: when the counts cannot be written, what stands in the
// trash is first cut down to its records, which still tell what is to be counted.

public import Linux
public import SpoolFormat

/// Removes finished bundles.
public struct Retention {
    /// What a sweep did.
    public struct Sweep: Sendable {
        /// The jobs whose bundles were removed, and how they had ended.
        public fileprivate(set) var removed: [(id: JobID, state: JobState, station: String?)] = []
        /// Bytes on disk that were freed.
        public fileprivate(set) var freedBytes: Int64 = 0
        /// When the next bundle expires; nil when none is left.
        public fileprivate(set) var nextExpiry: Timestamp?

        fileprivate mutating func lookAgain(at time: Timestamp) {
            nextExpiry = min(nextExpiry ?? time, time)
        }
    }

    /// When something that failed is tried again.
    static let patience = Duration.seconds(60)

    /// A finished bundle whose time is to be looked at.
    private struct Candidate {
        let state: JobState
        let id: JobID
        let ended: Timestamp
        let bytes: Int64
    }

    /// A bundle in the trash.
    private struct Trashed {
        let path: Path
        let state: JobState
        let retries: Int
        let station: String?
    }

    private enum TrashAttempt {
        case trashed(Trashed)
        /// It stays; when to look again.
        case kept(Duration)
    }

    private let spool: Spool
    private let trash = Path.hidden(SpoolFile.Hidden.trash)

    /// Cleans `spool`.
    public init(_ spool: Spool) { self.spool = spool }

    /// Removes everything whose time is up.
    ///
    /// State before: `done/`, `failed/` or `rejected/`; after: gone. Blocks for the disk, and until
    /// another cleanup is over.
    public func sweep(asOf now: Timestamp) throws(SystemError) -> Sweep {
        let lock = try lockFile()
        try lock.lock()
        return try sweepLocked(asOf: now)
    }

    /// The same, but nil when another cleanup is at work: it may hang, and is not waited for.
    public func sweepUnlessBusy(asOf now: Timestamp) throws(SystemError) -> Sweep? {
        let lock = try lockFile()
        return try lock.tryLock() ? try sweepLocked(asOf: now) : nil
    }

    private func lockFile() throws(SystemError) -> File {
        try spool.root.openOrCreate(Retention.lock, mode: 0o600)
    }

    /// Who holds it sweeps (R14).
    static let lock = Path.hidden(SpoolFile.Hidden.totalsLock)

    private func sweepLocked(asOf now: Timestamp) throws(SystemError) -> Sweep {
        var sweep = Sweep()
        if try !emptyTrash() { sweep.lookAgain(at: now.advanced(by: Retention.patience)) }
        var trashed: [(entry: Trashed, id: JobID)] = []
        for candidate in try expired(asOf: now, &sweep) {
            let isDone = tolerating("Cleaning up job \(candidate.id)", candidate.id) {
                () throws(SystemError) in
                switch try trash(candidate, asOf: now) {
                case .kept(let wait): sweep.lookAgain(at: now.advanced(by: wait))
                case .trashed(let entry):
                    trashed.append((entry, candidate.id))
                    sweep.freedBytes += candidate.bytes
                }
            }
            if !isDone { sweep.lookAgain(at: now.advanced(by: Retention.patience)) }
        }
        guard !trashed.isEmpty else { return sweep }
        for state in Set(trashed.map(\.entry.state)) { try spool.flush(directory: Path(state)) }
        try spool.flush(directory: .hidden(SpoolFile.Hidden.trash))
        try countOrMakeRoom(trashed.map(\.entry))
        for (entry, _) in trashed where !unlink(entry.path) {
            sweep.lookAgain(at: now.advanced(by: Retention.patience))
        }
        sweep.removed = trashed.map { ($0.id, $0.entry.state, $0.entry.station) }
        return sweep
    }

    /// Finishes what a crash of a sweep left in the trash.
    func recover() throws(SystemError) {
        guard try !spool.names(in: trash).isEmpty else { return }
        let lock = try lockFile()
        // Who holds it empties the trash.
        if try lock.tryLock() { _ = try emptyTrash() }
    }

    func timeToLive(_ state: JobState) -> Duration {
        switch state {
        case .done: spool.settings.resultTTL
        case .failed: spool.settings.failedTTL
        case .rejected, .queued, .running: spool.settings.rejectedTTL
        }
    }

    /// What is over its time, and refused drops above their bytes; sets the next expiry.
    private func expired(asOf now: Timestamp, _ sweep: inout Sweep) throws(SystemError)
        -> [Candidate]
    {
        var expired: [Candidate] = []
        var keptRefused: [Candidate] = []
        for state in JobState.finished {
            for candidate in try candidates(in: state, asOf: now, &sweep) {
                let expiry = candidate.ended.advanced(by: timeToLive(state))
                if expiry <= now {
                    expired.append(candidate)
                } else {
                    sweep.nextExpiry = min(sweep.nextExpiry ?? expiry, expiry)
                    if state == .rejected { keptRefused.append(candidate) }
                }
            }
        }
        var bytes = keptRefused.reduce(0) { $0 + $1.bytes }
        for candidate in keptRefused.sorted(by: { $0.ended < $1.ended })
        where bytes > Int64(spool.settings.maxRejectedBytes) {
            bytes -= candidate.bytes
            expired.append(candidate)
        }
        return expired
    }

    /// The mtime of a finished bundle is when it ended; the record decides, after locking.
    private func candidates(
        in state: JobState, asOf now: Timestamp, _ sweep: inout Sweep
    ) throws(SystemError) -> [Candidate] {
        var candidates: [Candidate] = []
        for name in try spool.names(in: Path(state)) {
            guard let id = try? JobID(name.bytes) else { continue }
            let isDone = tolerating("Measuring job \(id)", id) { () throws(SystemError) in
                guard let status = try spool.root.status(of: .bundle(state, id)),
                    status.kind == .directory
                else { return }
                let ended = Timestamp(nanoseconds: status.modified)
                let bytes = try size(of: .bundle(state, id))
                candidates.append(Candidate(state: state, id: id, ended: ended, bytes: bytes))
            }
            if !isDone { sweep.lookAgain(at: now.advanced(by: Retention.patience)) }
        }
        return candidates
    }

    private func size(of bundle: Path, depth: Int = 64) throws(SystemError) -> Int64 {
        var sum: Int64 = 0
        for name in try spool.names(in: bundle) {
            guard let status = try spool.root.status(of: bundle / name) else { continue }
            sum += status.allocated
            if status.kind == .directory, depth > 0 {
                sum += try size(of: bundle / name, depth: depth - 1)
            }
        }
        return sum
    }

    /// Renames a bundle to the trash if its lease is free and it really ended so long ago.
    ///
    /// R9: one that is to run again stays.
    private func trash(_ candidate: Candidate, asOf now: Timestamp) throws(SystemError)
        -> TrashAttempt
    {
        let bundle = Path.bundle(candidate.state, candidate.id)
        switch try spool.lease(bundle) {
        // Gone, or without a lease, which only a repair makes again.
        case .gone: return .kept(Retention.patience)
        case .busy: return .kept(.seconds(5))
        case .held(let lease):
            guard try !spool.isOrdered(.retry, candidate.id) else {
                return .kept(Retention.patience)
            }
            let record = try spool.record(in: bundle, of: candidate.id)
            let ended = record?.view.completedAt ?? candidate.ended
            let isOverBytes = candidate.ended.advanced(by: timeToLive(candidate.state)) > now
            let expiry = ended.advanced(by: timeToLive(candidate.state))
            guard isOverBytes || expiry <= now else {
                // Its record is younger than its directory.
                let left = expiry.nanoseconds.subtractingReportingOverflow(now.nanoseconds)
                return .kept(left.overflow ? Retention.patience : .nanoseconds(left.partialValue))
            }
            let path = Path.trash(Path(candidate.id))
            try spool.root.rename(bundle, to: path)
            guard try spool.holds(lease, of: path) else { return .kept(Retention.patience) }
            return .trashed(
                Trashed(
                    path: path, state: candidate.state, retries: record?.retries ?? 0,
                    station: record?.view.station))
        }
    }

    private func countOrMakeRoom(_ trashed: [Trashed]) throws(SystemError) {
        do throws(SystemError) {
            try count(trashed)
        } catch {
            guard error.isDiskFull else { throw error }
            for entry in trashed { strip(entry.path) }
            try count(trashed)
        }
    }

    /// Removes all of a trashed bundle but its record.
    private func strip(_ bundle: Path) {
        _ = tolerating("Emptying the trash") { () throws(SystemError) in
            for name in try spool.names(in: bundle) where name != Path(BundleFile.record) {
                try spool.root.removeTree(bundle / name)
            }
        }
    }

    /// Can be repeated: a flush that failed may leave totals that name the entries already.
    private func count(_ trashed: [Trashed]) throws(SystemError) {
        var totals = try spool.totals()
        let counted = Set(totals.counted)
        // Those counted before that could not be unlinked must not be counted again.
        let standing = Set(try spool.names(in: trash).map { Hexadecimal.text(of: $0.bytes) })
        totals.counted = totals.counted.filter { standing.contains($0) }
        for entry in trashed {
            let name = Hexadecimal.text(of: entry.path.lastComponent.bytes)
            guard !counted.contains(name) else { continue }
            totals.add(entry.state, retries: entry.retries)
            totals.counted.append(name)
        }
        try spool.write(totals)
    }

    /// Finishes what a crash left: counts the entries that are not counted, unlinks all. False
    /// when something stayed.
    private func emptyTrash() throws(SystemError) -> Bool {
        let names = try spool.names(in: trash)
        guard !names.isEmpty else { return true }
        let counted = Set(try spool.totals().counted)
        var uncounted: [Trashed] = []
        var unread: Set<Path> = []
        for name in names where !counted.contains(Hexadecimal.text(of: name.bytes)) {
            let isRead = tolerating("Reading the trash") { () throws(SystemError) in
                if let entry = try uncountedEntry(trash / name) { uncounted.append(entry) }
            }
            if !isRead { unread.insert(name) }
        }
        if !uncounted.isEmpty { try countOrMakeRoom(uncounted) }
        return names.map { !unread.contains($0) && unlink(trash / $0) }.allSatisfy { $0 }
    }

    /// What cannot be unlinked stays in the trash, is told, and is tried again by the next sweep.
    private func unlink(_ path: Path) -> Bool {
        tolerating("Emptying the trash") { () throws(SystemError) in
            try spool.root.removeTree(path)
        }
    }

    /// One bundle's error is its own; the sweep goes on with the others. False after an error.
    private func tolerating(
        _ doing: String, _ job: JobID? = nil, _ body: () throws(SystemError) -> Void
    ) -> Bool {
        do throws(SystemError) {
            try body()
            return true
        } catch {
            spool.log.write(error, while: doing, job: job)
            return false
        }
    }

    private func uncountedEntry(_ bundle: Path) throws(SystemError) -> Trashed? {
        let path = bundle / Path(BundleFile.record)
        // A directory or a link in its place is no record.
        guard try spool.root.status(of: path)?.kind == .file, let bytes = try spool.read(path),
            let record = JSONText.decode(JobRecord.self, from: bytes)
        else { return nil }
        let state: JobState =
            switch record.view.status {
            case .completed: .done
            case .rejected: .rejected
            default: .failed
            }
        return Trashed(
            path: bundle, state: state, retries: record.retries, station: record.view.station)
    }
}
