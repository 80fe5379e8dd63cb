// What one bundle must hold in its state, and what it may hold for a while because somebody was
// cut off in the middle of a change (PROTOCOL.md, the table of transitions):
//
// - `queued/` with the record of an end: cut off while it was taken out; the order, or the time
//   that ran out, is still there, and the watcher goes on.
// - `running/`: any record of this claim or of the one before; recovery goes on.
// - `failed/` and `rejected/` with a record that says `queued`: cut off while it was retried; its
//   order waits in `.spool/retry/`.
//
// Files are read from one open directory, so that all of them are of the same bundle.

internal import Linux
internal import SpoolFormat

/// What a look at a bundle gave.
struct BundleLook {
    private(set) var flaws: [Flaw] = []
    private(set) var record: JobRecord?
    private(set) var lease: FileIdentity?
    private(set) var owner: UInt32?
    private let isAtRest: Bool

    /// Whether it has to be looked at again before it is told.
    var isSuspicious: Bool { flaws.contains { $0.severity == .error } }

    /// Of something that was held or moving for too long.
    var leftAlone: BundleLook {
        let seen = flaws.first { $0.severity == .error }?.detail ?? ""
        return BundleLook(flaws: [
            Flaw(.note, nil, "is in somebody's hands and was not checked: it \(seen)")
        ])
    }

    init(flaws: [Flaw]) {
        self.flaws = flaws
        isAtRest = true
    }

    init(
        _ subject: Subject, _ bundle: borrowing Directory, in spool: Spool, isAtRest: Bool
    ) throws(SystemError) {
        self.isAtRest = isAtRest
        try look(atLeaseOf: subject, bundle)
        guard let id = subject.id, let record = try readRecord(of: id, subject, bundle) else {
            return
        }
        self.record = record
        if subject.state == .running {
            look(atClaimOf: subject, record)
            try look(atHolderOf: subject, in: spool)
        } else {
            try look(atStatusOf: subject, id, record, bundle, in: spool)
        }
        if subject.state == .rejected {
            try look(atReasonOf: subject, id, record, bundle, in: spool)
            try look(atRefusedImage: record, bundle)
        } else {
            try look(atRequestOf: subject, record, bundle)
            try look(atImageOf: subject, record, bundle)
            try look(atLinksOf: subject, bundle)
        }
        try look(atTimeOf: subject, record, bundle)
        if subject.state == .queued { try look(atRemains: record, bundle) }
    }

    mutating func error(
        _ invariant: Finding.Invariant, _ detail: String, _ mend: Mend? = nil
    ) {
        flaws.append(Flaw(.error, invariant, detail, mend))
    }

    /// Only at rest: where a service runs, somebody may be in the middle of it.
    mutating func note(
        _ invariant: Finding.Invariant?, _ detail: String, _ mend: Mend? = nil
    ) {
        guard isAtRest else { return }
        flaws.append(Flaw(.note, invariant, detail, mend))
    }

    // MARK: Lease and record

    private mutating func look(atLeaseOf subject: Subject, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        guard let status = try bundle.status(of: Path(BundleFile.lease)) else {
            return error(.i4, "has no lease: nobody can take it or clean it up", .lease)
        }
        guard status.kind == .file else {
            return error(.i4, "has a \(status.kind.rawValue) for a lease", .lease)
        }
        lease = status.identity
        owner = status.owner
        if status.links != 1 {
            error(.i4, "has a lease with \(status.links) names: others can lock it", .lease)
        } else if status.mode != 0o600 {
            let mode = String(status.mode, radix: 8)
            error(.i4, "has a lease of mode \(mode), not 600: others can lock it", .leaseMode)
        }
    }

    private mutating func readRecord(
        of id: JobID, _ subject: Subject, _ bundle: borrowing Directory
    ) throws(SystemError) -> JobRecord? {
        let problem: String
        switch try read(BundleFile.record, bundle) {
        case .bytes(let bytes):
            if var record = JSONText.decode(JobRecord.self, from: bytes) {
                record.view.id = id
                return record
            }
            problem = "has a damaged record (\(BundleFile.record))"
        case .missing: problem = "has no record (\(BundleFile.record))"
        case .other(let kind): problem = "has a \(kind.rawValue) for a record"
        }
        error(subject.state == .queued ? .i2 : .i1, problem, .end("its record was damaged"))
        return nil
    }

    enum Reading {
        case bytes([UInt8])
        case missing
        case other(FileStatus.Kind)
    }

    func read(_ name: String, _ bundle: borrowing Directory) throws(SystemError) -> Reading {
        guard let status = try bundle.status(of: Path(name)) else { return .missing }
        guard status.kind == .file else { return .other(status.kind) }
        do throws(SystemError) {
            return .bytes(try bundle.open(Path(name)).contents(limit: 1 << 28))
        } catch {
            guard error.isNotFound else { throw error }
            return .missing
        }
    }

    // MARK: Record and state

    private mutating func look(
        atStatusOf subject: Subject, _ id: JobID, _ record: JobRecord,
        _ bundle: borrowing Directory, in spool: Spool
    ) throws(SystemError) {
        let status = record.view.status
        switch (subject.state, status) {
        case (.queued, .queued), (.failed, .failed), (.failed, .cancelled), (.rejected, .rejected):
            break
        case (.done, .completed):
            guard let problem = try resultProblem(record, bundle) else { break }
            error(.i3, problem, .end("its result was damaged"))
        case (.queued, .failed), (.queued, .cancelled):
            note(.i1, "was cut off on its way to failed/; the watcher goes on", .move(.failed))
        case (.failed, .queued), (.rejected, .queued):
            if try spool.isOrdered(.retry, id) {
                note(.i1, "was cut off on its way back to queued/; the watcher goes on")
            } else {
                error(.i1, "has a record that says 'queued', and no order to retry", .retryOrder)
            }
        default:
            error(
                .i1, "has a record that says '\(status.rawValue)'",
                try mend(of: subject, record, bundle))
        }
        if subject.state.isFinished, status != .queued, record.view.completedAt == nil {
            error(.i8, "has a record without 'completed_at'", .record)
        }
    }

    /// Where a bundle belongs by a record that is plain, else the end that its sender is told.
    private func mend(of subject: Subject, _ record: JobRecord, _ bundle: borrowing Directory)
        throws(SystemError) -> Mend
    {
        switch record.view.status {
        case .completed where try resultProblem(record, bundle) == nil: .move(.done)
        case .rejected where record.view.reason != nil: .move(.rejected)
        case .failed, .cancelled: .move(.failed)
        default: subject.state == .queued ? .record : .end("its record did not fit its state")
        }
    }

    /// What is wrong with the result that a record names (I3); nil when it is whole.
    private func resultProblem(_ record: JobRecord, _ bundle: borrowing Directory)
        throws(SystemError) -> String?
    {
        guard let name = record.view.resultPath, BundleLook.isBareName(name) else {
            return "has a record without a result's name"
        }
        switch try read(name, bundle) {
        case .missing: return "lacks its result '\(name)'"
        case .other(let kind): return "has a \(kind.rawValue) for a result ('\(name)')"
        case .bytes(let bytes):
            switch ImageProbe.examine(bytes) {
            case .whole(let header) where header.format == .png:
                return PNGChecksums.problem(in: bytes).map {
                    "has a damaged result ('\(name)': \($0))"
                }
            case .whole: return "has a result that is no PNG ('\(name)')"
            case .unfinished(_, let detail), .damaged(let detail):
                return "has a result that is not whole ('\(name)': \(detail))"
            }
        }
    }

    static func isBareName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
    }

    /// The number in the name and the record's are the same, or the record is not yet written.
    private mutating func look(atClaimOf subject: Subject, _ record: JobRecord) {
        guard let claim = subject.attempt?.claim else { return }
        let status = record.view.status
        let fits: Bool =
            switch status {
            case .processing, .completed, .failed, .cancelled: record.claims == claim
            case .queued: record.claims == claim || record.claims == claim - 1
            case .receiving, .rejected, .throttled, .held: false
            }
        if record.claims != claim, record.claims != claim - 1 {
            error(.i4, "is claim \(claim), but its record counts \(record.claims)", .claim)
        } else if !fits {
            error(.i1, "has a record that says '\(status.rawValue)'", .claim)
        }
    }

    private mutating func look(atHolderOf subject: Subject, in spool: Spool) throws(SystemError) {
        // To ask takes the lease for a moment, which could keep a recovery from it.
        guard isAtRest, lease != nil else { return }
        let path = subject.path / Path(BundleFile.lease)
        guard try !spool.root.open(path).isLocked() else { return }
        note(.i1, "lost its worker; the next watcher recovers it")
    }
}
