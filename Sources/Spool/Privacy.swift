// Who may read what comes of a station's drops: its Unix group alone, if it has one.
//
// A bundle gets its readers in staging, before anybody can see it, and keeps them to its end; when a
// station's group changes, its drop box and the bundles that are there follow, and one that was on
// its way follows when it has ended. Nothing of this is flushed: each start of the watcher does it
// again. Only who
// may look changes, never a bundle's content, name or mtime: no lease is needed (R1, R2).

internal import Linux
internal import SpoolFormat

extension Watcher {
    /// Who may read a job's view, and see its name in the queue's.
    func readers(of view: JobView) -> Readers {
        if let readers = limits.readers(of: view.sender) { return readers }
        // Its station was withdrawn: its bundle tells whether it had a group.
        guard let bundle = bundle(of: view.id),
            let status = try? spool.root.status(of: bundle), status.mode & 0o004 == 0
        else { return .everybody }
        return .owner
    }

    private func bundle(of id: JobID) -> Path? {
        switch table.jobs[id]?.place {
        case .queued: .bundle(.queued, id)
        case .running(let claim): .bundle(AttemptName(id: id, claim: claim))
        case .finished(let state): .bundle(state, id)
        case .staging, .moving, nil: nil
        }
    }

    /// After the declarations were read again: the drop boxes and the jobs of stations whose readers
    /// changed. Who changed them sees to the box too, and may have died before.
    func admitReaders(since before: Limits) {
        for (name, terms) in limits.terms where isChanged(name, terms, since: before) {
            do throws(SystemError) { try Stations(spool).makeDropBox(of: name, terms) } catch {
                spool.log.write(error, while: "Letting station '\(name)' into its drop box")
            }
        }
        for (id, job) in table.jobs {
            guard let readers = limits.readers(of: job.sender),
                readers != before.readers(of: job.sender)
            else { continue }
            admit(readers, to: id)
        }
    }

    /// One that is opened as a drop box for the first time is seen to then.
    private func isChanged(_ name: StationName, _ terms: StationTerms, since before: Limits)
        -> Bool
    {
        guard let former = before.terms[name] else { return false }
        return former.group != terms.group || terms.opensDropBox
    }

    /// A job that has ended may have been on its way when its station's group changed, or have stood
    /// there while nobody served the spool.
    func follow(_ sender: StationName, _ status: FileStatus, of id: JobID) {
        guard let readers = limits.readers(of: sender) else { return }
        let isOpen = status.mode & 0o004 != 0
        if readers != .everybody || !isOpen { admit(readers, to: id) }
    }

    /// Lets these alone read a job's bundle, wherever it stands.
    func admit(_ readers: Readers, to id: JobID) {
        guard let bundle = bundle(of: id) else { return }
        do throws(SystemError) { try spool.allow(readers, on: bundle) } catch {
            // It has moved on: its arrival is an event.
            guard !error.isNotFound else { return }
            spool.log.write(error, while: "Letting a station's group read job \(id.short)", job: id)
        }
    }
}
