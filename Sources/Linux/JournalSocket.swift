internal import CLinux
internal import Glibc

/// Where systemd's journal takes entries in its native protocol.
public final class JournalSocket: Sendable {
    /// Its place on a machine that runs systemd.
    public static let path: Path = "/run/systemd/journal/socket"

    private let raw: Int32
    private let path: Path

    /// Opens a way to the socket at `path`; whether anybody listens there shows when something is
    /// sent. The corresponding system call is `socket(AF_UNIX, SOCK_DGRAM)`.
    public init(at path: Path = JournalSocket.path) throws(SystemError) {
        raw = try retrying("socket") {
            socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        self.path = path
    }

    deinit { close(raw) }

    /// Hands over an entry without waiting; fails with `wouldBlock` when the journal is behind.
    ///
    /// One that is too large for a datagram goes as a file in memory that nobody can change any more.
    /// The corresponding system calls are `sendto`, `memfd_create` and `sendmsg(SCM_RIGHTS)`.
    public func send(_ entry: [UInt8]) throws(SystemError) {
        // The socket is found by its name each time: a journal that starts anew makes another.
        do throws(SystemError) {
            try retrying("sendto", path) {
                path.withCString { clinux_send_datagram(raw, $0, entry, entry.count, -1) }
            }
        } catch {
            guard error.isTooLarge else { throw error }
            let file = try Descriptor.inMemory(entry, isSealed: true)
            let number = file.raw
            try retrying("sendmsg", path) {
                path.withCString { clinux_send_datagram(raw, $0, nil, 0, number) }
            }
        }
    }
}

extension SystemError {
    /// Whether a datagram cannot hold it.
    fileprivate var isTooLarge: Bool {
        code.rawValue == EMSGSIZE || code.rawValue == ENOBUFS
    }
}

extension StandardStream {
    /// Whether systemd has connected it with its journal: `$JOURNAL_STREAM` says which file that
    /// is (systemd.exec(5)), and a child may have been given another.
    public var isJournal: Bool {
        guard let text = Host.variable("JOURNAL_STREAM")?.text else { return false }
        var status = stat()
        guard fstat(rawValue, &status) == 0 else { return false }
        return text == "\(status.st_dev):\(status.st_ino)"
    }
}
