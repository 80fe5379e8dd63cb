// The spool as an open directory, and the few ways in which its files are written.
//
// Guarantee: whoever reads a file made here sees the old content or the new one, never a part; and
// what `flush` returned from is on the disk (DURABILITY=relaxed leaves that to the kernel).
//
// A crash between the temporary file and its rename leaves a file in `.spool/tmp/` (or
// `status.N.tmp` in a bundle), which recovery removes.

public import Linux
public import SpoolFormat

/// An open spool directory.
public final class Spool {
    /// The directory; all paths of the spool start here.
    public let root: Directory
    /// Its path without links and dots.
    public let path: Path
    /// The settings in force.
    public var settings: Settings
    /// Where events are told.
    public let log: Log
    /// Files whose flush failed.
    private var doubtful: Set<FileIdentity> = []

    /// Opens a spool that `SpoolLayout` has made or checked.
    public init(_ path: Path, settings: Settings, log: Log) throws(SystemError) {
        self.path = try Host.resolve(path)
        root = try Directory(self.path)
        self.settings = settings
        self.log = log
    }

    /// Waits until a file's content is on the disk.
    func flush(_ file: borrowing File) throws(SystemError) {
        if settings.durability == .full { try file.sync() }
    }

    /// Waits until the names in a directory are on the disk.
    func flush(directory path: Path) throws(SystemError) {
        guard settings.durability == .full else { return }
        try root.directory(path).sync()
    }

    /// Waits until the content of a file is on the disk, whoever wrote it.
    func flush(file path: Path) throws(SystemError) {
        guard settings.durability == .full else { return }
        try root.open(path).sync()
    }

    /// Waits until the content of a station's file is on the disk; false when a copy had to
    /// take its place.
    ///
    /// The kernel tells of a failed write once and takes the pages for clean then: a second fsync of
    /// the same file succeeds and means nothing. The copy holds what the kernel still had of it,
    /// which may not be all: the caller looks at it again.
    @discardableResult
    func flushOrCopy(_ path: Path) throws(SystemError) -> Bool {
        guard settings.durability == .full else { return true }
        let file = try root.open(path)
        let identity = try file.status().identity
        if !doubtful.contains(identity) {
            do throws(SystemError) {
                try file.sync()
                return true
            } catch {
                log.write(error, while: "Flushing a file, which a copy is to replace")
                doubtful.insert(identity)
            }
        }
        try replaceByCopy(path)
        doubtful.remove(identity)
        return false
    }

    /// Puts a copy, whose bytes are written anew and on the disk, in place of a file.
    func replaceByCopy(_ path: Path) throws(SystemError) {
        let way = Path.temporary()
        do throws(SystemError) {
            let copy = try root.create(way, mode: 0o644)
            try copy.copy(from: try root.open(path), sharesBlocks: false)
            try flush(copy)
            try root.replace(path, with: way)
        } catch {
            try? root.remove(way)
            throw error
        }
    }

    /// Makes a file that was not there, with its content on the disk.
    func write(new path: Path, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(SystemError) {
        let file = try root.create(path, mode: mode)
        try file.write(bytes)
        try flush(file)
    }

    /// Puts a file in place of an older one as a whole; durable when its directory is flushed.
    func write(over path: Path, by way: Path, _ bytes: [UInt8]) throws(SystemError) {
        // A crash may have left it.
        try removeIfPresent(way)
        try write(new: way, bytes)
        try root.replace(path, with: way)
    }

    /// Puts a view in place of an older one; not durable, for views are only hints.
    ///
    /// `readers` alone may read it, from its first moment.
    public func write(view path: Path, _ bytes: [UInt8], readers: Readers = .everybody)
        throws(SystemError)
    {
        let way = Path.temporary()
        do throws(SystemError) {
            let file = try root.create(way, mode: readers == .everybody ? 0o644 : 0o600)
            if case .group = readers { try allow(readers, on: file) }
            try file.write(bytes)
            try root.replace(path, with: way)
        } catch {
            try? root.remove(way)
            throw error
        }
    }

    /// A group that cannot be let in stays outside: the file is the service's own.
    private func allow(_ readers: Readers, on file: borrowing File) throws(SystemError) {
        do throws(SystemError) { try file.allow(readers) } catch {
            if error.isGeneral { throw error }
            log.write(error, while: "Letting a station's group read its status")
        }
    }

    /// Lets a bundle be read by `readers` alone; a group that cannot be let in stays outside.
    func allow(_ readers: Readers, on bundle: Path) throws(SystemError) {
        let directory = try root.directory(bundle)
        do throws(SystemError) { try directory.allow(readers) } catch {
            if error.isGeneral { throw error }
            log.write(error, while: "Letting a station's group read its jobs")
            try directory.allow(.owner)
        }
    }

    /// Removes temporary files whose process is gone; their names start with its pid.
    static func removeAbandoned(in spool: Spool, unchangedFor age: Duration = .zero)
        throws(SystemError)
    {
        let directory = Path.hidden(SpoolFile.Hidden.temporary)
        for name in try spool.names(in: directory) {
            let digits = name.bytes.prefix { $0 != UInt8(ascii: ".") }
            let pid = Int32(String(decoding: digits, as: UTF8.self))
            if let pid, pid != Host.pid, ProcessWatch.isRunning(pid) { continue }
            do throws(SystemError) {
                let changed = try spool.root.status(of: directory / name)?.changed ?? 0
                guard WallClock.nanoseconds - changed >= age.nanoseconds else { continue }
                try spool.root.removeTree(directory / name)
            } catch {
                if error.isGeneral { throw error }
                spool.log.write(error, while: "Removing temporary files")
            }
        }
    }

    /// Removes a file that may be there.
    func removeIfPresent(_ path: Path) throws(SystemError) {
        do throws(SystemError) {
            try root.remove(path)
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    /// A small file's content, at most `limit` bytes; nil when it is not there.
    public func read(_ path: Path, limit: Int = 1 << 24) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try root.open(path).contents(limit: limit)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    /// The names in a directory; none when it is not there.
    public func names(in path: Path) throws(SystemError) -> [Path] {
        do throws(SystemError) {
            return try root.directory(path).names()
        } catch {
            guard error.isNotFound else { throw error }
            return []
        }
    }

    /// The record in a bundle; nil when the bundle is gone or its record is damaged.
    ///
    /// The directory's name counts as the job's ID, whatever the record says (R13).
    public func record(in bundle: Path, of id: JobID) throws(SystemError) -> JobRecord? {
        guard let bytes = try read(bundle / Path(BundleFile.record)),
            var record = JSONText.decode(JobRecord.self, from: bytes)
        else { return nil }
        record.view.id = id
        return record
    }

    /// The record in a bundle as far as it can be read: what is wrong with one job's file is told
    /// and concerns no other job. `failed` is called when an error, which may pass, is in the way.
    func knownRecord(in bundle: Path, of id: JobID, failed: () -> Void = {}) throws(SystemError)
        -> JobRecord?
    {
        do throws(SystemError) {
            return try record(in: bundle, of: id)
        } catch {
            if error.isGeneral { throw error }
            log.write(error, while: "Reading the record of job \(id.short)", job: id)
            failed()
            return nil
        }
    }

    /// Writes the record of a bundle: temporary file, flush, rename. `claim` keeps the temporary
    /// names of two claims apart (R3).
    func write(_ record: JobRecord, in bundle: Path, claim: Int = 0) throws(SystemError) {
        try write(
            record, in: bundle, by: bundle / Path(BundleFile.temporaryRecord(claim: claim)))
    }

    /// Writes the record of a bundle by way of a file that stands elsewhere.
    func write(_ record: JobRecord, in bundle: Path, by way: Path) throws(SystemError) {
        var record = record
        record.view.updatedAt = .now
        try write(over: bundle / Path(BundleFile.record), by: way, JSONText.encode(record))
    }
}
