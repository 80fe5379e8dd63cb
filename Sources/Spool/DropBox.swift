// A directory that drops arrive in: `incoming/`, a station's drop box, or one folder bundle in
// either. Keeps what was last seen of each name; events say which names to look at again, and a
// listing tells the truth when events can't.

internal import Linux
internal import SpoolFormat

/// What stands in a directory of arrivals.
final class DropBox {
    /// From the spool's root.
    let path: Path
    /// Whose it is; nil for `incoming/` itself.
    let station: StationName?
    /// Whether the kernel sees all that is done to its files.
    let isLocal: Bool
    /// Which directory a folder bundle is: another one of the same name is another drop.
    let identity: FileIdentity?
    var watch: Inotify.Watch?
    /// Whether no watch could be had for it: the timer lists it.
    var isPolled = false
    /// Whether no event came of a file that was made there, and when that is tried again.
    var isDeaf = false
    var nextProbe: Moment?
    /// When it is to be listed without an event; nil where events come.
    var nextListing: Moment?
    /// Which directory a drop box is, when it was opened.
    var place: FileIdentity?
    /// Files and folders that were refused and could not be moved away.
    ///
    /// As they were then: a name, or an inode, may be another file's by now.
    private var answered: [Path: FileStatus] = [:]
    /// Whether a folder bundle was taken or refused; empty, it is no drop any more.
    var isAnswered = false
    /// Why a folder bundle cannot be looked into, and when to try again: closing its watch is an
    /// event too.
    var problem: SystemError?
    var nextTry: Moment?

    private(set) var files: [Path: Arrival] = [:]
    /// Control drops; none in a folder bundle.
    private(set) var controls: [Path: FileStatus] = [:]
    /// Folder bundles; none in a folder bundle.
    private(set) var folders: [Path: DropBox] = [:]
    /// Subfolders of a folder bundle.
    private(set) var subfolders: Set<Path> = []

    /// As a folder bundle: when it was first seen, last changed, and whether it came as a whole.
    let firstSeen = Timestamp.now
    private(set) var lastChange: Moment
    private(set) var isRenamed: Bool
    private var isFolderBundle: Bool { identity != nil }

    init(
        _ path: Path, station: StationName?, isLocal: Bool, folder identity: FileIdentity? = nil,
        isRenamed: Bool = false, now: Moment
    ) {
        self.path = path
        self.identity = identity
        self.station = station
        self.isLocal = isLocal
        self.isRenamed = isRenamed
        lastChange = now
    }

    /// Whether the kernel tells all that happens in it.
    var hasEvents: Bool { isLocal && !isPolled && !isDeaf }

    /// Whether it is to be listed now, without an event.
    func isDue(at now: Moment) -> Bool { nextListing.map { $0 <= now } == true }

    /// Whether a drop box still is the directory that was opened.
    ///
    /// A network filesystem may give a directory that nobody has open another number.
    func stands(as now: FileIdentity?) -> Bool {
        guard let now, let place else { return false }
        return now.device == place.device && (now.inode == place.inode || !isLocal)
    }

    /// What a look at some names found out.
    struct Findings {
        /// Folder bundles that are gone.
        var goneFolders: [DropBox] = []
        /// What stood in the way of looking at a name; the others were looked at.
        var problem: SystemError?
    }

    /// Looks at all names. `isStation` tells which directories are drop boxes of their own.
    func list(isStation: (Path) -> Bool, in spool: Spool, now: Moment) throws(SystemError)
        -> Findings
    {
        let directory = try spool.root.directory(path)
        let found = try directory.names()
        let gone = Set(files.keys).union(folders.keys).union(subfolders).union(controls.keys)
            .subtracting(found)
        var findings = Findings()
        for name in found + gone where !isStation(name) {
            try tolerating(&findings) { (findings) throws(SystemError) in
                try look(at: name, isRenamed: false, in: directory, now: now, &findings)
            }
        }
        return findings
    }

    /// Looks at names that events told of; true: renamed into place.
    func refresh(_ names: [Path: Bool], isStation: (Path) -> Bool, in spool: Spool, now: Moment)
        throws(SystemError) -> Findings
    {
        let directory = try spool.root.directory(path)
        var findings = Findings()
        for (name, isRenamed) in names where !isStation(name) {
            try tolerating(&findings) { (findings) throws(SystemError) in
                try look(at: name, isRenamed: isRenamed, in: directory, now: now, &findings)
            }
        }
        return findings
    }

    /// One name's error is its own, unless the next one would meet the same.
    private func tolerating(
        _ findings: inout Findings, _ look: (inout Findings) throws(SystemError) -> Void
    ) throws(SystemError) {
        do throws(SystemError) { try look(&findings) } catch {
            if error.isGeneral { throw error }
            findings.problem = error
        }
    }

    private func look(
        at name: Path, isRenamed: Bool, in directory: borrowing Directory, now: Moment,
        _ findings: inout Findings
    ) throws(SystemError) {
        let kind = DropName(name.bytes)
        if kind == .ignored { return }
        let status = try directory.status(of: name)
        if let known = answered[name] {
            if known == status { return }
            answered[name] = nil
        }
        if case .control = kind {
            controls[name] = isFolderBundle ? nil : status
            return
        }
        if let folder = folders[name], folder.identity != status?.identity {
            folders[name] = nil
            findings.goneFolders.append(folder)
        }
        switch status?.kind {
        case nil:
            let wasHere = files.removeValue(forKey: name) != nil
            let wasSubfolder = subfolders.remove(name) != nil
            if wasHere || wasSubfolder { lastChange = now }
        case .directory where isFolderBundle:
            if subfolders.insert(name).inserted { lastChange = now }
        case .directory:
            guard folders[name] == nil else { return }
            folders[name] = DropBox(
                path / name, station: station, isLocal: isLocal, folder: status?.identity,
                isRenamed: isRenamed, now: now)
        default:
            guard let status else { return }
            update(name, status, isRenamed: isRenamed || self.isRenamed && isFolderBundle, now)
        }
    }

    private func update(_ name: Path, _ status: FileStatus, isRenamed: Bool, _ now: Moment) {
        if let file = files[name] {
            // In a folder that came as a whole only what is new since then is news.
            file.update(status, isRenamed: isRenamed && !isFolderBundle, now: now)
        } else {
            files[name] = Arrival(name, status, isRenamed: isRenamed, now: now)
            lastChange = now
        }
    }

    /// Looks at one file again, where no event may have come.
    func restat(_ file: Arrival, in directory: borrowing Directory, now: Moment)
        throws(SystemError) -> Bool
    {
        guard let status = try directory.status(of: file.name) else {
            files[file.name] = nil
            return false
        }
        file.update(status, isRenamed: false, now: now)
        return true
    }

    /// Forgets a folder bundle, so that the next look sees it anew.
    func forget(folder: Path) { folders[folder] = nil }

    /// Does not look at a name again as long as this stands there unchanged.
    func forget(_ name: Path, answeredAs status: FileStatus) {
        controls[name] = nil
        answered[name] = status
    }

    /// Looks at a name again, also if nothing about it changed.
    func recall(_ name: Path) { answered[name] = nil }

    /// A control drop is gone.
    func forget(control name: Path) { controls[name] = nil }

    /// Forgets a member that was taken: what comes by its name is another drop.
    func forget(_ member: Path) {
        files[member] = nil
        subfolders.remove(member)
    }
}
