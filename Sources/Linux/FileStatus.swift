internal import CLinux
internal import Glibc

/// Which file it is, whatever its name.
public struct FileIdentity: Hashable, Sendable, Codable {
    /// The filesystem.
    public let device: UInt64
    /// The file in it.
    public let inode: UInt64

    /// The file `inode` of the filesystem `device`.
    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// What the kernel says of a file, without following a link.
public struct FileStatus: Hashable, Sendable {
    /// What kind of file it is.
    public enum Kind: String, Sendable {
        case file = "regular file"
        case directory
        case symbolicLink = "symbolic link"
        case fifo = "named pipe"
        case socket
        case device
    }

    /// What kind of file it is.
    public let kind: Kind
    /// Which file it is.
    public let identity: FileIdentity
    /// Bytes.
    public let size: Int64
    /// Bytes on disk.
    public let allocated: Int64
    /// Last change of the content; nanoseconds since 1970.
    public let modified: Int64
    /// Last change of content, names or permissions, set by the kernel; nanoseconds since 1970.
    public let changed: Int64
    /// How many names it has.
    public let links: UInt64
    /// The user it belongs to.
    public let owner: UInt32
    /// Permission bits.
    public let mode: UInt32

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            default: .device
            }
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        size = Int64(status.st_size)
        allocated = Int64(status.st_blocks) * 512
        modified = status.st_mtim.nanoseconds
        changed = status.st_ctim.nanoseconds
        links = UInt64(status.st_nlink)
        owner = status.st_uid
        mode = UInt32(status.st_mode & 0o7777)
    }
}

extension timespec {
    /// Saturates: a filesystem may hold any time.
    var nanoseconds: Int64 {
        let (product, over) = Int64(tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        guard !over else { return tv_sec < 0 ? .min : .max }
        let (sum, past) = product.addingReportingOverflow(Int64(tv_nsec))
        return past ? .max : sum
    }

    init(nanoseconds: Int64) {
        let second: Int64 = 1_000_000_000
        let part = nanoseconds % second
        self.init()
        tv_sec = Int(nanoseconds / second - (part < 0 ? 1 : 0))
        tv_nsec = Int(part < 0 ? part + second : part)
    }
}
