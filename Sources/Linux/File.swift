internal import CLinux
internal import Glibc

/// An open regular file.
public struct File: ~Copyable {
    /// What to read and write it by.
    public let descriptor: Descriptor
    /// The name it was opened by, for messages.
    public let path: Path

    /// What the kernel says of it. The corresponding system call is `fstat`.
    public borrowing func status() throws(SystemError) -> FileStatus {
        let raw = descriptor.raw
        var status = stat()
        try retrying("fstat", path) { fstat(raw, &status) }
        return FileStatus(status)
    }

    /// The content from the start, at most `limit` bytes of it.
    public borrowing func contents(limit: Int) throws(SystemError) -> [UInt8] {
        let raw = descriptor.raw
        let known = Int(clamping: try status().size)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(limit, known))
        while bytes.count < limit {
            let offset = bytes.count
            let wanted = min(limit - offset, max(known - offset, 0) + 65_536)
            let chunk = try piece(of: raw, at: offset, count: wanted)
            if chunk.isEmpty { break }
            bytes.append(contentsOf: chunk)
        }
        return bytes
    }

    private borrowing func piece(of raw: Int32, at offset: Int, count: Int) throws(SystemError)
        -> [UInt8]
    {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            do throws(SystemError) {
                used = try retrying("pread", path) {
                    pread(raw, buffer.baseAddress, count, off_t(offset))
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Some of the bytes from where the last one ended; nil at the end.
    public borrowing func read(upTo count: Int) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try descriptor.read(upTo: count)
        } catch { throw SystemError(error.call, [path], code: error.code.rawValue) }
    }

    /// Writes all of `bytes`.
    public borrowing func write(_ bytes: some Sequence<UInt8>) throws(SystemError) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty { rest = rest.dropFirst(try descriptor.write(some: rest, to: path)) }
    }

    /// Waits until content and size are on the disk. The corresponding system call is `fsync`.
    ///
    /// A failure must not be repeated and believed: the kernel may have dropped the pages.
    public borrowing func sync() throws(SystemError) {
        let raw = descriptor.raw
        try retrying("fsync", path) { fsync(raw) }
    }

    /// Starts writing dirty pages to the disk without waiting for them: a later `sync` is short.
    ///
    /// The corresponding system call is `sync_file_range`; only a hint, so errors don't matter.
    public borrowing func startWriting() {
        _ = clinux_start_writing(descriptor.raw)
    }

    /// Sets the permission bits. The corresponding system call is `fchmod`.
    public borrowing func setMode(_ mode: UInt32) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("fchmod", path) { fchmod(raw, mode_t(mode)) }
    }

    /// Sets the time of its last change; nanoseconds since 1970. The system call is `futimens`.
    public borrowing func setModified(_ nanoseconds: Int64) throws(SystemError) {
        let raw = descriptor.raw
        let times = [timespec(nanoseconds: nanoseconds), timespec(nanoseconds: nanoseconds)]
        try retrying("futimens", path) { futimens(raw, times) }
    }

    /// Sets the length. The corresponding system call is `ftruncate`.
    public borrowing func truncate(to length: Int64) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("ftruncate", path) { ftruncate(raw, off_t(length)) }
    }

    /// Takes the bytes of `source`: shares its blocks where the disk can, else copies them.
    ///
    /// Copies no more than `limit` bytes, also of a file that grows meanwhile; shared blocks cost
    /// nothing and may be more. Without `sharesBlocks` every byte is read and written, which helps
    /// where the blocks are in doubt. The corresponding calls are `FICLONE`, `copy_file_range`, then
    /// `read` and `write`.
    public borrowing func copy(
        from source: borrowing File, limit: Int = .max, sharesBlocks: Bool = true
    ) throws(SystemError) {
        let (to, from) = (descriptor.raw, source.descriptor.raw)
        if sharesBlocks, clinux_clone_file(to, from) == 0 { return }
        var left = limit
        while sharesBlocks, left > 0 {
            let count = clinux_copy_file_range(from, to, min(left, 1 << 30))
            if count < 0, errno == EINTR { continue }
            // Some filesystems answer 0 at once for files they cannot copy this way.
            if count <= 0 { break }
            left -= count
        }
        // From where the other call stopped; nothing is left if it did it all.
        while left > 0, let chunk = try source.read(upTo: min(left, 1 << 18)) {
            try write(chunk)
            left -= chunk.count
        }
    }

    /// Whether nobody has it open for writing, as the kernel's read lease tells; nil where the
    /// kernel does not permit the question (another user's file without CAP_LEASE, or a
    /// filesystem without leases).
    ///
    /// The lease is dropped at once: an opener that meets it waits for that, microseconds.
    /// The corresponding call is `fcntl(F_SETLEASE, F_RDLCK)`.
    public borrowing func isClosedByWriters() throws(SystemError) -> Bool? {
        let raw = descriptor.raw
        do throws(SystemError) {
            try retrying("fcntl(F_SETLEASE)", path) { clinux_set_read_lease(raw) }
        } catch {
            switch error.code {
            case .wouldBlock: return false
            case .accessDenied, .notPermitted, .invalid: return nil
            default: throw error
            }
        }
        try retrying("fcntl(F_SETLEASE)", path) { clinux_drop_lease(raw) }
        return true
    }

    /// Takes the lock of this open file for itself alone, if nobody else has it.
    ///
    /// It lasts until the descriptor is closed or the process dies. The corresponding system call
    /// is `flock(LOCK_EX | LOCK_NB)`, never POSIX record locks: in one process a second one of
    /// those is granted.
    public borrowing func tryLock() throws(SystemError) -> Bool {
        let raw = descriptor.raw
        do throws(SystemError) {
            try retrying("flock", path) { flock(raw, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            guard error.code == .wouldBlock else { throw error }
            return false
        }
    }

    /// Whether somebody holds the lock, without keeping a third one from getting it for itself
    /// alone for longer than a moment. The corresponding call is `flock(LOCK_SH | LOCK_NB)`.
    public borrowing func isLocked() throws(SystemError) -> Bool {
        let raw = descriptor.raw
        do throws(SystemError) {
            try retrying("flock", path) { flock(raw, LOCK_SH | LOCK_NB) }
        } catch {
            guard error.code == .wouldBlock else { throw error }
            return true
        }
        try retrying("flock", path) { flock(raw, LOCK_UN) }
        return false
    }

    /// Waits for the lock; only for locks held for moments. The call is `flock(LOCK_EX)`.
    public borrowing func lock() throws(SystemError) {
        let raw = descriptor.raw
        try retrying("flock", path) { flock(raw, LOCK_EX) }
    }
}
