// What `verify --repair` does to records: corrects what is plain from the state, moves a bundle to
// the state that its record tells, or ends the job and tells its sender.

internal import Linux
internal import SpoolFormat

extension Repair {
    func correct(_ subject: Subject, _ mend: Mend, _ record: JobRecord?)
        throws(SystemError) -> Subject
    {
        guard var record else { return subject }
        var subject = subject
        switch (mend, subject.state) {
        case (.recordFromReason, _):
            guard let told = try refusedRecord(subject) else { return subject }
            record.view.reason = told.view.reason
            record.view.status = .rejected
            record.view.completedAt = record.view.completedAt ?? told.view.completedAt
        case (.claim, _): subject = try correctClaim(subject, &record)
        case (_, .queued): record.requeue()
        default:
            let modified = try spool.root.directory(subject.path).status().modified
            record.view.completedAt = Timestamp(nanoseconds: modified)
        }
        try write(record, subject)
        return subject
    }

    /// A number is never used twice (R2); recovery takes it from here.
    private func correctClaim(_ subject: Subject, _ record: inout JobRecord) throws(SystemError)
        -> Subject
    {
        guard let attempt = subject.attempt else { return subject }
        record.requeue()
        guard record.claims > attempt.claim else {
            record.claims = attempt.claim - 1
            return subject
        }
        let next = AttemptName(id: attempt.id, claim: record.claims + 1)
        try spool.root.rename(subject.path, to: .bundle(next))
        try spool.flush(directory: Path(.running))
        return Subject(state: .running, name: Path(next.bytes))
    }

    /// The record of a refusal as `reason.json` tells it.
    func refusedRecord(_ subject: Subject) throws(SystemError) -> JobRecord? {
        guard let id = subject.id,
            let bytes = try spool.read(subject.path / Path(BundleFile.reason)),
            var view = JSONText.decode(JobView.self, from: bytes), let reason = view.reason
        else { return nil }
        view.id = id
        view.status = .rejected
        view.error = reason.refusal.detail
        view.completedAt = reason.rejectedAt
        return JobRecord(view: view, image: nil, orderNanoseconds: 0)
    }

    func move(_ subject: Subject, to state: JobState, _ record: JobRecord)
        throws(SystemError) -> Subject
    {
        guard state != subject.state else {
            try stamp(subject, record)
            return subject
        }
        try spool.move(subject.path, to: state, record)
        return Subject(state: state, name: Path(record.view.id))
    }

    /// Ends a job that cannot go on, and tells its sender.
    func end(_ subject: Subject, _ cause: String, _ record: JobRecord?)
        throws(SystemError) -> Subject
    {
        guard let id = subject.id else { return subject }
        if record == nil, subject.state == .rejected, let told = try refusedRecord(subject) {
            try clearRecord(subject)
            try write(told, subject)
            return subject
        }
        if record == nil { try clearRecord(subject) }
        let rebuilt = try rebuiltRecord(id, subject)
        var record = record ?? rebuilt
        // It would be in the way of a retry.
        if let result = record.view.resultPath, BundleLook.isBareName(result),
            try spool.root.status(of: subject.path / Path(result)) != nil
        {
            try spool.setAside(subject.path / Path(result), because: "is no whole result")
        }
        record.view.status = .failed
        record.view.completedAt = .now
        record.view.resultPath = nil
        record.view.progress = nil
        record.view.error =
            "The spool was damaged: \(cause). gpuspool verify ended the job; drop it again."
        try publish(record, subject)
        return try move(subject, to: .failed, record)
    }

    /// What stands where the record should be is kept for a person.
    private func clearRecord(_ subject: Subject) throws(SystemError) {
        let path = subject.path / Path(BundleFile.record)
        guard try spool.root.status(of: path) != nil else { return }
        try spool.setAside(path, because: "is no record that can be read")
    }

    /// Of what the record said the view tells most; without an image's name nobody retries it.
    private func rebuiltRecord(_ id: JobID, _ subject: Subject) throws(SystemError) -> JobRecord {
        let shown = try spool.read(.view(of: id))
            .flatMap { JSONText.decode(JobView.self, from: $0) }
        var view = shown ?? JobView(id: id, status: .failed)
        view.id = id
        view.position = nil
        view.estimatedWaitSeconds = nil
        view.waitingFor = nil
        view.reason = nil
        var record = JobRecord(view: view, image: nil, orderNanoseconds: 0)
        record.claims = subject.attempt?.claim ?? 0
        return record
    }
}

extension JobRecord {
    /// Says what the record of a waiting job says.
    fileprivate mutating func requeue() {
        view.status = .queued
        view.startedAt = nil
        view.completedAt = nil
        view.resultPath = nil
        view.resultSeed = nil
        view.progress = nil
    }
}
