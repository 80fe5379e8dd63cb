// `status/ID.json` and `queue.json`: written and removed by the watcher only, temporary file and
// rename, without a flush. They are hints for people and stations; where they and the directories
// differ, the directories win. A crash leaves old views, which the next start corrects.

internal import Linux
internal import SpoolFormat

/// Keeps the views as they should be; writes only what changed.
final class Views {
    private let spool: Spool
    private var shown: [JobID: JobView] = [:]
    private var queue: QueueView?
    /// Views that a former watcher left and that nobody has confirmed yet.
    private var leftover: Set<JobID>

    init(_ spool: Spool) throws(SystemError) {
        self.spool = spool
        leftover = Set(
            try spool.names(in: Path(SpoolFile.status)).compactMap {
                SpoolFile.id(ofView: $0.bytes)
            })
    }

    /// Makes the views of exactly these jobs stand in `status/`.
    func show(_ views: [JobID: JobView]) throws(SystemError) {
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
        for (id, view) in views where shown[id] != view {
            do throws(SystemError) {
                try write(view)
                shown[id] = view
            } catch {
                problem = error
                // The next one would meet the same.
                if error.isGeneral { break }
            }
        }
        if let problem { throw problem }
    }

    private func write(_ view: JobView) throws(SystemError) {
        var dated = view
        dated.updatedAt = .now
        try spool.write(view: .view(of: view.id), JSONText.encode(dated))
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
