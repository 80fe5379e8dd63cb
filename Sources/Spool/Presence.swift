// Whether the spool that is open still is the one that stands at its path.
//
// Its directories may be removed, replaced, renamed away, unmounted or mounted over while it is
// served, and all of it may go with the disk below it. Whoever serves it then would go on with
// directories that nobody sees any more, so it lets go of everything and waits until a spool
// stands there again.
//
// Removing and renaming raise events, of the spool's own directories and of those above it.
// Mounting over a directory raises none: the owner asks again when the mount table changes, and
// after every error. `incoming/` is not looked at here: it alone is simply opened anew (`Inbox`).

public import Linux
internal import SpoolFormat

/// Looks after the place where an open spool stands.
public final class Presence {
    private let spool: Spool
    private let root: FileIdentity
    private var parts: [(path: Path, identity: FileIdentity)] = []
    private let isLocal: Bool
    private var inotify: Inotify?

    /// Remembers what stands there now; `changed` is called when that may be so no longer.
    ///
    /// - Throws: when a part of the spool is missing.
    public init(_ spool: Spool, on loop: EventLoop, changed: @escaping () -> Void)
        throws(SystemError)
    {
        self.spool = spool
        root = try spool.root.status().identity
        isLocal = try FileSystem(of: spool.root).isLocal
        let inotify = try Inotify(loop) { [unowned self] in
            // What happened is looked at, not what was told of it.
            _ = try? self.inotify?.drain()
            changed()
        }
        self.inotify = inotify
        // Watches first: what is replaced after it was remembered is told.
        let mask: Inotify.Mask = [.removed, .movedFrom, .selfMoved, .selfRemoved]
        _ = try inotify.add(spool.path, mask)
        _ = try inotify.add(spool.path / Path(SpoolFile.hidden), mask)
        watchAbove(spool.path, inotify)
        for path in Presence.directories {
            parts.append((path, try spool.root.directory(path).status().identity))
        }
    }

    /// Without the permission to look into one of them its renaming is not seen, no more.
    private func watchAbove(_ path: Path, _ inotify: Inotify) {
        var above = path
        while above != "/", above != "." {
            above = above.parent
            _ = try? inotify.add(above, .selfMoved)
        }
    }

    private static var directories: [Path] {
        JobState.allCases.map { Path($0) } + [Path(SpoolFile.status), Path(SpoolFile.hidden)]
            + SpoolFile.Hidden.directories.map { Path.hidden($0) }
    }

    /// What became of the open spool; nil while it stands where it stood.
    public func loss() -> String? {
        do throws(SystemError) {
            guard try Directory(spool.path).status().identity == root else {
                return "something else stands in its place"
            }
            for part in parts {
                guard let status = try spool.root.status(of: part.path) else {
                    return "'\(part.path)' is gone"
                }
                guard isSame(status.identity, part.identity) else {
                    return "something else stands in place of '\(part.path)'"
                }
            }
            // Answers from the disk itself: of one that failed the kernel still knows the names.
            _ = try spool.root.open(.hidden(SpoolFile.Hidden.version)).contents(limit: 1)
            return nil
        } catch {
            // No descriptors, no permission: that tells nothing about the spool.
            if error.isShortage || error.isPermission { return nil }
            return error.isNotFound ? "it is gone" : "\(error)"
        }
    }

    /// A network filesystem may give a file that nobody has open another number.
    private func isSame(_ now: FileIdentity, _ before: FileIdentity) -> Bool {
        now.device == before.device && (now.inode == before.inode || !isLocal)
    }
}
