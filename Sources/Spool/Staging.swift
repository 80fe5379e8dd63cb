// Admission and refusal, the way from `incoming/` to `queued/` or `rejected/` (R6, PROTOCOL.md).
//
// A drop is taken in steps, each durable before the next: the intention (`.members`), the files,
// the record, the name in its state. What is ready in one turn goes through the same steps
// together and shares the flushes of the common directories.
//
// After a crash staging only goes forward. Before `.members` is durable nothing was taken: the
// bundle is removed and the drop still stands in `incoming/`. After it, the remaining members are
// taken, a missing one makes the drop `incomplete_bundle`, and the rest follows as if nothing had
// happened; without `.members` but with a record, only the last rename is missing. Nothing is ever
// moved back: the sender may have used the name again.
//
// The caller (the watcher, which holds the watcher's lock) has counted the job before (R5).

public import Linux
public import SpoolFormat

/// Takes drops into the spool.
public final class Staging {
    /// What became of a drop.
    public enum Outcome: Sendable {
        /// It stands in `queued/`.
        case admitted(JobRecord)
        /// The rows of a batch stand in `queued/`; `gone` are the names that rows could not have.
        /// Rows that were admitted before a crash, or cannot be read, are in neither.
        case expanded([JobRecord], gone: [JobID])
        /// It stands in `rejected/`.
        case refused(JobRecord)
        /// Nothing was taken; it still stands in `incoming/`.
        case left(SystemError)
        /// A bundle that held nothing of a station is gone; the drop still stands in `incoming/`.
        case discarded
        /// It stays in staging until the cause is gone; `recover` goes on with it.
        case stuck(SystemError)
    }

    let spool: Spool
    private var stamp: OrderStamp
    /// Tells a refused sender when to come back.
    public var retryAfterSeconds: () -> Int = { 300 }
    /// Who may read what comes of a station's drops.
    var readers: (StationName?) -> Readers = { _ in .everybody }
    /// Tells whether any job is known by this name.
    public var isTaken: (JobID) -> Bool = { _ in false }
    var isFirstRecovery = true

    /// Takes drops into `spool`; `orders` are the order stamps of all kept records.
    public init(_ spool: Spool, orders: some Sequence<Int64>) throws(SystemError) {
        self.spool = spool
        stamp = try OrderStamp(spool, records: orders)
    }

    /// Takes drops, in their order of arrival; the outcomes are in the same order.
    public func take(_ drops: [Drop]) -> [Outcome] {
        let bundles = drops.map { StagedBundle($0) }
        each(bundles) { (bundle) throws(SystemError) in try prepare(bundle) }
        shared(bundles) { (spool) throws(SystemError) in
            try spool.flush(directory: .hidden(SpoolFile.Hidden.staging))
        }
        return finish(bundles)
    }

    /// The order stamp of a job that is let in again, without a drop.
    public func nextOrder() throws(SystemError) -> Int64 {
        let order = stamp.next()
        try stamp.save(spool)
        return order
    }

    // MARK: The steps

    func finish(_ bundles: [StagedBundle]) -> [Outcome] {
        each(bundles) { (bundle) throws(SystemError) in try collect(bundle) }
        shared(bundles) { (spool) throws(SystemError) in
            for box in Set(bundles.flatMap(\.sources)) { try flush(source: box) }
        }
        each(bundles) { (bundle) throws(SystemError) in try compose(bundle) }
        each(bundles) { (bundle) throws(SystemError) in try seal(bundle) }
        each(bundles) { (bundle) throws(SystemError) in try publish(bundle) }
        shared(bundles) { (spool) throws(SystemError) in
            for state in Set(bundles.map(\.target)) { try spool.flush(directory: Path(state)) }
        }
        each(bundles) { (bundle) throws(SystemError) in try putAway(bundle) }
        shared(bundles) { (spool) throws(SystemError) in
            try spool.flush(directory: .hidden(SpoolFile.Hidden.staging))
        }
        for bundle in bundles { removeRemains(of: bundle) }
        return bundles.map(outcome)
    }

    /// A drop box that was removed or replaced since has nothing to flush.
    private func flush(source: Path) throws(SystemError) {
        do throws(SystemError) {
            try spool.flush(directory: source)
        } catch {
            let isGone = error.isNotFound || error.code == .symbolicLink || error.isPermission
            guard isGone else { throw error }
        }
    }

    /// One bundle's error is its own; the others go on.
    private func each(
        _ bundles: [StagedBundle], _ step: (StagedBundle) throws(SystemError) -> Void
    ) {
        for bundle in bundles where bundle.error == nil {
            do throws(SystemError) { try step(bundle) } catch { bundle.error = error }
        }
    }

    /// An error of a common directory is everybody's.
    private func shared(
        _ bundles: [StagedBundle], _ step: (Spool) throws(SystemError) -> Void
    ) {
        guard bundles.contains(where: { $0.error == nil }) else { return }
        do throws(SystemError) {
            try step(spool)
        } catch {
            for bundle in bundles where bundle.error == nil { bundle.error = error }
        }
    }

    private func outcome(of bundle: StagedBundle) -> Outcome {
        if let error = bundle.error {
            guard !bundle.hasTaken, !bundle.isSealed else { return .stuck(error) }
            // What else has its name in staging is not ours to remove.
            guard bundle.isMade else { return .left(error) }
            do throws(SystemError) { try spool.root.removeTree(bundle.path) } catch {
                // With its intention recovery may go forward: it counts as long as it stands.
                return .stuck(error)
            }
            return .left(error)
        }
        if bundle.isExpanded { return .expanded(bundle.rows, gone: bundle.gone) }
        guard let record = bundle.record else { preconditionFailure("published without record") }
        return bundle.target == .queued ? .admitted(record) : .refused(record)
    }

    /// The lease is made here, once for the job's life; the intention is durable when this ends.
    private func prepare(_ bundle: StagedBundle) throws(SystemError) {
        try spool.root.makeDirectory(bundle.path, mode: 0o755)
        bundle.isMade = true
        let readers = readers(bundle.drop.station)
        if readers != .everybody { try spool.allow(readers, on: bundle.path) }
        _ = try spool.root.create(bundle.path / Path(BundleFile.lease), mode: 0o600)
        let intention = JSONText.encode(Membership(bundle.drop))
        try spool.write(new: bundle.path / Path(BundleFile.members), intention, mode: 0o600)
        try spool.flush(directory: bundle.path)
    }

    /// Takes the members. A member that stands in staging was taken before a crash.
    private func collect(_ bundle: StagedBundle) throws(SystemError) {
        for member in bundle.drop.members where !bundle.isExpanded {
            let target = bundle.path / member.name
            do throws(SystemError) {
                var isThere = try spool.root.status(of: target) != nil
                if !isThere { isThere = try take(member, to: target) }
                if isThere { bundle.hasTaken = true } else { bundle.missing.append(member) }
            } catch {
                // With the first one nothing was taken; with a later one there is no way back.
                guard error.isPermission, bundle.hasTaken || member.role == .other else {
                    throw error
                }
                bundle.immovable.append(member)
            }
        }
        if let folder = bundle.drop.folder { try removeIfEmpty(folder) }
        try spool.flush(directory: bundle.path)
    }

    /// False when the file is not there any more, or is another one.
    ///
    /// The sender may replace its folder by a link at any moment: no link is followed.
    private func take(_ member: Drop.Member, to target: Path) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let box = try spool.root.directory(member.source.parent)
            let name = member.source.lastComponent
            // Device numbers may change over a restart of the machine, and on overlay a directory
            // has another one than its files: within one box the inode tells.
            guard try box.status(of: name)?.identity.inode == member.identity.inode else {
                return false
            }
            do throws(SystemError) {
                try box.rename(name, to: spool.root, target)
            } catch {
                guard error.isPermission else { throw error }
                // Who moves a directory elsewhere changes it too.
                let isFolderUnmasked = try spool.root.unmask(member.source.parent)
                let isUnmasked = try box.unmask(name)
                guard isFolderUnmasked || isUnmasked else { throw error }
                try box.rename(name, to: spool.root, target)
            }
            return true
        } catch {
            guard error.isNotFound || error.code == .symbolicLink else { throw error }
            return false
        }
    }

    private func removeIfEmpty(_ folder: Path) throws(SystemError) {
        do throws(SystemError) {
            try spool.root.directory(folder.parent).removeDirectory(folder.lastComponent)
        } catch {
            guard error.isNotFound || error.code == .notEmpty || error.isPermission else {
                throw error
            }
        }
    }

    /// Looks at what was really taken, and writes the record; starts the write-out of all.
    private func compose(_ bundle: StagedBundle) throws(SystemError) {
        guard bundle.record == nil, !bundle.isExpanded else { return }
        if bundle.isDoubtful { try renew(bundle) }
        if bundle.drop.isBatch { try removeRows(of: bundle.path) }
        let inspection = try Inspection(of: bundle, in: spool)
        if bundle.drop.isBatch, inspection.refusal == nil {
            bundle.inspection = inspection
            for name in bundle.files { try spool.root.open(bundle.path / name).startWriting() }
            return
        }
        bundle.record = inspection.record(
            of: bundle.drop, order: try nextOrder(), retryAfterSeconds: retryAfterSeconds())
        guard let record = bundle.record else { return }
        if let reason = record.view.reason {
            let file = bundle.path / Path(BundleFile.reason)
            try spool.removeIfPresent(file)
            try spool.write(new: file, JSONText.encode(Reason.File(reason, of: record.view)))
        }
        for name in bundle.files { try spool.root.open(bundle.path / name).startWriting() }
    }

    private func renew(_ bundle: StagedBundle) throws(SystemError) {
        for name in bundle.files {
            let status = try spool.root.status(of: bundle.path / name)
            guard status?.kind == .file, let size = status?.size,
                size <= spool.settings.maxImageBytes
            else { continue }
            do throws(SystemError) { try spool.replaceByCopy(bundle.path / name) } catch {
                guard error.isPermission else { throw error }
            }
        }
    }

    /// I2: every byte and the record are on the disk before the bundle gets its name in a state.
    private func seal(_ bundle: StagedBundle) throws(SystemError) {
        guard let record = bundle.record else { return try expand(bundle) }
        if !bundle.isSealed {
            try spool.write(record, in: bundle.path)
            let isSame = try flushMembers(of: bundle)
            guard try isSame ? true : isWhole(bundle, record) else { return try lose(bundle) }
            try spool.root.remove(bundle.path / Path(BundleFile.members))
        }
        let directory = try spool.root.directory(bundle.path)
        // R2: the last change inside; from here on the mtime is the FIFO key.
        try directory.setModified(
            bundle.target == .queued
                ? record.stamp : record.view.reason?.rejectedAt.nanoseconds ?? record.stamp)
        try spool.flush(directory: bundle.path)
    }

    /// The disk lost a part of it: it is composed anew, as a refusal.
    func lose(_ bundle: StagedBundle) throws(SystemError) {
        bundle.isLost = true
        bundle.record = nil
        bundle.inspection = nil
        try compose(bundle)
        try seal(bundle)
    }

    /// Whether what had to be copied still is what was examined.
    private func isWhole(_ bundle: StagedBundle, _ record: JobRecord) throws(SystemError) -> Bool {
        let again = try Inspection(of: bundle, in: spool)
        return again.sha256 == record.view.sha256
            && again.request?.instruction == record.view.instruction
    }

    /// False when a file could not be flushed and was copied.
    func flushMembers(of bundle: StagedBundle) throws(SystemError) -> Bool {
        var isSame = true
        for name in bundle.files where try !spool.flushOrCopy(bundle.path / name) { isSame = false }
        guard bundle.target == .rejected else { return isSame }
        // What a refused sender sent is kept whole too, as far as we may open it.
        for member in bundle.drop.members
        where try spool.root.status(of: bundle.path / member.name)?.kind == .file {
            do throws(SystemError) {
                try spool.flushOrCopy(bundle.path / member.name)
            } catch {
                guard error.isPermission else { throw error }
            }
        }
        return true
    }

    private func publish(_ bundle: StagedBundle) throws(SystemError) {
        guard !bundle.isExpanded else { return try publishRows(of: bundle) }
        let id = try publish(
            bundle.path, as: bundle.drop.id, in: bundle.target, of: bundle.record?.view.station)
        bundle.record?.view.id = id
    }

    /// R12: where something else has its name, which nobody told of, it gets the next one; the name
    /// it got.
    func publish(
        _ path: Path, as first: JobID, in state: JobState, of station: String?
    ) throws(SystemError) -> JobID {
        var id = first
        var number = 1
        while true {
            do throws(SystemError) {
                try spool.root.rename(path, to: .bundle(state, id))
                return id
            } catch {
                guard error.code == .exists else { throw error }
                spool.log.write(
                    "'\(Path.bundle(state, id))' stands there already, and is no job of the "
                        + "service; it is left alone, and the drop takes the next name.", .warning,
                    .problem, job: first, station: station)
            }
            repeat { number += 1 } while isTaken(first.variant(number))
            id = first.variant(number)
        }
    }
}

/// A drop on its way through staging.
final class StagedBundle {
    let drop: Drop
    /// Whether its directory is ours: nothing else had its name.
    var isMade = false
    /// Whether its files may have met a flush that failed.
    var isDoubtful = false
    /// Whether the disk lost a part of its files.
    var isLost = false
    /// Whether any file of the station stands in staging.
    var hasTaken = false
    /// Whether record and files are on the disk already.
    var isSealed = false
    /// Members that were not where they should be.
    var missing: [Drop.Member] = []
    /// Members that the service lacks the permission to move.
    var immovable: [Drop.Member] = []
    var record: JobRecord?
    /// What was found of a batch that is to be admitted.
    var inspection: Inspection?
    /// Of a batch: whether the bundles of all rows are whole and durable.
    var isExpanded = false
    /// Of a batch: the records of the rows that were admitted.
    var rows: [JobRecord] = []
    /// Of a batch: names of rows that something else had.
    var gone: [JobID] = []
    /// Where what is left of a batch was put.
    var remains: Path?
    var error: SystemError?

    init(_ drop: Drop) { self.drop = drop }

    var path: Path { .staging(drop.id) }

    /// Where it goes.
    var target: JobState { record?.view.reason == nil ? .queued : .rejected }

    /// The directories its members come from, and that of its folder.
    var sources: [Path] {
        let directories = drop.members.map { $0.source.parent }
        return drop.folder.map { [$0.parent] } ?? directories
    }

    /// The station's files that the bundle cannot do without.
    var files: [Path] {
        guard target == .queued else { return [] }
        return drop.members.filter { $0.role != .other }.map(\.name)
    }
}
