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

    /// What people call the kind, as in `ext4` or `FUSE`; its number where it has no name here.
    public var kind: String {
        let number = type & 0xFFFF_FFFF
        return FileSystem.local[number] ?? FileSystem.elsewhere[number]
            ?? "a filesystem of kind 0x" + String(number, radix: 16)
    }

    /// Whether all writers go through this machine's kernel: only then do events come for every
    /// change, and only then does the read lease of the kernel prove anything.
    ///
    /// Measured: FUSE and overlay give no event for changes beneath them, and FUSE grants the
    /// lease blindly.
    public var isLocal: Bool { FileSystem.isLocal(type) }

    static func isLocal(_ type: Int64) -> Bool { elsewhere[type & 0xFFFF_FFFF] == nil }

    /// Those with a server, or with another directory beneath.
    private static let elsewhere: [Int64: String] = [
        0x6969: "NFS", 0xFF53_4D42: "CIFS", 0xFE53_4D42: "SMB2", 0x517B: "SMB",
        0x6573_5546: "FUSE", 0x794C_7630: "overlay", 0x0102_1997: "9p", 0x00C3_6400: "Ceph",
        0x5346_414F: "AFS", 0x7375_7245: "Coda", 0x0116_1970: "GFS2", 0x7461_636F: "OCFS2",
    ]

    private static let local: [Int64: String] = [
        0xEF53: "ext4", 0x5846_5342: "XFS", 0x9123_683E: "btrfs", 0x0102_1994: "tmpfs",
        0x2FC1_2FC1: "ZFS", 0xF2F5_2010: "F2FS", 0xCA45_1A4E: "bcachefs", 0x8584_58F6: "ramfs",
    ]
}
