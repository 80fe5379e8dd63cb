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
    private var owner: UInt32?
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

    private mutating func error(
        _ invariant: Finding.Invariant, _ detail: String, _ mend: Mend? = nil
    ) {
        flaws.append(Flaw(.error, invariant, detail, mend))
    }

    /// Only at rest: where a service runs, somebody may be in the middle of it.
    private mutating func note(
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

    private enum Reading {
        case bytes([UInt8])
        case missing
        case other(FileStatus.Kind)
    }

    private func read(_ name: String, _ bundle: borrowing Directory) throws(SystemError) -> Reading
    {
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

    // MARK: The station's files

    private mutating func look(
        atRequestOf subject: Subject, _ record: JobRecord, _ bundle: borrowing Directory
    ) throws(SystemError) {
        let invariant: Finding.Invariant = subject.state.isFinished ? .i7 : .i2
        let mend: Mend =
            subject.state.isFinished
            ? .withdraw(Path(BundleFile.request)) : .giveUp("its request was damaged")
        guard record.image != nil else { return }
        switch try read(BundleFile.request, bundle) {
        case .missing:
            error(
                invariant, "lacks the station's request.json",
                subject.state.isFinished ? nil : mend)
        case .other(let kind): error(invariant, "has a \(kind.rawValue) for a request.json", mend)
        case .bytes(let bytes):
            if let problem = requestProblem(bytes, record) { error(invariant, problem, mend) }
            try look(atOwnerOf: Path(BundleFile.request), subject, bundle)
        }
    }

    /// Limits may have changed since it was let in; its words have not.
    private func requestProblem(_ bytes: [UInt8], _ record: JobRecord) -> String? {
        do throws(RequestProblem) {
            let request = try Request(
                parsing: bytes, maximumInstruction: .max, now: record.view.createdAt ?? .now)
            guard request.instruction == record.view.instruction else {
                return "has a request.json that asks for something else than its record"
            }
        } catch {
            guard case .unparsable(let detail) = error else { return nil }
            return "has a damaged request.json: \(detail)"
        }
        return nil
    }

    private mutating func look(
        atImageOf subject: Subject, _ record: JobRecord, _ bundle: borrowing Directory
    ) throws(SystemError) {
        let isLive = !subject.state.isFinished
        let invariant: Finding.Invariant = isLive ? .i2 : .i7
        let mend = isLive ? Mend.giveUp("its image was damaged") : nil
        guard let name = record.image, BundleLook.isBareName(name) else {
            // A repair may have moved it aside.
            if isLive || record.image != nil {
                error(invariant, "has a record without an image", mend)
            }
            return
        }
        guard let expected = record.view.sha256 else {
            return error(invariant, "has a record without its image's SHA-256", mend)
        }
        guard let status = try bundle.status(of: Path(name)) else {
            return error(invariant, "lacks its image '\(name)'", mend)
        }
        guard status.kind == .file else {
            return error(
                invariant, "has a \(status.kind.rawValue) for its image '\(name)'",
                mend ?? .withdraw(Path(name)))
        }
        let found = try BundleLook.digest(of: try bundle.open(Path(name)))
        if found != expected {
            error(
                subject.state == .queued ? .i2 : .i7,
                "has an image ('\(name)') of SHA-256 \(found); \(expected) was let in",
                mend ?? .withdraw(Path(name)))
        }
        try look(atOwnerOf: Path(name), subject, bundle)
    }

    /// Nothing that a sender can write to stays in the queue.
    private mutating func look(
        atOwnerOf name: Path, _ subject: Subject, _ bundle: borrowing Directory
    ) throws(SystemError) {
        guard !subject.state.isFinished, let status = try bundle.status(of: name) else { return }
        if let owner, status.owner != owner {
            error(.i2, "holds '\(name)' of user \(Host.name(ofUser: status.owner))", .copy(name))
        } else if status.links != 1 {
            error(.i2, "holds '\(name)', which has \(status.links) names", .copy(name))
        }
    }

    private static func digest(of file: borrowing File) throws(SystemError) -> String {
        var hash = SHA256()
        while let piece = try file.read(upTo: 1 << 20), !piece.isEmpty {
            piece.withUnsafeBytes { hash.update($0) }
        }
        return Hexadecimal.text(of: hash.finish())
    }

    /// A pipeline may make links while it works; what a refused sender sent is left as it is.
    private mutating func look(atLinksOf subject: Subject, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        guard subject.state != .running else { return }
        for name in try bundle.names().sorted()
        where try bundle.status(of: name)?.kind == .symbolicLink {
            error(.i7, "holds the symbolic link '\(name)'", .part(name))
        }
    }

    // MARK: Refused drops

    private mutating func look(
        atReasonOf subject: Subject, _ id: JobID, _ record: JobRecord,
        _ bundle: borrowing Directory, in spool: Spool
    ) throws(SystemError) {
        guard record.view.status == .rejected else { return }
        guard let reason = record.view.reason else {
            return error(.i7, "has a record without the reason of the refusal", .recordFromReason)
        }
        switch try read(BundleFile.reason, bundle) {
        case .missing:
            if try spool.isOrdered(.retry, id) {
                note(.i1, "was cut off on its way back to queued/; the watcher goes on")
            } else {
                error(.i7, "has no reason.json: its sender is not told why", .reason)
            }
        case .other(let kind): error(.i7, "has a \(kind.rawValue) for a reason.json", .reason)
        case .bytes(let bytes):
            guard JSONText.decode(JobView.self, from: bytes)?.reason != reason else { return }
            error(.i7, "has a reason.json that says something else than its record", .reason)
        }
    }

    /// It may still be its sender's own file, which the sender may write to.
    private mutating func look(atRefusedImage record: JobRecord, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        guard let name = record.image, let expected = record.view.sha256,
            BundleLook.isBareName(name)
        else { return }
        guard let status = try bundle.status(of: Path(name)) else {
            return error(.i7, "lacks the image that its sender dropped ('\(name)')")
        }
        guard status.kind == .file else { return }
        do throws(SystemError) {
            guard try BundleLook.digest(of: try bundle.open(Path(name))) != expected else {
                return
            }
        } catch {
            guard error.isPermission else { throw error }
            return
        }
        note(.i7, "has an image ('\(name)') that was changed since it was refused")
    }

    // MARK: Times and remains

    private mutating func look(
        atTimeOf subject: Subject, _ record: JobRecord, _ bundle: borrowing Directory
    ) throws(SystemError) {
        let found = try bundle.status().modified
        if subject.state == .queued, record.view.status == .queued, found != record.stamp {
            let order = record.dueNanoseconds > record.orderNanoseconds ? "due_ns" : "order_ns"
            error(.i6, "has the mtime \(found), not its \(order) \(record.stamp)", .stamp)
        }
        guard subject.state.isFinished, let ended = record.view.completedAt?.nanoseconds,
            record.view.status != .queued
        else { return }
        // In the record it is in milliseconds.
        if found < ended || found - ended >= 1_000_000 {
            note(.i8, "has an mtime that is not its 'completed_at'; cleanup goes by it", .stamp)
        }
    }

    private mutating func look(atRemains record: JobRecord, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        let ours = [BundleFile.request, BundleFile.record, BundleFile.lease, record.image ?? ""]
        for name in try bundle.names().sorted() where !ours.contains(where: { Path($0) == name }) {
            guard try bundle.status(of: name)?.kind != .symbolicLink else { continue }
            note(nil, "holds '\(name)', which is not needed any more", .part(name))
        }
    }
}
