// `verify`: looks for what breaks I1 … I8, on a spool at rest or in use.
//
// Guarantee: nothing that a living or a recovered service does by itself is called a break. Jobs
// move while we look, so a first look, without any lock, gives suspicions only. A suspicion about
// a bundle is looked at again under its lease (R1), where nobody can be in the middle of a
// change; a lease that somebody holds is waited for. In `running/`, where a lease is held for as
// long as a job runs, and where there is no lease, the bundle must stand unchanged before, during
// and after the second look instead. What the next recovery will put right is a note, no error.
//
// Without `--repair` nothing is written, and no lease is taken unless there is a suspicion: a
// lease held by us would make a worker pass the job over.

public import Linux
internal import SpoolFormat

/// Something that `verify` found.
public struct Finding: Sendable {
    /// Whether it breaks an invariant.
    public enum Severity: String, Sendable, Codable {
        /// It does.
        case error
        /// It does not: the service puts it right by itself, or it does no harm.
        case note
    }

    /// The invariants of `spool/README.md`.
    public enum Invariant: String, Sendable, Codable {
        case i1 = "I1"
        case i2 = "I2"
        case i3 = "I3"
        case i4 = "I4"
        case i5 = "I5"
        case i6 = "I6"
        case i7 = "I7"
        case i8 = "I8"
    }

    /// Whether it is a break.
    public let severity: Severity
    /// What it breaks or concerns.
    public let invariant: Invariant?
    /// Where, from the spool's root.
    public let path: Path
    /// What was found; a sentence.
    public let detail: String
    /// What `--repair` does about it; nil where it can do nothing.
    public let repair: String?
    /// Whether that was done.
    public let isRepaired: Bool
}

/// Checks a spool.
public struct Verification {
    /// What was found.
    public struct Report: Sendable {
        /// In the order of the states.
        public internal(set) var findings: [Finding] = []
        /// How many bundles were looked at.
        public internal(set) var jobs = 0

        /// Whether something breaks an invariant and was not repaired.
        public var isBroken: Bool {
            findings.contains { $0.severity == .error && !$0.isRepaired }
        }
    }

    let spool: Spool
    /// Whether the watcher's lock was free when we began.
    var isAtRest = false
    /// Nil where nothing is to be changed.
    var mender: Repair?
    var report = Report()
    var survey = Survey()

    /// How often something that moves on under our eyes is looked at before it is left alone.
    static let rounds = 50
    /// Longer than a tick of the clock that stamps a change of a file.
    static let tick = Duration.milliseconds(20)

    /// Looks at `spool`.
    public init(_ spool: Spool) { self.spool = spool }

    /// Looks at everything once. Blocks for the disk; changes nothing.
    public func run() throws(SystemError) -> Report {
        var verification = self
        verification.isAtRest = try !isWatched()
        try verification.walk()
        return verification.report
    }

    /// Looks at everything once, and puts right what can be.
    ///
    /// Without a watcher its lock is held meanwhile, so that none starts.
    public func repair() throws(SystemError) -> Report {
        var verification = self
        let lock = try spool.root.openOrCreate(
            .hidden(SpoolFile.Hidden.watcherLock), mode: 0o644)
        verification.isAtRest = try Repair.lock(lock)
        verification.mender = try Repair(spool, isAtRest: verification.isAtRest)
        try verification.walk()
        _ = consume lock
        return verification.report
    }

    private func isWatched() throws(SystemError) -> Bool {
        let lock = Path.hidden(SpoolFile.Hidden.watcherLock)
        guard try spool.root.status(of: lock) != nil else { return false }
        return try spool.root.open(lock).isLocked()
    }

    private mutating func walk() throws(SystemError) {
        try lookAtLayout()
        try lookForDoubles()
        for state in JobState.allCases {
            try tolerating(Path(state)) { (verification) throws(SystemError) in
                for name in try verification.spool.names(in: Path(state)).sorted() {
                    verification.look(at: Subject(state: state, name: name))
                }
            }
        }
        try lookAtStaging()
        try lookForSharedLeases()
        lookForRepeatedOrders()
        try count()
        try lookAtHousekeeping()
    }

    /// One thing that cannot be read is a finding, and hides no other.
    mutating func tolerating(
        _ path: Path, _ body: (inout Verification) throws(SystemError) -> Void
    ) throws(SystemError) {
        do throws(SystemError) { try body(&self) } catch { try note(error, of: path) }
    }

    /// What `look` gives; nil where one thing's error is in the way, which is a finding.
    mutating func readable<Found>(_ path: Path, _ look: () throws(SystemError) -> Found)
        throws(SystemError) -> Found?
    {
        do throws(SystemError) { return try look() } catch {
            try note(error, of: path)
            return nil
        }
    }

    /// Once for a path, however often it is looked at.
    private mutating func note(_ error: SystemError, of path: Path) throws(SystemError) {
        if error.isGeneral { throw error }
        let finding = "cannot be read: "
        let isKnown = report.findings.contains {
            $0.path == path && $0.detail.hasPrefix(finding)
        }
        if !isKnown { add(Flaw(.error, .i1, finding + error.withRemedy), path) }
    }

    private mutating func lookAtLayout() throws(SystemError) {
        let directories =
            JobState.allCases.map { Path($0) } + [.incoming, Path(SpoolFile.status)]
            + SpoolFile.Hidden.directories.map { Path.hidden($0) }
        for path in directories where try spool.root.status(of: path)?.kind != .directory {
            let flaw = Flaw(.error, .i1, "is not there as a directory", .layout)
            add(flaw, path) { (mender) throws(SystemError) in try mender.makeLayout(path) }
        }
    }

    /// Notes what was found.
    mutating func add(_ flaw: Flaw, _ path: Path, isRepaired: Bool = false, left: String? = nil) {
        let reason = left.map { "; not repaired: \($0)" } ?? ""
        report.findings.append(
            Finding(
                severity: flaw.severity, invariant: flaw.invariant, path: path,
                detail: flaw.detail + reason, repair: flaw.mend?.description,
                isRepaired: isRepaired))
    }

    /// Puts right what was found, if that is wanted, and notes it.
    mutating func add(
        _ flaw: Flaw, _ path: Path, by mend: (Repair) throws(SystemError) -> Repair.Outcome
    ) {
        guard let mender, flaw.mend != nil else { return add(flaw, path) }
        do throws(SystemError) {
            switch try mend(mender) {
            case .mended: add(flaw, path, isRepaired: true)
            case .left(let why): add(flaw, path, left: why)
            }
        } catch { add(flaw, path, left: error.withRemedy) }
    }

    // MARK: One bundle

    private mutating func look(at subject: Subject) {
        // A repair may have brought it here.
        guard survey.subjects.insert(subject).inserted else { return }
        report.jobs += 1
        do throws(SystemError) {
            guard var look = try settle(subject) else { return }
            var subject = subject
            if let mender, !look.flaws.isEmpty {
                guard let place = try repair(subject, mender, &look) else { return }
                subject = place
            } else {
                for flaw in look.flaws { add(flaw, subject.path) }
            }
            survey.add(subject, look)
        } catch {
            add(
                Flaw(.error, subject.mainInvariant, "cannot be read: \(error.withRemedy)"),
                subject.path)
        }
    }

    /// Puts right what is wrong with a bundle, one flaw after the other, wherever it goes by that;
    /// where it stands in the end, nil when it is gone.
    private mutating func repair(_ start: Subject, _ mender: Repair, _ look: inout BundleLook)
        throws(SystemError) -> Subject?
    {
        var subject = start
        var tried: Set<Flaw> = []
        while let flaw = look.flaws.first(where: { !tried.contains($0) }) {
            tried.insert(flaw)
            var left: String?
            // What was done, but is not on the disk for certain, is not repaired.
            var hasFailed = false
            let path = subject.path
            do throws(SystemError) {
                let outcome = try mender.mend(flaw, of: subject) {
                    (subject) throws(SystemError) in try examine(subject)
                }
                switch outcome {
                case .mended(nil):
                    add(flaw, path, isRepaired: true)
                    return nil
                case .mended(let place?): subject = place
                case .left(let why): left = flaw.mend == nil ? nil : why
                }
            } catch { (left, hasFailed) = (error.withRemedy, true) }
            guard let again = try settle(subject) else { return nil }
            look = again
            let isRepaired =
                !hasFailed && (!look.flaws.contains(flaw) || subject.path != path)
            add(flaw, path, isRepaired: isRepaired, left: isRepaired ? nil : left)
        }
        return subject
    }

    /// What is certain about a bundle; nil when it has moved on.
    func settle(_ subject: Subject) throws(SystemError) -> BundleLook? {
        var last: BundleLook?
        for _ in 0..<Verification.rounds {
            guard let first = try examine(subject) else { return nil }
            guard first.isSuspicious else { return first }
            last = first
            guard first.lease != nil, subject.state != .running else {
                if let look = try examineUnchanged(subject) { return look }
                continue
            }
            switch try spool.lease(subject.path) {
            case .gone: continue
            case .busy: Moment.pause(Verification.tick)
            case .held(let lease):
                let again = try examine(subject)
                guard try spool.holds(lease, of: subject.path) else { continue }
                return again
            }
        }
        return last?.leftAlone
    }

    /// A look during which nobody changed the names in the bundle, or its own.
    private func examineUnchanged(_ subject: Subject) throws(SystemError) -> BundleLook? {
        let before = try spool.root.status(of: subject.path)
        Moment.pause(Verification.tick)
        guard try spool.root.status(of: subject.path) == before else { return nil }
        let look = try examine(subject)
        guard try spool.root.status(of: subject.path) == before else { return nil }
        return look
    }

    private func examine(_ subject: Subject) throws(SystemError) -> BundleLook? {
        guard let status = try spool.root.status(of: subject.path) else { return nil }
        guard subject.id != nil, status.kind == .directory else {
            return BundleLook(flaws: [subject.stranger(status.kind)])
        }
        do throws(SystemError) {
            let bundle = try spool.root.directory(subject.path)
            return try BundleLook(subject, bundle, in: spool, isAtRest: isAtRest)
        } catch {
            // What is gone has moved on, which the next round sees.
            guard error.isNotFound else { throw error }
            return BundleLook(flaws: [Flaw(.error, .i1, "changes while it is looked at")])
        }
    }
}

/// Something that is wrong, and how it can be put right.
struct Flaw: Hashable, Sendable {
    let severity: Finding.Severity
    let invariant: Finding.Invariant?
    /// A sentence without its subject's path.
    let detail: String
    let mend: Mend?

    init(
        _ severity: Finding.Severity, _ invariant: Finding.Invariant?, _ detail: String,
        _ mend: Mend? = nil
    ) {
        self.severity = severity
        self.invariant = invariant
        self.detail = detail
        self.mend = mend
    }
}

/// A name in a state's directory.
struct Subject: Hashable {
    let state: JobState
    let name: Path

    var path: Path { Path(state) / name }

    /// Nil for a name that no job can have there.
    var id: JobID? { state == .running ? attempt?.id : try? JobID(name.bytes) }

    /// The claim, in `running/`.
    var attempt: AttemptName? { state == .running ? AttemptName(name.bytes) : nil }

    /// What a bundle in this state stands for.
    var mainInvariant: Finding.Invariant {
        switch state {
        case .queued, .running: .i2
        case .done: .i3
        case .failed, .rejected: .i7
        }
    }

    /// A name that no job can have, or no directory.
    func stranger(_ kind: FileStatus.Kind) -> Flaw {
        guard case .ignored = DropName(name.bytes), state.isFinished else {
            let what = kind == .directory ? "is no name of a job here" : "is a \(kind.rawValue)"
            return Flaw(.error, .i1, "\(what), where bundles stand", .aside)
        }
        return Flaw(.note, nil, "is not the service's; a program that looks at folders left it")
    }
}
