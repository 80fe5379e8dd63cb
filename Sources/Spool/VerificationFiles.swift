// What one bundle must hold besides lease and record: the station's files, the reason of a refusal,
// the right mtime, and nothing else.

internal import Linux
internal import SpoolFormat

extension BundleLook {
    // MARK: The station's files

    mutating func look(
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

    mutating func look(
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
    mutating func look(atLinksOf subject: Subject, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        guard subject.state != .running else { return }
        for name in try bundle.names().sorted()
        where try bundle.status(of: name)?.kind == .symbolicLink {
            error(.i7, "holds the symbolic link '\(name)'", .part(name))
        }
    }

    // MARK: Refused drops

    mutating func look(
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
    mutating func look(atRefusedImage record: JobRecord, _ bundle: borrowing Directory)
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

    mutating func look(
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

    mutating func look(atRemains record: JobRecord, _ bundle: borrowing Directory)
        throws(SystemError)
    {
        let ours = [BundleFile.request, BundleFile.record, BundleFile.lease, record.image ?? ""]
        for name in try bundle.names().sorted() where !ours.contains(where: { Path($0) == name }) {
            guard try bundle.status(of: name)?.kind != .symbolicLink else { continue }
            note(nil, "holds '\(name)', which is not needed any more", .part(name))
        }
    }
}
