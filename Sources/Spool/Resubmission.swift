// Retry: a job in `failed/` or `rejected/` goes back to the queue (PROTOCOL.md, retry).
//
// The caller, the watcher, has made the order durable and reserved a slot before (R5, R9). Under
// the lease: every file flushed, the checks of the door again, the reason removed, the record (claims
// kept, so that no attempt's name repeats), the stamp, the rename, both parents flushed. A crash
// in between leaves a bundle in its old state while the order stands: the next start does all
// again. Cleanup leaves a job alone for which a retry is ordered.

internal import Linux
internal import SpoolFormat

/// Puts an ended job back into the queue.
struct Resubmission {
    /// What came of it.
    enum Outcome {
        /// It stands in `queued/`.
        case queued(JobRecord)
        /// It would fail or be refused again; it stands where it stood, with this record.
        case refused(JobRecord, Refusal)
        /// Somebody holds it; try again soon.
        case busy
        /// It is not there any more, or nothing can be done with it.
        case gone
    }

    let spool: Spool
    let id: JobID
    let state: JobState

    private var bundle: Path { .bundle(state, id) }

    /// Does it. `order` gives the new place in the queue.
    func run(order: () throws(SystemError) -> Int64) throws(SystemError) -> Outcome {
        switch try spool.lease(bundle) {
        case .gone: return .gone
        case .busy: return .busy
        case .held(let lease):
            guard let record = try spool.record(in: bundle, of: id) else { return .gone }
            let isSame = try flushFiles(of: record)
            let inspection = try Inspection(members(of: record), in: bundle, of: spool)
            if let refusal = try refusal(of: record, inspection, isSame: isSame) {
                return .refused(try note(refusal, in: record), refusal)
            }
            let renewed = inspection.renew(record, order: try order())
            try publish(renewed)
            // The lease is let go behind the last flush.
            return try spool.holds(lease, of: .bundle(.queued, id)) ? .queued(renewed) : .gone
        }
    }

    /// False when a file could not be flushed and was copied. Once, before the files are examined:
    /// what is examined is what is on the disk, and nobody writes to it any more.
    private func flushFiles(of record: JobRecord) throws(SystemError) -> Bool {
        var isSame = true
        for name in [BundleFile.request, record.image ?? ""].filter({ !$0.isEmpty }) {
            let path = bundle / Path(name)
            guard try spool.root.status(of: path)?.kind == .file else { continue }
            do throws(SystemError) {
                if try !spool.flushOrCopy(path) { isSame = false }
            } catch { guard error.isPermission else { throw error } }
        }
        return isSame
    }

    private func members(of record: JobRecord) throws(SystemError) -> [Drop.Member] {
        var members: [Drop.Member] = []
        for (name, role) in [
            (BundleFile.request, Drop.Member.Role.request), (record.image ?? "", .image),
        ] {
            guard !name.isEmpty, let status = try spool.root.status(of: bundle / Path(name)) else {
                continue
            }
            members.append(
                Drop.Member(
                    source: bundle / Path(name), name: Path(name), identity: status.identity,
                    role: role))
        }
        return members
    }

    /// Why it cannot run; nil when it can.
    private func refusal(of record: JobRecord, _ inspection: Inspection, isSame: Bool)
        throws(SystemError) -> Refusal?
    {
        if try spool.root.status(of: bundle / Path(BundleFile.batch)) != nil {
            return Refusal(
                .invalidRequest, "A refused batch is not kept for that. \(Refusal.dropBatchAgain)")
        }
        if let refusal = inspection.refusal { return refusal }
        guard isSame || inspection.sha256 == record.view.sha256 else {
            return Refusal(
                .invalidImage, "The server's disk lost a part of it. Drop both files again.")
        }
        guard inspection.request != nil, inspection.image != nil else {
            return Refusal(.incompleteBundle, "It has no whole JSON and image. Drop both again.")
        }
        let own = [BundleFile.request, BundleFile.record, BundleFile.lease, BundleFile.reason]
        let known = Set((own + [record.image ?? ""]).map { Path($0) })
        let strangers = try spool.names(in: bundle).filter {
            !known.contains($0) && !BundleFile.isTemporary($0.bytes)
        }
        guard let stranger = strangers.min() else { return nil }
        return Refusal(
            .invalidRequest,
            "It also holds '\(stranger)'; only one JSON and one image are allowed. "
                + "Drop both again without it.")
    }

    /// The sender finds the answer in the job's error.
    private func note(_ refusal: Refusal, in record: JobRecord) throws(SystemError) -> JobRecord {
        var record = record
        if record.view.status == .queued { try end(&record, refusal) }
        record.view.error = "It cannot be retried: \(refusal.detail)"
        try spool.write(record, in: bundle)
        let ended = record.view.completedAt?.nanoseconds ?? WallClock.nanoseconds
        try spool.root.directory(bundle).setModified(ended)
        return record
    }

    /// A crash had cut the retry off behind its record: it ends anew.
    private func end(_ record: inout JobRecord, _ refusal: Refusal) throws(SystemError) {
        record.dismiss(as: state == .rejected ? .rejected : .failed, refusal.detail)
        guard state == .rejected else { return }
        let reason = Reason(refusal, retryAfterSeconds: 0, at: .now)
        record.view.reason = reason
        let file = bundle / Path(BundleFile.reason)
        try spool.removeIfPresent(file)
        try spool.write(new: file, JSONText.encode(Reason.File(reason, of: record.view)))
    }

    private func publish(_ record: JobRecord) throws(SystemError) {
        for name in try spool.names(in: bundle)
        where name == Path(BundleFile.reason) || BundleFile.isTemporary(name.bytes) {
            try spool.root.removeTree(bundle / name)
        }
        try spool.write(record, in: bundle)
        try spool.move(bundle, to: .queued, record)
    }
}

extension Inspection {
    /// The record of a job that is to run again, at a new place in the queue.
    fileprivate func renew(_ former: JobRecord, order: Int64) -> JobRecord {
        var view = JobView(id: former.view.id, status: .queued)
        view.createdAt = former.view.createdAt
        view.station = former.view.station
        view.droppedAs = former.view.droppedAs
        view.batch = former.view.batch
        var record = self.record(as: view, order: order)
        record.claims = former.claims
        record.batchOrder = former.batchOrder
        record.batchSize = former.batchSize
        // A crash may have come behind this record: it is counted then.
        let isNews = former.claims > 0 && former.view.status != .queued
        record.retries = former.retries + (isNews ? 1 : 0)
        record.seed = former.seed ?? record.seed
        return record
    }
}
