public import Linux
internal import SpoolFormat

/// Waits for a spool to come: watches its place, or the nearest directory above that is there.
///
/// Only a help to be quick, in a place where a mount may come without an event: the owner also
/// asks by a timer and when the mount table changes. Nothing is held open, so that a disk can be
/// unmounted meanwhile.
public final class Vigil {
    private let path: Path
    private var inotify: Inotify?
    private var watches: Set<Inotify.Watch> = []

    /// Calls `changed` when something came to where the spool at `path` should be.
    public init(_ path: Path, on loop: EventLoop, changed: @escaping () -> Void)
        throws(SystemError)
    {
        self.path = path
        inotify = try Inotify(loop) { [unowned self] in
            _ = try? inotify?.drain()
            changed()
        }
        look()
    }

    /// Looks which directories are there now; after each change.
    public func look() {
        guard let inotify else { return }
        let before = watches
        watches = []
        // Innermost first: what is made while this looks is made in one that is watched already.
        for place in [path / Path(SpoolFile.hidden), path] { watch(place, inotify) }
        var above = path
        while watches.isEmpty, above != "/", above != "." {
            above = above.parent
            watch(above, inotify)
        }
        for watch in before.subtracting(watches) { inotify.remove(watch) }
    }

    private func watch(_ place: Path, _ inotify: Inotify) {
        let mask: Inotify.Mask = [.created, .movedTo, .selfRemoved, .selfMoved]
        if let watch = try? inotify.add(place, mask) { watches.insert(watch) }
    }
}
