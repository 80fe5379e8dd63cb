// What is told of a batch as a whole, and what can be ordered for it: its rows are jobs like others.

internal import Linux
internal import SpoolFormat

extension Watcher {
    /// The views of all batches whose rows are kept, from those of their rows; of several of one name
    /// the newest.
    func batches(_ views: [JobID: JobView]) -> [JobID: JobView] {
        var batches: [JobID: JobView] = [:]
        for (id, rows) in table.batches { batches[id] = view(ofBatch: id, rows, views) }
        return batches
    }

    private func view(ofBatch id: JobID, _ ids: [JobID], _ views: [JobID: JobView]) -> JobView {
        let records = ids.compactMap { table.jobs[$0]?.record }
        // One that is on its way has no view of its own for a moment.
        let jobs = ids.compactMap { id in
            (views[id] ?? table.jobs[id]?.record?.view).map { (id: id, view: $0) }
        }
        let rows = BatchRows(
            total: records.first?.batchSize ?? 0, jobs: jobs.map { ($0.id, $0.view.status) })
        var view = JobView(id: id, status: rows.status)
        view.rows = rows
        view.createdAt = records.compactMap(\.view.createdAt).min()
        view.startedAt = jobs.compactMap(\.view.startedAt).min()
        view.station = records.first?.view.station
        view.droppedAs = records.first?.view.droppedAs
        let isLive = jobs.contains { table.live.contains($0.id) }
        if !isLive { view.completedAt = records.compactMap(\.view.completedAt).max() }
        view.estimatedWaitSeconds = jobs.compactMap(\.view.estimatedWaitSeconds).max()
        if view.status == .processing { view.progress = rows.progress }
        if view.status == .failed { view.error = rows.summary }
        return view
    }

    /// The rows of the batch that an order is about; nil when its giver has no such batch.
    func batch(of drop: ControlDrop) -> (id: JobID, rows: [JobID])? {
        let own = drop.station.flatMap { try? JobID(stem: drop.stem, station: $0) }
        let batches = table.batches
        for id in [own, try? JobID(drop.stem)].compactMap({ $0 }) {
            guard let rows = batches[id], let row = rows.first else { continue }
            let station = table.jobs[row]?.record?.view.station
            if drop.isOperators || station == drop.station?.description {
                return (id, rows.sorted())
            }
        }
        return nil
    }

    /// Gives an order for every row it makes sense for; false when it waits for a batch of that name
    /// that is arriving.
    ///
    /// A crash in between leaves the control drop: those it was given for get it again.
    func obey(_ drop: ControlDrop, for batch: (id: JobID, rows: [JobID])) throws(SystemError)
        -> Bool
    {
        let isLive = batch.rows.contains { table.live.contains($0) }
        if !isLive, drop.verb != .retry, isArriving(drop) { return false }
        var count = 0
        for row in batch.rows where try give(drop.verb, for: row) == nil { count += 1 }
        let word = drop.verb.rawValue
        spool.log.write(
            count == 0
                ? "Batch \(batch.id): \(word) - none of its rows can be \(word == "retry" ? "retried" : "changed so")"
                : "Batch \(batch.id): \(word) ordered for \(count) of \(batch.rows.count) rows")
        try remove(drop)
        return true
    }
}
