internal import Glibc
public import Linux

/// A service manager's end of sd_notify(3): a datagram socket that keeps what is told.
public final class ManagerSocket {
    private let socket: Int32
    /// All messages that were taken so far.
    public private(set) var heard: [String] = []
    /// How many of them were looked at.
    private var seen = 0

    /// Listens at a path, or at `@` and an abstract name.
    public init(at address: Path) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let isAbstract = address.bytes.first == UInt8(ascii: "@")
        let bytes = isAbstract ? [0] + address.bytes.dropFirst() : address.bytes + [0]
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) }
        }
        guard socket >= 0, result == 0 else { throw Problem(description: "bind: \(errno)") }
    }

    deinit { close(socket) }

    /// Why there is no socket.
    public struct Problem: Error, CustomStringConvertible {
        /// The call and its errno.
        public let description: String
    }

    /// Takes what has come since the last time.
    @discardableResult
    public func take() -> [String] {
        var fresh: [String] = []
        while let message = receive() { fresh.append(message) }
        heard += fresh
        return fresh
    }

    /// The next message that is so, and none before it any more; nil when it has not come yet.
    public func next(where isWanted: (String) -> Bool) -> String? {
        take()
        guard let place = heard[seen...].firstIndex(where: isWanted) else { return nil }
        seen = place + 1
        return heard[place]
    }

    /// From now on only what comes later is looked at.
    public func skip() {
        take()
        seen = heard.count
    }

    private func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    /// Fills its queue, so that nothing more can be told to it.
    public func fill(from address: Path) {
        while ManagerSocket.send(to: address) {}
    }

    private static func send(to address: Path) -> Bool {
        let from = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(from) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address.bytes + [0]) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        return withUnsafePointer(to: name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(from, "x", 1, Int32(MSG_DONTWAIT), $0, length) == 1
            }
        }
    }
}
