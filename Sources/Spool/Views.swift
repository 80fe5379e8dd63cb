// `status/ID.json` and `queue.json`: written and removed by the watcher only, temporary file and
// rename, without a flush. They are hints for people and stations; where they and the directories
// differ, the directories win. A crash leaves old views, which the next start corrects.

internal import Linux
internal import SpoolFormat

/// Keeps the views as they should be; writes only what changed.
final class Views {
    private let spool: Spool
    private var shown: [JobID: Shown] = [:]
    private var queue: QueueView?
    /// Views that a former watcher left and that nobody has confirmed yet.
    private var leftover: Set<JobID>

    /// A view, and who may read it.
    private struct Shown: Equatable {
        let view: JobView
        let readers: Readers
    }

    init(_ spool: Spool) throws(SystemError) {
        self.spool = spool
        leftover = Set(
            try spool.names(in: Path(SpoolFile.status)).compactMap {
                SpoolFile.id(ofView: $0.bytes)
            })
    }

    /// Makes the views of exactly these jobs stand in `status/`.
    func show(_ views: [JobID: JobView], to readers: (JobView) -> Readers = { _ in .everybody })
        throws(SystemError)
    {
        var problem: SystemError?
        // What cannot be removed now is removed another time; it keeps nobody waiting.
        var stuck: Set<JobID> = []
        for id in leftover.union(shown.keys) where views[id] == nil {
            do throws(SystemError) {
                try spool.removeIfPresent(.view(of: id))
                shown[id] = nil
            } catch {
                problem = error
                stuck.insert(id)
            }
        }
        leftover = stuck
        for (id, view) in views {
            let wanted = Shown(view: view, readers: readers(view))
            guard shown[id] != wanted else { continue }
            do throws(SystemError) {
                try write(wanted)
                shown[id] = wanted
            } catch {
                problem = error
                // The next one would meet the same.
                if error.isGeneral { break }
            }
        }
        if let problem { throw problem }
    }

    private func write(_ shown: Shown) throws(SystemError) {
        var dated = shown.view
        dated.updatedAt = .now
        try spool.write(
            view: .view(of: dated.id), JSONText.encode(dated), readers: shown.readers)
    }

    /// Makes `queue.json` say this; the time of writing alone is no change.
    func show(_ view: QueueView) throws(SystemError) {
        var same = view
        if let queue { same.updatedAt = queue.updatedAt }
        guard same != queue else { return }
        try spool.write(view: .queueView, JSONText.encode(view))
        queue = view
    }
}
