// What a crash or an error left in staging, and how it goes on (R6): each bundle by itself, so that
// one that cannot be read holds no other up, and none blocks its name for ever.

public import Linux
public import SpoolFormat

extension Staging {
    /// The jobs in staging, whether each will be admitted as far as is known (they count), and the
    /// batch that it is a row of.
    public func pending() throws(SystemError) -> [(id: JobID, counts: Bool, batch: JobID?)] {
        var pending: [(id: JobID, counts: Bool, batch: JobID?)] = []
        for name in try spool.names(in: .hidden(SpoolFile.Hidden.staging)) {
            guard let id = try? JobID(name.bytes) else { continue }
            do throws(SystemError) {
                if let rows = try expandedRows(of: id) {
                    pending.append((id, false, nil))
                    pending += rows.map { ($0, true, id) }
                } else if let drop = try intention(of: id) {
                    pending.append((id, drop.refusal == nil && !drop.isBatch, nil))
                    pending += (drop.rows ?? []).map { ($0, true, id) }
                } else {
                    let reason = Path.staging(id) / Path(BundleFile.reason)
                    pending.append((id, try spool.root.status(of: reason) == nil, nil))
                }
            } catch {
                if error.isGeneral { throw error }
                spool.log.write(error, while: "Looking at staged drop \(id.short)", job: id)
                pending.append((id, true, nil))
            }
        }
        return pending
    }

    /// Goes on with what a crash or an error left in staging.
    public func recover() throws(SystemError) -> [(id: JobID, outcome: Outcome)] {
        var bundles: [StagedBundle] = []
        var others: [(id: JobID, outcome: Outcome)] = []
        for name in try spool.names(in: .hidden(SpoolFile.Hidden.staging)) {
            guard let id = try? JobID(name.bytes) else { continue }
            do throws(SystemError) {
                if let bundle = try expanded(id) {
                    bundles.append(bundle)
                } else if let bundle = try begun(id) {
                    bundles.append(bundle)
                } else if let bundle = try sealed(id) {
                    bundles.append(bundle)
                } else {
                    others.append((id, try clear(id)))
                }
            } catch {
                // One bundle's error is its own.
                if error.isGeneral { throw error }
                others.append((id, .stuck(error)))
            }
        }
        isFirstRecovery = false
        let outcomes = finish(bundles)
        return others + zip(bundles, outcomes).map { ($0.drop.id, $1) }
    }

    /// A bundle whose intention stands.
    ///
    /// Whoever left it may have met a failed flush of its files, which nobody is told twice.
    private func begun(_ id: JobID) throws(SystemError) -> StagedBundle? {
        guard let drop = try intention(of: id) else { return nil }
        let bundle = StagedBundle(drop)
        bundle.isDoubtful = isFirstRecovery && drop.refusal == nil
        return bundle
    }

    func intention(of id: JobID) throws(SystemError) -> Drop? {
        let path = Path.staging(id) / Path(BundleFile.members)
        // Our own file: as long as the folder had members.
        guard
            let bytes = try readable({ () throws(SystemError) in
                try spool.read(path, limit: .max)
            })
        else { return nil }
        return JSONText.decode(Membership.self, from: bytes)?.drop(id)
    }

    /// A bundle whose record is written and whose intention is gone: only to be published.
    private func sealed(_ id: JobID) throws(SystemError) -> StagedBundle? {
        guard
            let record = try readable({ () throws(SystemError) in
                try spool.record(in: .staging(id), of: id)
            })
        else { return nil }
        let drop = Drop(
            id: id, station: nil, droppedAs: Path(id), createdAt: .now, folder: nil, members: [],
            refusal: record.view.reason?.refusal)
        let bundle = StagedBundle(drop)
        bundle.record = record
        bundle.isSealed = true
        return bundle
    }

    /// A directory, a link or a pipe in place of a file will not become one.
    private func readable<Value>(_ body: () throws(SystemError) -> Value?) throws(SystemError)
        -> Value?
    {
        do throws(SystemError) { return try body() } catch {
            let damages: [SystemError.Code] = [.isADirectory, .symbolicLink, .notAFile, .invalid]
            guard damages.contains(error.code) else { throw error }
            return nil
        }
    }

    /// Removes a bundle into which nothing was taken. One that holds a station's file, with no word
    /// of what it was to become, is refused (I7); what is no bundle is moved aside. A name is never
    /// blocked by what cannot go on.
    private func clear(_ id: JobID) throws(SystemError) -> Outcome {
        let path = Path.staging(id)
        if try spool.root.status(of: path)?.kind == .directory {
            // Copies, which nobody was admitted with.
            try removeRows(of: path)
            let ours: Set<Path> = [Path(BundleFile.lease), Path(BundleFile.members)]
            guard try !spool.names(in: path).allSatisfy(ours.contains) else {
                try spool.root.removeTree(path)
                return .discarded
            }
            do throws(SystemError) { return .refused(try spool.refuse(staged: id)) } catch {
                guard error.code == .exists else { throw error }
            }
        }
        try spool.setAside(path, because: "is no drop that was being taken")
        spool.log.write(
            "'\(path)' is no drop that can go on; moved to .spool/aside/, where why.txt tells more.",
            .warning, .damaged, job: id)
        return .discarded
    }
}
