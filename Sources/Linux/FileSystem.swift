internal import CLinux
internal import Glibc

/// What kind of filesystem a directory is on, and how much room it has.
public struct FileSystem: Sendable {
    /// The kernel's number for the kind.
    public let type: Int64
    /// Bytes that this user may still write.
    public let available: UInt64
    /// Files that may still be made; nil where the filesystem does not count them.
    public let availableFiles: UInt64?

    /// Asks about the filesystem of an open directory. The corresponding call is `fstatfs`.
    public init(of directory: borrowing Directory) throws(SystemError) {
        let raw = directory.descriptor.raw
        var answer = statfs()
        try retrying("fstatfs", directory.path) { fstatfs(raw, &answer) }
        type = Int64(answer.f_type)
        let size = UInt64(clamping: answer.f_frsize > 0 ? answer.f_frsize : answer.f_bsize)
        let (bytes, over) = UInt64(answer.f_bavail).multipliedReportingOverflow(by: size)
        available = over ? .max : bytes
        availableFiles = answer.f_files > 0 ? UInt64(answer.f_ffree) : nil
    }

    /// Whether all writers go through this machine's kernel: only then do events come for every
    /// change, and only then does the read lease of the kernel prove anything.
    ///
    /// Measured: FUSE and overlay give no event for changes beneath them, and FUSE grants the
    /// lease blindly.
    public var isLocal: Bool { FileSystem.isLocal(type) }

    static func isLocal(_ type: Int64) -> Bool {
        // NFS, CIFS, SMB2, SMB, FUSE, overlay, 9p, Ceph, AFS, Coda, GFS2, OCFS2
        let elsewhere: Set<Int64> = [
            0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x6573_5546, 0x794C_7630, 0x0102_1997,
            0x00C3_6400, 0x5346_414F, 0x7375_7245, 0x0116_1970, 0x7461_636F,
        ]
        return !elsewhere.contains(type & 0xFFFF_FFFF)
    }
}
