internal import CLinux
internal import Glibc

/// A system call that failed: which call, on what, and why.
public struct SystemError: Error, Hashable, Sendable {
    /// The kernel's reason, as `errno` gave it.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The value of `errno`.
        public let rawValue: Int32
        /// A code from a value of `errno`.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// ENOENT.
        public static let notFound = Code(rawValue: ENOENT)
        /// EEXIST.
        public static let exists = Code(rawValue: EEXIST)
        /// ENOTEMPTY.
        public static let notEmpty = Code(rawValue: ENOTEMPTY)
        /// EAGAIN.
        public static let wouldBlock = Code(rawValue: EAGAIN)
        /// EACCES.
        public static let accessDenied = Code(rawValue: EACCES)
        /// EPERM.
        public static let notPermitted = Code(rawValue: EPERM)
        /// ENOTDIR.
        public static let notADirectory = Code(rawValue: ENOTDIR)
        /// EISDIR.
        public static let isADirectory = Code(rawValue: EISDIR)
        /// ELOOP: what was to be opened is a symbolic link.
        public static let symbolicLink = Code(rawValue: ELOOP)
        /// ENXIO: a FIFO without a reader, or a socket, was to be opened.
        public static let notAFile = Code(rawValue: ENXIO)
        /// EINVAL.
        public static let invalid = Code(rawValue: EINVAL)
        /// ENOSPC.
        public static let noSpace = Code(rawValue: ENOSPC)
        /// EDQUOT.
        public static let quotaExceeded = Code(rawValue: EDQUOT)
        /// EROFS.
        public static let readOnly = Code(rawValue: EROFS)
        /// EPIPE.
        public static let brokenPipe = Code(rawValue: EPIPE)
        /// ESRCH.
        public static let noSuchProcess = Code(rawValue: ESRCH)
        /// ENAMETOOLONG.
        public static let nameTooLong = Code(rawValue: ENAMETOOLONG)
        /// EIO.
        public static let inputOutput = Code(rawValue: EIO)
        /// EMFILE: of this process, or of inotify instances.
        public static let tooManyOpen = Code(rawValue: EMFILE)
        /// ENFILE: of the machine.
        public static let machineFull = Code(rawValue: ENFILE)
        /// ENOMEM.
        public static let outOfMemory = Code(rawValue: ENOMEM)
        /// EXDEV.
        public static let otherFilesystem = Code(rawValue: EXDEV)
        /// EOPNOTSUPP: the filesystem cannot do that.
        public static let notSupported = Code(rawValue: EOPNOTSUPP)
        /// ESTALE: a network filesystem does not know the file any more.
        public static let stale = Code(rawValue: ESTALE)
        /// ENOTCONN: the server of a FUSE filesystem has ended.
        public static let notConnected = Code(rawValue: ENOTCONN)

        /// The name in the manual pages: `ENOENT`.
        public var name: String { String(cString: clinux_error_name(rawValue)) }
    }

    /// The name of the system call.
    public let call: String
    /// What it was called on, in the order of its parameters.
    public let paths: [Path]
    /// Why it failed.
    public let code: Code

    init(_ call: String, _ paths: [Path] = [], code: Int32 = errno) {
        self.call = call
        self.paths = paths
        self.code = Code(rawValue: code)
    }

    /// A lock that somebody else holds, where that is an error.
    public static func isTaken(_ path: Path) -> SystemError {
        SystemError("flock", [path], code: EAGAIN)
    }

    /// Whether what was named is not there.
    public var isNotFound: Bool { code == .notFound || code == .notADirectory }

    /// Whether this process lacks a permission.
    public var isPermission: Bool { code == .accessDenied || code == .notPermitted }

    /// Whether the disk, or the user's part of it, is full or cannot be written.
    public var isDiskFull: Bool {
        (code == .noSpace && !isWatchLimit) || code == .quotaExceeded || code == .readOnly
    }

    /// Whether a limit on watched files and directories was reached, which the kernel calls
    /// ENOSPC too.
    public var isWatchLimit: Bool {
        code == .noSpace && (call == "inotify_add_watch" || call == "epoll_ctl")
    }

    /// Whether a limit on open files, of this process or of the machine, was reached, or memory
    /// is short.
    public var isShortage: Bool {
        code == .tooManyOpen || code == .machineFull || code == .outOfMemory
    }

    /// Whether the next file would meet the same: it waits until somebody makes room.
    public var isGeneral: Bool { isDiskFull || isWatchLimit || isShortage }
}

extension SystemError: CustomStringConvertible {
    /// As in `rename 'a' to 'b': No space left on device (ENOSPC)`.
    public var description: String {
        let text = String(cString: clinux_error_text(code.rawValue))
        let names = paths.map { "'\($0)'" }.joined(separator: " to ")
        return "\(call)\(names.isEmpty ? "" : " ")\(names): \(text) (\(code.name))"
    }
}

/// Runs a system call again while a signal interrupts it; throws what else went wrong.
///
/// Never for `close`: on Linux the descriptor is gone even then.
@discardableResult
func retrying<Result: SignedInteger>(
    _ call: String, _ paths: Path..., body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        if errno != EINTR { throw SystemError(call, paths) }
    }
}
