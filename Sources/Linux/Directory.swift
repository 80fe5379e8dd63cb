internal import CLinux
internal import Glibc

/// An open directory; what is named in it is found from here, whoever renames its parents.
///
/// Only what is opened is safe against links in the middle of a path; for a path through a
/// directory that others may write to, open that directory first and name the rest in it.
public struct Directory: ~Copyable {
    let descriptor: Descriptor
    /// The name it was opened by, for messages.
    public let path: Path

    private static let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC

    /// Opens a directory by a path from the working directory; links in it are followed.
    public init(_ path: Path) throws(SystemError) {
        descriptor = Descriptor(
            owning: try retrying("open", path) {
                path.withCString { Glibc.open($0, Directory.flags) }
            })
        self.path = path
    }

    private init(owning descriptor: consuming Descriptor, path: Path) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a directory below this one. No part of the path may be a link.
    ///
    /// The corresponding system call is `openat2(RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH)`, as for
    /// all that is opened here.
    public borrowing func directory(_ path: Path) throws(SystemError) -> Directory {
        Directory(
            owning: Descriptor(owning: try openRaw(path, Directory.flags | O_NOFOLLOW)),
            path: self.path / path)
    }

    /// Opens a file to read, without following a link and without waiting for a FIFO's writer.
    ///
    /// The corresponding system call is `openat2(O_RDONLY | O_NOFOLLOW | O_NONBLOCK)`.
    public borrowing func open(_ path: Path) throws(SystemError) -> File {
        let raw = try openRaw(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        return File(descriptor: Descriptor(owning: raw), path: self.path / path)
    }

    /// Makes a file that was not there, open for writing.
    ///
    /// The corresponding system call is `openat2(O_CREAT | O_EXCL | O_NOFOLLOW)`.
    public borrowing func create(_ path: Path, mode: UInt32) throws(SystemError) -> File {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let raw = try openRaw(path, flags, mode: mode)
        return File(descriptor: Descriptor(owning: raw), path: self.path / path)
    }

    /// Opens a file for reading and writing; makes it if it is not there.
    ///
    /// The corresponding system call is `openat2(O_CREAT | O_NOFOLLOW)`.
    public borrowing func openOrCreate(_ path: Path, mode: UInt32) throws(SystemError) -> File {
        let raw = try openRaw(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode: mode)
        return File(descriptor: Descriptor(owning: raw), path: self.path / path)
    }

    private borrowing func openRaw(_ path: Path, _ flags: Int32, mode: UInt32 = 0)
        throws(SystemError) -> Int32
    {
        let raw = descriptor.raw
        return try retrying("open", self.path / path) {
            path.withCString { clinux_open_beneath(raw, $0, flags, mode_t(mode)) }
        }
    }

    /// What the kernel says of a name, without following a link; nil when it is not there.
    ///
    /// The corresponding system call is `fstatat(AT_SYMLINK_NOFOLLOW)`.
    public borrowing func status(of path: Path) throws(SystemError) -> FileStatus? {
        let raw = descriptor.raw
        var status = stat()
        do throws(SystemError) {
            try retrying("stat", self.path / path) {
                path.withCString { fstatat(raw, $0, &status, AT_SYMLINK_NOFOLLOW) }
            }
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
        return FileStatus(status)
    }

    /// What the kernel says of this directory. The corresponding system call is `fstat`.
    public borrowing func status() throws(SystemError) -> FileStatus {
        let raw = descriptor.raw
        var status = stat()
        try retrying("fstat", path) { fstat(raw, &status) }
        return FileStatus(status)
    }

    /// The names in this directory, without `.` and `..`, in no order.
    public borrowing func names() throws(SystemError) -> [Path] {
        let raw = try openRaw(".", Directory.flags)
        guard let stream = fdopendir(raw) else {
            let error = SystemError("opendir", [path])
            _ = Glibc.close(raw)
            throw error
        }
        defer { closedir(stream) }
        var names: [Path] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemError("readdir", [path]) }
                return names
            }
            let name = entry.name
            if name != "." && name != ".." { names.append(name) }
        }
    }

    /// Makes a directory. The corresponding system call is `mkdirat`.
    public borrowing func makeDirectory(_ path: Path, mode: UInt32) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("mkdir", self.path / path) {
            path.withCString { mkdirat(raw, $0, mode_t(mode)) }
        }
    }

    /// Renames within this directory's tree; fails with `exists` when the new name is taken.
    ///
    /// The corresponding system call is `renameat2(RENAME_NOREPLACE)`.
    public borrowing func rename(_ old: Path, to new: Path) throws(SystemError) {
        try rename(old, to: self, new)
    }

    /// Renames into another directory; fails with `exists` when the new name is taken.
    ///
    /// The corresponding system call is `renameat2(RENAME_NOREPLACE)`. FUSE and NFS do not know
    /// that flag: there a look comes before the rename, and a file, not a directory, that takes
    /// the name in between is replaced.
    public borrowing func rename(_ old: Path, to directory: borrowing Directory, _ new: Path)
        throws(SystemError)
    {
        if try renameExclusively(old, to: directory, new) { return }
        let names = [path / old, directory.path / new]
        guard try directory.status(of: new) == nil else {
            throw SystemError("rename", names, code: EEXIST)
        }
        let (from, to) = (descriptor.raw, directory.descriptor.raw)
        try retrying("rename", names[0], names[1]) {
            old.withCString { oldName in new.withCString { renameat(from, oldName, to, $0) } }
        }
    }

    /// The same by the kernel alone; false, and nothing is done, where the filesystem does not know
    /// how to.
    ///
    /// The corresponding system call is `renameat2(RENAME_NOREPLACE)`.
    public borrowing func renameExclusively(
        _ old: Path, to directory: borrowing Directory, _ new: Path
    ) throws(SystemError) -> Bool {
        let (from, to) = (descriptor.raw, directory.descriptor.raw)
        do throws(SystemError) {
            try retrying("rename", path / old, directory.path / new) {
                old.withCString { oldName in
                    new.withCString { clinux_rename_noreplace(from, oldName, to, $0) }
                }
            }
            return true
        } catch {
            guard error.code == .invalid else { throw error }
            return false
        }
    }

    /// Renames over what may be there; only for files that are made anew as a whole.
    ///
    /// The corresponding system call is `renameat`.
    public borrowing func replace(_ new: Path, with old: Path) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("rename", path / old, path / new) {
            old.withCString { oldName in new.withCString { renameat(raw, oldName, raw, $0) } }
        }
    }

    /// Sets the permission bits of a name, without following a link.
    ///
    /// The corresponding system call is `fchmodat(AT_SYMLINK_NOFOLLOW)`.
    public borrowing func setMode(of path: Path, _ mode: UInt32) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("chmod", self.path / path) {
            path.withCString { fchmodat(raw, $0, mode_t(mode), AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Removes a name that is no directory. The corresponding system call is `unlinkat`.
    public borrowing func remove(_ path: Path) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("unlink", self.path / path) { path.withCString { unlinkat(raw, $0, 0) } }
    }

    /// Removes an empty directory. The corresponding system call is `unlinkat(AT_REMOVEDIR)`.
    public borrowing func removeDirectory(_ path: Path) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("rmdir", self.path / path) {
            path.withCString { unlinkat(raw, $0, AT_REMOVEDIR) }
        }
    }

    /// Waits until the names in this directory are on the disk. The system call is `fsync`.
    public borrowing func sync() throws(SystemError) {
        let raw = descriptor.raw
        try retrying("fsync", path) { fsync(raw) }
    }

    /// Sets the time of its last change; nanoseconds since 1970. The system call is `futimens`.
    public borrowing func setModified(_ nanoseconds: Int64) throws(SystemError) {
        let raw = descriptor.raw
        let times = [timespec(nanoseconds: nanoseconds), timespec(nanoseconds: nanoseconds)]
        try retrying("futimens", path) { futimens(raw, times) }
    }

    /// Sets the permission bits of this directory. The corresponding system call is `fchmod`.
    public borrowing func setMode(_ mode: UInt32) throws(SystemError) {
        let raw = descriptor.raw
        try retrying("fchmod", path) { fchmod(raw, mode_t(mode)) }
    }
}

extension UnsafeMutablePointer<dirent> {
    /// `d_name` may be longer than the array it is declared as: never copied through `pointee`.
    fileprivate var name: Path {
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19
        let start = UnsafeRawPointer(self).advanced(by: offset)
        let length = strlen(start.assumingMemoryBound(to: CChar.self))
        return Path(UnsafeRawBufferPointer(start: start, count: Int(length)))
    }
}
