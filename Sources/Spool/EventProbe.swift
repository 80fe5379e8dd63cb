// Whether a directory tells what happens in it: a file is made there, and an event must come of it.
//
// The file is hidden, never taken for a drop, and gone at once; what a killed process left is
// removed by the next one that opens the directory. That an event comes of what this machine does
// proves nothing about other machines: directories on FUSE or on a network are listed anyway.

public import Linux
internal import SpoolFormat

/// Makes a file and waits for the event.
public enum EventProbe {
    /// The name's start; the pid of who made it and a random number follow.
    static let prefix = ".gpuspool-probe."

    /// The kernel tells of a file before the call that made it returns; elsewhere it may take longer.
    private static let patience = Duration.milliseconds(200)

    /// Whether an event comes of a file that is made in `directory`, watched by its path.
    ///
    /// Blocks for 200 ms at most, and only where none comes.
    public static func isAnswered(in directory: borrowing Directory, watchedAs path: Path)
        throws(SystemError) -> Bool
    {
        let loop = try EventLoop()
        let inotify = try Inotify(loop) { [unowned loop] in loop.stop() }
        let deadline = Moment.now + patience
        let timer = try Timer(loop) { [unowned loop] in loop.stop() }
        _ = try inotify.add(path, [.created])
        let name = Path("\(prefix)\(Host.pid).\(Hexadecimal.text(of: Host.random(6)))")
        _ = try directory.create(name, mode: 0o600)
        try directory.remove(name)
        timer.set(deadline)
        repeat {
            try loop.run()
            if try inotify.drain().contains(where: { $0.name == name }) { return true }
        } while Moment.now < deadline
        return false
    }

    /// Removes what processes left that were killed in between.
    static func removeLeftovers(in directory: borrowing Directory) throws(SystemError) {
        for name in try directory.names() where name.bytes.starts(with: prefix.utf8) {
            let digits = name.bytes.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: ".") }
            let pid = Int32(String(decoding: digits, as: UTF8.self))
            guard let pid, pid == Host.pid || !ProcessWatch.isRunning(pid) else { continue }
            // Nobody else's: what senders hide stays.
            let status = try directory.status(of: name)
            guard let status, status.kind == .file, status.owner == Host.user else { continue }
            try directory.remove(name)
        }
    }
}
