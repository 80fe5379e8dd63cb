// The service manager's side of sd_notify(3), without its library: datagrams of `NAME=VALUE` lines
// to the socket that it names in the environment.

internal import CLinux
internal import Glibc

/// The service manager that started this process and wants to hear how it is doing.
public final class Supervisor {
    /// Unless it hears `WATCHDOG=1` so often it takes this process for hung; nil: it does not.
    public let watchdog: Duration?
    private let socket: Descriptor
    private let address: Path

    /// How many microseconds a message may wait for a manager that does not read.
    private static let patience = 250_000

    /// Who asked for messages in the environment, which is then taken out of it, so that no child
    /// speaks for this process; nil when nobody did.
    ///
    /// - Throws: when the address cannot be one. The environment is cleared then, too.
    public static func named() throws(SystemError) -> Supervisor? {
        defer { for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) } }
        guard let address = Host.variable("NOTIFY_SOCKET"), !address.bytes.isEmpty else {
            return nil
        }
        return try Supervisor(at: address, watchdog: watchdogInEnvironment())
    }

    /// `address` is a path, or `@` and an abstract name. The system call is `socket`.
    init(at address: Path, watchdog: Duration?) throws(SystemError) {
        self.address = address
        self.watchdog = watchdog
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        socket = Descriptor(
            owning: try retrying("socket", address) { Glibc.socket(AF_UNIX, kind, 0) })
        guard address.isAbsolute || address.bytes.first == UInt8(ascii: "@"),
            SocketAddress(address) != nil
        else { throw SystemError("connect", [address], code: EINVAL) }
        var wait = timeval(tv_sec: 0, tv_usec: Supervisor.patience)
        let (raw, size) = (socket.raw, socklen_t(MemoryLayout<timeval>.size))
        try retrying("setsockopt", address) {
            setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &wait, size)
        }
    }

    /// The time is meant for one process alone, if one is named.
    private static func watchdogInEnvironment() -> Duration? {
        guard let text = Host.variable("WATCHDOG_USEC")?.text, let time = Int64(text), time > 0
        else { return nil }
        if let pid = Host.variable("WATCHDOG_PID")?.text, Int32(pid) != Host.pid { return nil }
        return .microseconds(time)
    }

    /// Tells all these lines at once; false when they did not reach it, so that they should be
    /// told again. The corresponding system call is `sendto`.
    @discardableResult
    public func tell(_ lines: [String]) -> Bool {
        guard let to = SocketAddress(address) else { return false }
        let message = Array(lines.joined(separator: "\n").utf8)
        let raw = socket.raw
        do throws(SystemError) {
            try retrying("sendto", address) {
                to.withPointer { sendto(raw, message, message.count, Int32(MSG_NOSIGNAL), $0, $1) }
            }
            return true
        } catch { return false }
    }

    /// `RELOADING=1`, with the time that newer managers ask for.
    @discardableResult
    public func tellReloading() -> Bool {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return tell(["RELOADING=1", "MONOTONIC_USEC=\(time.nanoseconds / 1000)"])
    }
}

/// A Unix socket's address.
private struct SocketAddress {
    private var storage = sockaddr_un()
    private let length: socklen_t

    /// Nil when the name is too long.
    init?(_ name: Path) {
        storage.sun_family = sa_family_t(AF_UNIX)
        let isAbstract = name.bytes.first == UInt8(ascii: "@")
        // The end of an abstract name is the end of the address.
        let bytes = isAbstract ? [0] + name.bytes.dropFirst() : name.bytes + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: storage.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: bytes) }
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
