// What stands in staging and tells neither by an intention nor by a record what it was to become.
//
// A crash in between leaves it as it was, or with the whole reason and record of the refusal, which
// recovery publishes.

internal import Linux
internal import SpoolFormat

extension Spool {
    /// I7: what was taken, by whatever drop, ends in `rejected/` with an answer.
    @discardableResult
    func refuse(staged id: JobID) throws(SystemError) -> JobRecord {
        let path = Path.staging(id)
        let refusal = Refusal(
            .incompleteBundle,
            "The spool was damaged: what this drop was to become is not known any more. "
                + "Drop both files again.")
        let reason = Reason(refusal, retryAfterSeconds: 0, at: .now)
        var view = JobView(id: id, status: .rejected)
        view.error = refusal.detail
        view.completedAt = reason.rejectedAt
        view.droppedAs = id.text
        view.reason = reason
        try makeLease(path)
        for name in [BundleFile.members, BundleFile.reason, BundleFile.record].map({ Path($0) })
        where try root.status(of: path / name) != nil {
            try setAside(path / name, because: "cannot be read")
        }
        let file = path / Path(BundleFile.reason)
        try write(new: file, JSONText.encode(Reason.File(reason, of: view)))
        let record = JobRecord(view: view, image: nil, orderNanoseconds: 0)
        try write(record, in: path)
        try move(path, to: .rejected, record)
        return record
    }

    /// Makes a lease where nobody can hold the old one.
    func makeLease(_ bundle: Path) throws(SystemError) {
        let path = bundle / Path(BundleFile.lease)
        let way = Path.temporary()
        _ = try root.create(way, mode: 0o600)
        if try root.status(of: path).map({ $0.kind != .file }) == true {
            try setAside(path, because: "is no lease")
        }
        try root.replace(path, with: way)
    }
}
