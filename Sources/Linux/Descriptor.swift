internal import CLinux
internal import Glibc

/// An open file descriptor; closed once, when its owner lets it go.
public struct Descriptor: ~Copyable {
    let raw: Int32

    init(owning raw: Int32) { self.raw = raw }

    deinit { _ = Glibc.close(raw) }

    /// The number, for messages and `/proc/self/fd`.
    public var number: Int32 { raw }

    /// Reads up to `count` bytes; nil at the end of the stream, empty when there is nothing yet.
    ///
    /// The corresponding system call is `read`.
    public borrowing func read(upTo count: Int) throws(SystemError) -> [UInt8]? {
        let raw = raw
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            do throws(SystemError) {
                used = try retrying("read") { Glibc.read(raw, buffer.baseAddress, count) }
            } catch { failure = error }
        }
        guard let failure else { return bytes.isEmpty ? nil : bytes }
        guard failure.code == .wouldBlock else { throw failure }
        return []
    }

    /// Writes as much as is taken; the number of bytes, 0 when the other side is not ready.
    ///
    /// The corresponding system call is `write`.
    /// `path` is for messages.
    public borrowing func write(some bytes: ArraySlice<UInt8>, to path: Path = "a pipe")
        throws(SystemError) -> Int
    {
        let raw = raw
        do throws(SystemError) {
            return try retrying("write", path) {
                bytes.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            }
        } catch {
            guard error.code == .wouldBlock else { throw error }
            return 0
        }
    }

    /// Lets reads and writes return at once when there is nothing to do.
    public borrowing func makeNonBlocking() throws(SystemError) {
        let raw = raw
        let flags = try retrying("fcntl") { fcntl(raw, F_GETFL) }
        try set(F_SETFL, flags | O_NONBLOCK)
    }

    fileprivate borrowing func set(_ command: Int32, _ value: Int32) throws(SystemError) {
        let raw = raw
        try retrying("fcntl") { fcntl(raw, command, value) }
    }

    /// An anonymous file in memory that holds `bytes`, read from its start; a sealed one nobody can
    /// change any more.
    ///
    /// The corresponding system calls are `memfd_create` and `fcntl(F_ADD_SEALS)`.
    public static func inMemory(_ bytes: [UInt8], isSealed: Bool = false) throws(SystemError)
        -> Descriptor
    {
        let descriptor = Descriptor(
            owning: try retrying("memfd_create") { clinux_memfd_create("gpuspool") })
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try descriptor.write(some: rest)) }
        let raw = descriptor.raw
        try retrying("lseek") { lseek(raw, 0, SEEK_SET) }
        if isSealed { try retrying("fcntl(F_ADD_SEALS)") { clinux_seal(raw) } }
        return descriptor
    }
}

/// Both ends of a pipe, to be taken out one by one; what stays is closed with it.
public struct Pipe: ~Copyable {
    /// Where to read.
    public var reading: Descriptor?
    /// Where to write.
    public var writing: Descriptor?

    /// A new pipe; neither end is inherited by a child. The call is `pipe2(O_CLOEXEC)`.
    public init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try retrying("pipe") { clinux_pipe(&ends) }
        reading = Descriptor(owning: ends[0])
        writing = Descriptor(owning: ends[1])
    }
}
