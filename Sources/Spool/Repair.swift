// `verify --repair`: puts right what can be put right without guessing, and moves the rest aside.
//
// Each repair of a bundle is done under its lease (R1), after a look under that lease, and goes
// through the same steps as the service's own transitions: what is written is durable before the
// rename, so that a crash leaves the bundle as it was or as it should be; at worst a bundle in
// `queued/` has the wrong mtime, which the next repair sets. What is moved aside stands, with a
// line that says why, in a directory of its own in `.spool/aside/`. Nothing that a station sent is
// deleted, and a job that cannot go on ends in `failed/` or `rejected/`: its sender gets an answer.
//
// What takes a job out of `queued/` or `running/` without an arrival elsewhere would keep its slot
// in a watcher's count (R5), and some files are the watcher's alone (R9): that is done only while
// we hold the watcher's lock. A lease is made only while, besides, no worker runs: one that still
// holds the lease that was lost must not act beside the next holder (I4).

internal import Linux
internal import SpoolFormat

/// Puts things right, one at a time.
struct Repair {
    /// What came of it.
    enum Outcome {
        /// It is right; the bundle stands there now, or was moved aside.
        case mended(Subject?)
        /// Nothing was done, for this reason.
        case left(String)
    }

    let spool: Spool
    /// Whether we hold the watcher's lock.
    let isAtRest: Bool
    private let hasWorkers: Bool

    init(_ spool: Spool, isAtRest: Bool) throws(SystemError) {
        self.spool = spool
        self.isAtRest = isAtRest
        let workers = Path.hidden(SpoolFile.Hidden.workers)
        var hasWorkers = false
        for name in try spool.names(in: workers) where name.text?.hasSuffix(".lock") == true {
            if try spool.root.open(workers / name).isLocked() { hasWorkers = true }
        }
        self.hasWorkers = hasWorkers
    }

    /// Asks for the watcher's lock, so that no watcher starts; false when one runs.
    static func lock(_ file: borrowing File) throws(SystemError) -> Bool {
        for _ in 0..<100 {
            if try file.tryLock() {
                try file.truncate(to: 0)
                try file.write("verify --repair, process \(Host.pid) on \(Host.name)\n".utf8)
                return true
            }
            // Those who only ask whether it is held hold it for microseconds.
            Moment.pause(.milliseconds(2))
        }
        return false
    }

    /// Why this cannot be done while others run; nil when it can.
    private func hindrance(_ mend: Mend, _ state: JobState?) -> String? {
        let needsRest: Bool =
            switch mend {
            case .lease, .retryOrder, .double, .refuse, .remove: true
            case .aside: state.map { !$0.isFinished } ?? true
            default: false
            }
        if needsRest, !isAtRest { return "stop the watcher first" }
        if mend == .lease, hasWorkers { return "stop the workers first" }
        return nil
    }

    // MARK: Bundles

    /// Puts one flaw of a bundle right, if a new look under the lease still shows it.
    func mend(
        _ flaw: Flaw, of subject: Subject, look: (Subject) throws(SystemError) -> BundleLook?
    ) throws(SystemError) -> Outcome {
        guard let mend = flaw.mend else { return .left("there is no way without guessing") }
        if let hindrance = hindrance(mend, subject.state) { return .left(hindrance) }
        switch try spool.lease(subject.path) {
        case .busy: return .left("somebody holds its lease")
        case .gone:
            // No lease, or no bundle at all.
            guard mend == .aside || mend == .lease, let again = try look(subject),
                again.flaws.contains(flaw)
            else { return .left("it changed meanwhile") }
            return .mended(try perform(mend, flaw, subject, nil))
        case .held(let lease):
            guard let again = try look(subject), again.flaws.contains(flaw) else {
                return .left("it changed meanwhile")
            }
            let outcome = Outcome.mended(try perform(mend, flaw, subject, again.record))
            _ = consume lease
            return outcome
        }
    }

    private func perform(
        _ mend: Mend, _ flaw: Flaw, _ subject: Subject, _ record: JobRecord?
    ) throws(SystemError) -> Subject? {
        switch mend {
        case .layout, .double, .refuse, .remove: return subject
        case .aside:
            try spool.setAside(subject.path, because: flaw.detail)
            return nil
        case .lease: try spool.makeLease(subject.path)
        case .leaseMode: try spool.root.open(subject.path / Path(BundleFile.lease)).setMode(0o600)
        case .retryOrder: try writeRetryOrder(subject)
        case .part(let name): try spool.setAside(subject.path / name, because: flaw.detail)
        case .copy(let name): try spool.replaceByCopy(subject.path / name)
        case .reason: try writeReason(subject, record)
        case .stamp: break
        case .withdraw(let name):
            // The record first: a crash between leaves a file too many, never one that is missing.
            guard var record else { return subject }
            record.image = nil
            try publish(record, subject)
            try spool.setAside(subject.path / name, because: flaw.detail)
        case .record, .recordFromReason, .claim: return try correct(subject, mend, record)
        case .move(let state):
            guard let record else { return subject }
            return try move(subject, to: state, record)
        case .end(let cause): return try end(subject, cause, record)
        case .giveUp(let cause):
            var record = record
            record?.image = nil
            return try end(subject, cause, record)
        }
        let known = try read(subject)
        try stamp(subject, known)
        return subject
    }

    func read(_ subject: Subject) throws(SystemError) -> JobRecord? {
        guard let id = subject.id else { return nil }
        return try spool.record(in: subject.path, of: id)
    }

    /// R2: what is made inside a bundle changes its mtime, which is its place in the queue.
    func stamp(_ subject: Subject, _ record: JobRecord?) throws(SystemError) {
        let bundle = try spool.root.directory(subject.path)
        if subject.state == .queued, let record {
            try bundle.setModified(record.stamp)
        } else if let ended = record?.view.completedAt, subject.state.isFinished {
            try bundle.setModified(ended.nanoseconds)
        }
        try spool.flush(directory: subject.path)
    }

    /// Writes a record into a bundle that stays where it is.
    func write(_ record: JobRecord, _ subject: Subject) throws(SystemError) {
        try publish(record, subject)
        try stamp(subject, record)
    }

    /// By one rename: whatever comes between, the record in place is a whole one.
    func publish(_ record: JobRecord, _ subject: Subject) throws(SystemError) {
        try spool.write(record, in: subject.path, by: .temporary())
    }

    private func writeRetryOrder(_ subject: Subject) throws(SystemError) {
        guard let id = subject.id else { return }
        let order = Path.order(.retry, id)
        _ = try spool.root.openOrCreate(order, mode: 0o600)
        try spool.flush(directory: order.parent)
    }

    private func writeReason(_ subject: Subject, _ record: JobRecord?) throws(SystemError) {
        guard let record, let reason = record.view.reason else { return }
        let path = subject.path / Path(BundleFile.reason)
        if try spool.root.status(of: path) != nil {
            try spool.setAside(path, because: "says something else than the record")
        }
        try spool.write(new: path, JSONText.encode(Reason.File(reason, of: record.view)))
    }

    // MARK: Whole things

    func makeLayout(_ path: Path) throws(SystemError) -> Outcome {
        if try spool.root.status(of: path) != nil {
            try spool.setAside(path, because: "stood where a directory must be")
        }
        do throws(LayoutProblem) {
            try SpoolLayout.make(at: spool.path, settings: spool.settings)
        } catch {
            if case .system(let error) = error { throw error }
            return .left("\(error)")
        }
        return .mended(nil)
    }

    /// Moves the less plain of two bundles of one job aside: the one that has not ended, the one
    /// with more errors, else the later one.
    func separate(
        _ one: Subject, _ other: Subject, look: (Subject) throws(SystemError) -> BundleLook?
    ) throws(SystemError) -> Outcome {
        if let hindrance = hindrance(.double, nil) { return .left(hindrance) }
        var ranks: [(isLive: Int, errors: Int)] = []
        for subject in [one, other] {
            guard let seen = try look(subject) else { return .left("it changed meanwhile") }
            let errors = seen.flaws.filter { $0.severity == .error }.count
            ranks.append((subject.state.isFinished ? 0 : 1, errors))
        }
        let (less, more) = ranks[0] > ranks[1] ? (one, other) : (other, one)
        // A holder may be about to move it; without a lease nobody can.
        switch try spool.lease(less.path) {
        case .busy: return .left("somebody holds its lease")
        case .gone: try spool.setAside(less.path, because: "is the same job as '\(more.path)'")
        case .held(let lease):
            try spool.setAside(less.path, because: "is the same job as '\(more.path)'")
            _ = consume lease
        }
        return .mended(nil)
    }

    func remove(order path: Path) throws(SystemError) -> Outcome {
        guard isAtRest else { return .left("stop the watcher first") }
        guard try spool.root.status(of: path)?.kind == .file else {
            try spool.setAside(path, because: "is no order")
            return .mended(nil)
        }
        try spool.root.remove(path)
        try spool.flush(directory: path.parent)
        return .mended(nil)
    }

    // MARK: Staging

    /// The watcher's own place: only while there is none.
    func mend(_ flaw: Flaw, staged path: Path) throws(SystemError) -> Outcome {
        guard isAtRest else { return .left("stop the watcher first") }
        switch flaw.mend {
        case .aside: try spool.setAside(path, because: flaw.detail)
        case .lease: try spool.makeLease(path)
        case .refuse:
            guard let id = try? JobID(path.lastComponent.bytes) else { return .left("no name") }
            try spool.refuse(staged: id)
        default: return .left("there is no way without guessing")
        }
        return .mended(nil)
    }
}
