// Pause and drain: one empty file each in `.spool/`, made and removed by the operator's commands,
// or by hand. Workers and watcher see them come and go. There is no job that one could hit by
// mistake, so that, unlike orders for jobs, they need no watcher to write them.

public import Linux
internal import SpoolFormat

extension Spool {
    /// Whether workers are to claim nothing.
    public func isPaused() throws(SystemError) -> Bool {
        try root.status(of: .hidden(SpoolFile.Hidden.paused)) != nil
    }

    /// Whether the door is closed.
    public func isDraining() throws(SystemError) -> Bool {
        try root.status(of: .hidden(SpoolFile.Hidden.draining)) != nil
    }

    /// Keeps workers from claiming, durably; the door stays open until the queue is full.
    public func pause() throws(SystemError) { try turnOn(SpoolFile.Hidden.paused) }

    /// Closes the door, durably; workers go on.
    public func drain() throws(SystemError) { try turnOn(SpoolFile.Hidden.draining) }

    /// Ends `pause` and `drain`, durably.
    public func resume() throws(SystemError) {
        for name in [SpoolFile.Hidden.paused, SpoolFile.Hidden.draining] {
            try removeIfPresent(.hidden(name))
        }
        try flush(directory: Path(SpoolFile.hidden))
    }

    private func turnOn(_ name: String) throws(SystemError) {
        do throws(SystemError) {
            try write(new: .hidden(name), [])
        } catch {
            guard error.code == .exists else { throw error }
        }
        try flush(directory: Path(SpoolFile.hidden))
    }
}
