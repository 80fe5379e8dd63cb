// A batch in staging: its list and images become one job per row (R6, second half).
//
// The bundle of the batch, `staging/NAME.csv/`, is taken like any drop. Then the bundles of all rows
// are built below it in `.rows/`, from copies, each whole and durable; `.expanded` says so, durably;
// then they are renamed to `queued/` one by one; what is left of the batch goes last.
//
// After a crash without `.expanded` none was admitted: the rows are thrown away and built anew from
// the list and the images, which still stand there. With it the list is not looked at again: what
// still stands in `.rows/` is admitted. The rest is moved to `.spool/tmp/` as a whole, so that no
// half of it ever stands in staging, and removed there.

internal import Linux
internal import SpoolFormat

extension Staging {
    /// A row on its way: its bundle, its record, and the file its image is copied from.
    private struct Row {
        let path: Path
        let record: JobRecord
        let json: [UInt8]
        let source: Path
    }

    /// Builds the bundles of all rows; nothing of them counts before the last flush.
    func expand(_ bundle: StagedBundle) throws(SystemError) {
        guard !bundle.isExpanded else { return }
        if try !flushMembers(of: bundle), try !isSame(bundle) { return try lose(bundle) }
        let directory = bundle.path / Path(BundleFile.rows)
        try spool.root.makeDirectory(directory, mode: 0o700)
        let rows = try plan(bundle)
        for row in rows { try build(row, bundle.drop) }
        for row in rows { try seal(row) }
        try spool.flush(directory: directory)
        try spool.write(new: bundle.path / Path(BundleFile.expanded), [], mode: 0o600)
        try spool.flush(directory: bundle.path)
        bundle.isExpanded = true
    }

    /// Admits the rows that were not admitted before a crash, in their order; one whose record cannot
    /// be read now as well.
    func publishRows(of bundle: StagedBundle) throws(SystemError) {
        let directory = bundle.path / Path(BundleFile.rows)
        for id in try expandedRows(of: bundle.drop.id) ?? [] {
            let path = directory / Path(id)
            let record = try spool.knownRecord(in: path, of: id)
            let name = try publish(path, as: id, in: .queued, of: record?.view.station)
            if name != id { bundle.gone.append(id) }
            guard var record else { continue }
            record.view.id = name
            bundle.rows.append(record)
        }
    }

    /// All rows stand in `queued/`, durably: what is left of their batch leaves staging.
    func putAway(_ bundle: StagedBundle) throws(SystemError) {
        guard bundle.isExpanded else { return }
        let rows = bundle.path / Path(BundleFile.rows)
        if try spool.root.status(of: rows) != nil {
            try spool.flush(directory: rows)
            // I7: no row goes with it.
            try spool.root.removeDirectory(rows)
        }
        let remains = Path.temporary()
        try spool.root.rename(bundle.path, to: remains)
        bundle.remains = remains
    }

    /// What stays there goes with the other temporary files.
    func removeRemains(of bundle: StagedBundle) {
        guard bundle.error == nil, let remains = bundle.remains else { return }
        do throws(SystemError) { try spool.root.removeTree(remains) } catch {
            spool.log.write(
                error, while: "Removing what is left of batch \(bundle.drop.id)",
                job: bundle.drop.id)
        }
    }

    /// The rows that stand in the staged bundle of a batch whose rows are all durable, in order; nil
    /// for any other.
    func expandedRows(of id: JobID) throws(SystemError) -> [JobID]? {
        let path = Path.staging(id)
        guard try spool.root.status(of: path)?.kind == .directory,
            try spool.root.status(of: path / Path(BundleFile.expanded)) != nil
        else { return nil }
        return try spool.names(in: path / Path(BundleFile.rows))
            .compactMap { try? JobID($0.bytes) }.sorted()
    }

    /// A batch whose rows are all durable: only to be admitted.
    func expanded(_ id: JobID) throws(SystemError) -> StagedBundle? {
        guard let rows = try expandedRows(of: id) else { return nil }
        let bundle = StagedBundle(
            Drop(
                id: id, station: nil, droppedAs: Path(id), createdAt: .now, folder: nil,
                members: [], refusal: nil, rows: rows))
        bundle.isExpanded = true
        bundle.hasTaken = true
        return bundle
    }

    /// Throws away what was built of rows that none was admitted of.
    func removeRows(of bundle: Path) throws(SystemError) {
        let rows = bundle / Path(BundleFile.rows)
        if try spool.root.status(of: rows) != nil { try spool.root.removeTree(rows) }
    }

    /// Whether what had to be copied still is what was examined.
    private func isSame(_ bundle: StagedBundle) throws(SystemError) -> Bool {
        let again = try Inspection(of: bundle, in: spool)
        return again.refusal == nil && again.hashes == bundle.inspection?.hashes
            && again.list == bundle.inspection?.list
    }

    private func plan(_ bundle: StagedBundle) throws(SystemError) -> [Row] {
        let drop = bundle.drop
        guard let inspection = bundle.inspection, let list = inspection.list, let ids = drop.rows
        else { return [] }
        var first: Int64 = 0
        var rows: [Row] = []
        let images = Dictionary(
            drop.members.filter { $0.role == .image }.map { ($0.source.lastComponent, $0) },
            uniquingKeysWith: { first, _ in first })
        for (id, row) in zip(ids, list.rows) {
            guard let image = images[Path(row.image)] else { continue }
            let order = try nextOrder()
            first = first == 0 ? order : first
            var view = JobView(id: id, status: .queued)
            view.createdAt = drop.createdAt
            view.station = drop.station?.description
            view.droppedAs = drop.droppedAs.description
            view.batch = drop.id.text
            view.instruction = row.request.instruction
            view.model = row.request.model?.description
            view.sha256 = inspection.hashes[image.name]
            var record = JobRecord(view: view, image: image.name.text, orderNanoseconds: order)
            record.systemPrompt = row.request.systemPrompt
            record.seed = row.request.seed
            record.batchOrder = first
            record.batchSize = ids.count
            rows.append(
                Row(
                    path: bundle.path / Path(BundleFile.rows) / Path(id), record: record,
                    json: row.json, source: bundle.path / image.name))
        }
        return rows
    }

    /// Makes the files of a row; starts the write-out.
    private func build(_ row: Row, _ drop: Drop) throws(SystemError) {
        try spool.root.makeDirectory(row.path, mode: 0o755)
        let readers = readers(drop.station)
        if readers != .everybody { try spool.allow(readers, on: row.path) }
        _ = try spool.root.create(row.path / Path(BundleFile.lease), mode: 0o600)
        let request = try spool.root.create(row.path / Path(BundleFile.request), mode: 0o644)
        try request.write(row.json)
        let copy = try spool.root.create(row.path / row.source.lastComponent, mode: 0o644)
        try copy.copy(from: try spool.root.open(row.source))
        request.startWriting()
        copy.startWriting()
    }

    /// I2: every byte and the record of a row are on the disk.
    private func seal(_ row: Row) throws(SystemError) {
        try spool.flush(file: row.path / Path(BundleFile.request))
        try spool.flush(file: row.path / row.source.lastComponent)
        try spool.write(row.record, in: row.path)
        // R2: the last change inside; from here on the mtime is the FIFO key.
        try spool.root.directory(row.path).setModified(row.record.stamp)
        try spool.flush(directory: row.path)
    }
}

extension Spool {
    /// The directories in which staged batches have the bundles of their rows.
    func stagedRows() throws(SystemError) -> [Path] {
        let staging = Path.hidden(SpoolFile.Hidden.staging)
        var found: [Path] = []
        for name in try names(in: staging) {
            let rows = staging / name / Path(BundleFile.rows)
            do throws(SystemError) {
                guard try root.status(of: staging / name)?.kind == .directory,
                    try root.status(of: rows)?.kind == .directory
                else { continue }
                found.append(rows)
            } catch {
                // One bundle's error is its own; told here, for recovery may not meet it again.
                if error.isGeneral { throw error }
                log.write(error, while: "Looking at staged drop '\(name)'")
            }
        }
        return found
    }
}
