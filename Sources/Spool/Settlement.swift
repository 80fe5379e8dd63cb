// What became of drops that were taken: the table and the log learn it, and what got stuck in staging
// is tried again. Nothing is decided here; a crash leaves it to the next start (R6).

internal import Linux
internal import SpoolFormat

extension Watcher {
    /// Goes on with what stands in staging.
    func recoverStaging() {
        nextRecovery = nil
        do throws(SystemError) {
            // R5: what stands there counts before it goes on.
            for (id, counts, batch) in try staging.pending() where !table.contains(id) {
                if counts { table.reserve(id, of: batch) } else { table.stage(id) }
            }
            for (id, outcome) in try staging.recover() { settle(id, outcome) }
        } catch {
            spool.log.write(error, while: "Recovering staged drops")
            nextRecovery = .now + .seconds(5)
        }
    }

    /// Takes note of what became of a drop that was taken.
    func settle(_ staged: JobID, _ outcome: Staging.Outcome) {
        let candidate = interrupted.removeValue(forKey: staged)
        var id = staged
        if case .admitted(let record) = outcome { id = record.view.id }
        if case .refused(let record) = outcome { id = record.view.id }
        // R12: something else has its name.
        if id != staged { forget(staged) }
        switch outcome {
        case .admitted(let record):
            table.queued(id, stamp: record.stamp, record)
            // Of those that are taken together, the later ones stand in staging still.
            let size = table.live.filter { table.jobs[$0]?.place != .staging }.count
            spool.log.write(
                "Job \(id.short) submitted - Queue size: \(size)", .info, .submitted,
                of: record.view)
        case .expanded(let records, let gone):
            for name in [id] + gone { table.withdraw(name) }
            for record in records { settle(record.view.id, .admitted(record)) }
            spool.log.write(
                "Batch \(id) expanded - \(records.count) jobs", .info, .expanded, job: id,
                station: records.first?.view.station)
        case .refused(let record):
            table.withdraw(rowsOf: staged)
            table.finished(id, .rejected, record)
            let reason = record.view.reason?.refusal
            spool.log.write(
                "Job \(id.short) rejected - \(reason?.code.rawValue ?? ""): "
                    + (reason?.detail ?? ""), .info, .rejected, of: record.view)
        case .discarded:
            table.withdraw(id)
            table.withdraw(rowsOf: id)
            inbox.recall(candidate)
        case .left(let error):
            spool.log.write(
                error, while: "Taking job \(id.short)", job: id,
                station: candidate?.station?.description)
            table.withdraw(id)
            table.withdraw(rowsOf: id)
            inbox.recall(candidate)
        case .stuck(let error):
            interrupted[id] = candidate
            spool.log.write(
                error, while: "Taking job \(id.short)", job: id,
                station: candidate?.station?.description)
            table.note(trouble: "The service cannot finish taking it: \(error).", of: id)
            nextRecovery = .now + .seconds(5)
        }
    }

    /// What has a name in a state that nobody had told of becomes known.
    private func forget(_ staged: JobID) {
        if table.jobs[staged]?.place == .staging { table.withdraw(staged) }
        do throws(SystemError) { try learn(staged) } catch {
            spool.log.write(error, while: "Looking at job \(staged.short)", job: staged)
        }
    }
}
