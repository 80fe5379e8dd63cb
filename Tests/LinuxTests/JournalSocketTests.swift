import Glibc
import Testing

@testable import Linux

/// A receiver as systemd's journal is one.
private final class Receiver {
    let path: Path
    let raw: Int32

    init(at path: Path) throws {
        self.path = path
        raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(raw) }

    /// The next entry: what is in the datagram, or in the file that came with it.
    func receive() throws -> (bytes: [UInt8], seals: Int32?) {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var control = [UInt8](repeating: 0, count: 64)
        let (count, space) = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    let count = recvmsg(raw, &message, Int32(MSG_DONTWAIT))
                    return (count, message.msg_controllen)
                }
            }
        }
        try #require(count >= 0)
        guard space > 0 else { return (Array(bytes[..<count]), nil) }
        let file = control.withUnsafeBytes { $0.load(fromByteOffset: 16, as: Int32.self) }
        defer { close(file) }
        // F_GET_SEALS
        let seals = fcntl(file, 1034)
        let size = pread(file, &bytes, bytes.count, 0)
        return (Array(bytes[..<size]), seals)
    }
}

@Suite struct JournalSocketTests {
    @Test func `an entry is one datagram`() throws {
        try withTemporaryDirectory { directory in
            let receiver = try Receiver(at: directory.path / "s")
            let journal = try JournalSocket(at: receiver.path)
            try journal.send(Array("A=1\n".utf8))
            try journal.send(Array("B=2\n".utf8))
            #expect(try receiver.receive().bytes == Array("A=1\n".utf8))
            #expect(try receiver.receive().bytes == Array("B=2\n".utf8))
        }
    }

    // More than net.core.wmem_default. The journal takes only files that nobody can change.
    @Test func `a large one is a sealed file`() throws {
        try withTemporaryDirectory { directory in
            let receiver = try Receiver(at: directory.path / "s")
            let journal = try JournalSocket(at: receiver.path)
            let entry = Array("MESSAGE=".utf8) + [UInt8](repeating: 0x61, count: 500_000) + [0x0A]
            try journal.send(entry)
            let received = try receiver.receive()
            #expect(received.bytes == entry)
            // F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE.
            #expect(received.seals == 15)
        }
    }

    @Test func `a journal that is behind is not waited for`() throws {
        try withTemporaryDirectory { directory in
            let receiver = try Receiver(at: directory.path / "s")
            let journal = try JournalSocket(at: receiver.path)
            let error = failure { () throws(SystemError) in
                for _ in 0..<100_000 { try journal.send([0x0A]) }
            }
            #expect(error?.code == .wouldBlock)
            #expect(error?.paths == [receiver.path])
        }
    }

    @Test func `one that starts anew is found again`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.path / "s"
            let journal = try JournalSocket(at: path)
            #expect(
                failure { () throws(SystemError) in try journal.send([0x0A]) }?.code == .notFound)
            _ = try Receiver(at: path)
            // Nobody listens, but its name stands there.
            let refused = failure { () throws(SystemError) in try journal.send([0x0A]) }
            #expect(refused?.code.rawValue == ECONNREFUSED)
            try directory.remove("s")
            let receiver = try Receiver(at: path)
            try journal.send(Array("A=1\n".utf8))
            #expect(try receiver.receive().bytes == Array("A=1\n".utf8))
        }
    }

    @Test func `a name that no socket can have is an error`() throws {
        let journal = try JournalSocket(at: Path("/" + String(repeating: "a", count: 200)))
        let error = failure { () throws(SystemError) in try journal.send([0x0A]) }
        #expect(error?.code == .nameTooLong)
    }
}
