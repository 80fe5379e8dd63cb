// What another user's mode hides (a umask of 077) this process makes readable to itself, where it
// may: with CAP_FOWNER, by an entry of its own in the POSIX access control list. Nobody else gains
// anything by that.

internal import CLinux
internal import Glibc

extension Directory {
    /// Gives this process an entry in the access control list of another user's file (to read) or
    /// directory (to change); false where that is not permitted, not supported, or done already.
    ///
    /// Only for a file with one name: one that has others may have been linked here by somebody
    /// who may not read it. No link is followed. The corresponding call is
    /// `setxattr("system.posix_acl_access")`.
    public borrowing func unmask(_ path: Path) throws(SystemError) -> Bool {
        let name = self.path / path
        do throws(SystemError) {
            let directory = descriptor.raw
            let handle = Descriptor(
                owning: try retrying("open", name) {
                    path.withCString { clinux_open_name(directory, $0) }
                })
            let raw = handle.raw
            var found = stat()
            try retrying("fstat", name) { fstat(raw, &found) }
            let status = FileStatus(found)
            guard status.owner != Host.user, let wanted = AccessList.wanted(of: status) else {
                return false
            }
            // A descriptor that is only a name has no other way in.
            let way = "/proc/self/fd/\(raw)"
            var present = [UInt8](repeating: 0, count: AccessList.maximumBytes)
            let size = getxattr(way, AccessList.name, &present, present.count)
            var list = AccessList(mode: UInt16(status.mode))
            if size > 0 { list = AccessList(present.prefix(size)) ?? list }
            guard list.allow(Host.user, wanted) else { return false }
            let bytes = list.bytes
            try retrying("setxattr", name) {
                setxattr(way, AccessList.name, bytes, bytes.count, 0)
            }
            return true
        } catch {
            let isUseless = error.isNotFound || error.isPermission || error.code == .symbolicLink
            guard isUseless || error.code == .notSupported || error.code == .readOnly else {
                throw error
            }
            return false
        }
    }

    /// Opens a file to read; what its owner's mode hides is unmasked first.
    public borrowing func openUnmasking(_ path: Path) throws(SystemError) -> File {
        do throws(SystemError) {
            return try open(path)
        } catch {
            guard error.isPermission, try unmask(path) else { throw error }
            return try open(path)
        }
    }
}

/// A POSIX access control list as the kernel gives and takes it, little-endian.
private struct AccessList {
    static let name = "system.posix_acl_access"
    /// A block of ext4: no list is longer there.
    static let maximumBytes = 4096

    private struct Entry {
        var tag: UInt16
        var permissions: UInt16
        var id: UInt32
    }

    private enum Tag {
        static let owner: UInt16 = 0x01
        static let user: UInt16 = 0x02
        static let group: UInt16 = 0x04
        static let namedGroup: UInt16 = 0x08
        static let mask: UInt16 = 0x10
        static let other: UInt16 = 0x20
    }

    private var entries: [Entry]

    /// What this process wants of a directory, or of a file with one name; nil: nothing.
    static func wanted(of status: FileStatus) -> UInt16? {
        switch status.kind {
        case .directory: 7
        case .file where status.links == 1: 4
        default: nil
        }
    }

    /// The list that says no more than the mode.
    init(mode: UInt16) {
        entries = [
            Entry(tag: Tag.owner, permissions: mode >> 6 & 7, id: .max),
            Entry(tag: Tag.group, permissions: mode >> 3 & 7, id: .max),
            Entry(tag: Tag.other, permissions: mode & 7, id: .max),
        ]
    }

    init?(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count % 8 == 4, bytes.starts(with: [2, 0, 0, 0]) else { return nil }
        entries = stride(from: 4, to: bytes.count, by: 8).map { start in
            let number = { (range: Range<Int>) in
                range.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[start + $1]) }
            }
            return Entry(
                tag: UInt16(number(0..<2)), permissions: UInt16(number(2..<4)), id: number(4..<8))
        }
    }

    /// Gives a user these permissions and nobody else any; false when it has them.
    mutating func allow(_ user: UInt32, _ permissions: UInt16) -> Bool {
        let mask = entries.first { $0.tag == Tag.mask }?.permissions ?? 7
        let own = entries.first { $0.tag == Tag.user && $0.id == user }
        if let own, own.permissions & mask & permissions == permissions { return false }
        entries.removeAll { $0.tag == Tag.mask || $0.tag == Tag.user && $0.id == user }
        let grouped = [Tag.user, Tag.group, Tag.namedGroup]
        var union = permissions
        for index in entries.indices where grouped.contains(entries[index].tag) {
            entries[index].permissions &= mask
            union |= entries[index].permissions
        }
        entries.append(Entry(tag: Tag.user, permissions: permissions, id: user))
        entries.append(Entry(tag: Tag.mask, permissions: union, id: .max))
        entries.sort { ($0.tag, $0.id) < ($1.tag, $1.id) }
        return true
    }

    var bytes: [UInt8] {
        entries.reduce(into: [2, 0, 0, 0]) { bytes, entry in
            for half in [entry.tag, entry.permissions] {
                bytes += [UInt8(half & 0xFF), UInt8(half >> 8)]
            }
            bytes += (0..<4).map { UInt8(entry.id >> ($0 * 8) & 0xFF) }
        }
    }
}
