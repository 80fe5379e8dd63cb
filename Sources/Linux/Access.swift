// Who else than its owner may use a file or a directory: by POSIX access lists, so that a group can
// be let in that the owner is no member of; where the filesystem has none, by group and mode.

internal import CLinux
internal import Glibc

/// Who may read.
public enum Readers: Hashable, Sendable {
    /// Every user.
    case everybody
    /// The owner and this Unix group.
    case group(UInt32)
    /// The owner alone.
    case owner
}

extension File {
    /// Lets its owner write and `readers` read it. The corresponding call is `fsetxattr` of
    /// `system.posix_acl_access`; where that is not supported `fchown` and `fchmod`.
    public borrowing func allow(_ readers: Readers) throws(SystemError) {
        try Access(readers, owner: 6, others: 4).apply(to: descriptor.raw, path)
    }
}

extension Directory {
    /// Lets its owner write and `readers` look into it; the calls are those of `File.allow`.
    public borrowing func allow(_ readers: Readers) throws(SystemError) {
        try Access(readers, owner: 7, others: 5).apply(to: descriptor.raw, path)
    }

    /// Lets a group make and remove files here, and `service` too, also in what is made here later;
    /// nobody else sees anything.
    public borrowing func open(toGroup group: UInt32, service: UInt32) throws(SystemError) {
        var access = Access(.group(group), owner: 7, others: 7)
        access.service = service
        try access.apply(to: descriptor.raw, path)
        try access.apply(to: descriptor.raw, path, asDefault: true)
    }

    /// Undoes `open(toGroup:service:)`: who is not the owner may look.
    public borrowing func closeToGroups() throws(SystemError) {
        try allow(.everybody)
        try Access.set([], isDefault: true, of: descriptor.raw, path)
    }
}

/// An access list with at most one named group and one named user.
private struct Access {
    let readers: Readers
    let owner: UInt16
    let others: UInt16
    var service: UInt32?

    init(_ readers: Readers, owner: UInt16, others: UInt16) {
        self.readers = readers
        self.owner = owner
        self.others = others
    }

    func apply(to raw: Int32, _ path: Path, asDefault isDefault: Bool = false) throws(SystemError) {
        do throws(SystemError) {
            return try Access.set(entries, isDefault: isDefault, of: raw, path)
        } catch {
            guard error.code == .notSupported else { throw error }
            // What is made there later has no default to follow: the set-group-ID bit is all there is.
            if isDefault { return }
        }
        if case .group(let group) = readers {
            try retrying("fchown", path) { fchown(raw, ~0, group) }
        }
        let isBox = service != nil
        try retrying("fchmod", path) { fchmod(raw, mode | (isBox ? S_ISGID : 0)) }
    }

    private var mode: mode_t {
        let (owner, others) = (mode_t(owner), mode_t(others))
        return switch readers {
        case .everybody: owner << 6 | others << 3 | others
        case .group: owner << 6 | others << 3
        case .owner: owner << 6
        }
    }

    /// Tag, permissions and number of each entry, in the order the kernel wants (acl(5)).
    private var entries: [(tag: UInt16, permissions: UInt16, id: UInt32)] {
        let nobody = UInt32.max
        let everybody = readers == .everybody ? others : 0
        var entries = [(UInt16(1), owner, nobody)]
        if let service { entries.append((2, owner, service)) }
        entries.append((4, everybody, nobody))
        if case .group(let group) = readers { entries.append((8, others, group)) }
        if entries.count > 2 { entries.append((16, service == nil ? others : owner, nobody)) }
        entries.append((32, everybody, nobody))
        return entries
    }

    /// None at all: the default list is removed.
    static func set(
        _ entries: [(tag: UInt16, permissions: UInt16, id: UInt32)], isDefault: Bool,
        of raw: Int32, _ path: Path
    ) throws(SystemError) {
        // A version, then the entries, all in little endian.
        var bytes: [UInt8] = [2, 0, 0, 0]
        for entry in entries {
            for half in [entry.tag, entry.permissions] {
                bytes += [UInt8(truncatingIfNeeded: half), UInt8(truncatingIfNeeded: half >> 8)]
            }
            bytes += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: entry.id >> $0) }
        }
        try retrying("fsetxattr", path) {
            clinux_set_access_list(raw, isDefault ? 1 : 0, bytes, bytes.count)
        }
    }
}
