// All directories that drops arrive in, and what is to become of each drop.
//
// Events are hints: they name what to look at again. The listing is the truth: at start, after an
// overflow, and by the timer where events do not come. Where thousands of files stand, passes over
// all of them pause between, so that they do not starve the rest.

internal import Linux
internal import SpoolFormat

/// Which drop, while it stands in a drop box.
struct DropKey: Hashable {
    let box: Path
    let stem: [UInt8]
    /// The JSON's name, or that of an image without one; nil for a folder.
    let file: Path?
}

/// A drop as it stands, and what is to become of it.
struct Candidate {
    let key: DropKey
    let station: StationName?
    let judgement: Judgement
    /// None while it waits: there may be thousands.
    let members: [Drop.Member]
    /// The folder that is to be removed with it.
    let folder: Path?
    let firstSeen: Timestamp
    /// The last change of its last member, by the kernel's clock: the order of arrival.
    let arrived: Int64
    /// The last change of its first member, by the kernel's clock.
    let begun: Int64
    /// Whether it is the list of a batch and its images.
    var isBatch = false
    /// What a list that could be read asks for.
    var list: BatchList?
    /// How many bytes of images its rows will have.
    var copies: Int64 = 0

    var mayComeIn: Bool { if case .admit = judgement { true } else { false } }
    /// How many jobs it would be.
    var size: Int { isBatch ? list?.rows.count ?? 0 : 1 }

    var isRefused: Bool { if case .refuse = judgement { true } else { false } }
}

/// Watches the drop boxes.
final class Inbox {
    let spool: Spool
    private let inotify: Inotify
    private(set) var boxes: [Path: DropBox] = [:]
    private var byWatch: [Inotify.Watch: DropBox] = [:]
    private var stations: Set<Path> = []
    /// Those whose drop box an error keeps from being opened; tried with every pass.
    private var unopened: [Path: StationName] = [:]
    /// Names that events told of, by box; true: renamed into place.
    private var dirty: [ObjectIdentifier: [Path: Bool]] = [:]
    private var needsListing = true
    /// What stood in the way of looking at one name in this pass.
    var obstruction: SystemError?
    private var lastPass = (end: Moment(nanoseconds: 0), duration: Duration.zero)
    private var nextListing: Moment?

    static let mask: Inotify.Mask = [
        .created, .written, .movedTo, .movedFrom, .removed, .attributes, .selfRemoved, .selfMoved,
    ]

    init(_ spool: Spool, inotify: Inotify) throws(SystemError) {
        self.spool = spool
        self.inotify = inotify
        try open(.incoming, station: nil)
        try open(.inlet, station: nil)
    }

    private func open(_ path: Path, station: StationName?) throws(SystemError) {
        let directory = try spool.root.directory(path)
        let fileSystem = try FileSystem(of: directory)
        let box = DropBox(path, station: station, isLocal: fileSystem.isLocal, now: .now)
        box.place = try directory.status().identity
        try watch(box)
        probe(box, directory, fileSystem)
        boxes[path] = box
    }

    /// A directory that no watch can be had for is listed by the timer.
    func watch(_ box: DropBox) throws(SystemError) {
        let watch: Inotify.Watch
        do throws(SystemError) {
            watch = try inotify.add(spool.path / box.path, Inbox.mask)
        } catch {
            guard error.isWatchLimit || error.code == .outOfMemory else { throw error }
            let seconds = DurationText.seconds(spool.settings.scan)
            spool.log.write(error, while: "Watching '\(box.path)', listed every \(seconds) s now")
            box.isPolled = true
            return
        }
        box.isPolled = false
        if let old = box.watch, byWatch[old] === box { byWatch[old] = nil }
        box.watch = watch
        byWatch[watch] = box
    }

    /// Closes boxes in whose place another directory stands: a mount over one raises no event.
    func closeReplaced(where isSuspected: (DropBox) -> Bool = { _ in true }) {
        for box in boxes.values where (box.watch != nil || box.isPolled) && isSuspected(box) {
            let status = try? spool.root.status(of: box.path)
            if !box.stands(as: status.flatMap { $0 }?.identity) { close(box) }
        }
    }

    /// Opens boxes anew whose directories were removed, renamed or unmounted, if they are there
    /// again; what is in the way of one.
    private func reopenLost() -> SystemError? {
        var problem: SystemError?
        for box in boxes.values where box.watch == nil && !box.isPolled {
            do throws(SystemError) {
                try open(box.path, station: box.station)
                needsListing = true
            } catch {
                // A station's box goes before its declaration does.
                if !error.isNotFound || box.station == nil { problem = error }
            }
        }
        return problem
    }

    /// Opens the drop boxes of the declared stations and closes those of others.
    func declare(_ declared: [StationName]) throws(SystemError) {
        let paths = Dictionary(
            declared.map { (Path.dropBox(of: $0), $0) }, uniquingKeysWith: { first, _ in first })
        for path in stations.subtracting(paths.keys) {
            if let box = boxes.removeValue(forKey: path) { close(box) }
        }
        stations = Set(paths.keys)
        unopened = paths.filter { boxes[$0.key] == nil }
        openUnopened()
        needsListing = true
    }

    private func openUnopened() {
        for (path, station) in unopened {
            do throws(SystemError) {
                try openDropBox(path, of: station)
                unopened[path] = nil
                needsListing = true
            } catch {
                spool.log.write(error, while: "Opening the drop box of \(station)")
                guard error.code == .notADirectory || error.code == .symbolicLink else { continue }
                // Somebody put a file or a link in its place: that is judged as a drop.
                stations.remove(path)
                unopened[path] = nil
            }
        }
    }

    private func openDropBox(_ path: Path, of station: StationName) throws(SystemError) {
        let stations = Stations(spool)
        try stations.makeDropBox(of: station, try stations.terms(of: station) ?? StationTerms())
        // What was taken for a folder bundle until now is the drop box.
        boxes[.incoming]?.forget(folder: path.lastComponent)
        try open(path, station: station)
    }

    private func close(_ box: DropBox) {
        for folder in box.folders.values { close(folder) }
        dirty[ObjectIdentifier(box)] = nil
        box.isPolled = false
        (box.nextListing, box.nextProbe) = (nil, nil)
        guard let watch = box.watch else { return }
        box.watch = nil
        // A directory has one watch, whatever names it had: it may be another box's by now.
        guard byWatch[watch] === box else { return }
        byWatch[watch] = nil
        inotify.remove(watch)
    }

    /// Takes note of an event; false when it is about no drop box.
    func note(_ event: Inotify.Event) -> Bool {
        guard let watch = event.watch, let box = byWatch[watch] else { return false }
        if !event.mask.isDisjoint(with: [.ignored, .selfMoved, .selfRemoved, .unmounted]) {
            close(box)
            needsListing = true
        }
        guard !event.name.bytes.isEmpty else { return true }
        let isRenamed = event.mask.contains(.movedTo)
        let keepsRename = event.mask.isDisjoint(with: [.created, .written])
        let before = dirty[ObjectIdentifier(box)]?[event.name] ?? false
        dirty[ObjectIdentifier(box), default: [:]][event.name] =
            isRenamed || (before && keepsRename)
        return true
    }

    /// Events were lost: everything is listed at the next pass.
    func distrustEvents() { needsListing = true }

    /// When the next pass may be: with thousands of files they take a tenth of the time at most.
    var earliestPass: Moment {
        let isCrowded = boxes.values.contains { $0.files.count + $0.folders.count > 256 }
        guard isCrowded else { return lastPass.end }
        return lastPass.end + min(lastPass.duration * 9, .milliseconds(200))
    }

    /// Looks at what events named, or at everything, and judges every drop.
    ///
    /// Returns the drops, when to look again without an event, and what stood in the way of
    /// looking into a whole box; the other boxes are served all the same.
    func pass(now: Moment) -> (candidates: [Candidate], again: Moment?, problem: SystemError?) {
        closeReplaced { $0.isDue(at: now) }
        var problem = reopenLost()
        obstruction = nil
        openUnopened()
        let isListing = needsListing || nextListing.map { $0 <= now } == true
        if isListing { nextListing = nil }
        needsListing = false
        let noted = dirty
        dirty = [:]
        var candidates: [Candidate] = []
        for box in boxes.values {
            do throws(SystemError) {
                try update(box, isListing || box.isDue(at: now), noted, now)
                if box.path != .inlet { try judge(box, now, &candidates) }
            } catch {
                // A station's box goes before its declaration does.
                if error.isNotFound, box.station != nil { continue }
                // What events told of it is lost with this pass.
                needsListing = true
                problem = error
            }
        }
        if let obstruction {
            needsListing = true
            problem = problem ?? obstruction
        }
        // The safety net where events come: it must not be put off by what comes meanwhile.
        nextListing =
            candidates.isEmpty ? nil : nextListing ?? now + max(spool.settings.scan, .seconds(60))
        lastPass = (.now, .now - now)
        let looks = candidates.compactMap { candidate -> Moment? in
            guard case .wait(let until, _, _) = candidate.judgement else { return nil }
            return until
        }
        let isStuck = problem != nil || !unopened.isEmpty
        let retry = isStuck ? now + Door.permissionPatience : nil
        let again = looks + [nextListing, nextPoll, retry].compactMap { $0 }
        return (candidates, again.min(), problem)
    }

    private func update(
        _ box: DropBox, _ isListing: Bool, _ noted: [ObjectIdentifier: [Path: Bool]], _ now: Moment
    ) throws(SystemError) {
        let isStation = { [stations] (name: Path) in
            box.station == nil && stations.contains(box.path / name)
        }
        let names = noted[ObjectIdentifier(box)]
        if let names {
            adopt(try box.refresh(names, isStation: isStation, in: spool, now: now))
        }
        try recheck(box, now)
        if isListing {
            schedule(box, now)
            if box.isPolled { try watch(box) }
            adopt(try box.list(isStation: isStation, in: spool, now: now))
        }
        for folder in box.folders.values {
            let touched = noted[ObjectIdentifier(folder)]
            let isNew = folder.watch == nil && !folder.isPolled
            let isDue = isListing || folder.isDue(at: now)
            guard isNew || isDue || touched != nil else { continue }
            if let time = folder.nextTry, time > now { continue }
            do throws(SystemError) {
                try update(folder: folder, isDue, touched ?? [:], now)
                (folder.problem, folder.nextTry) = (nil, nil)
            } catch { drop(folder, of: box, error) }
        }
    }

    private func update(
        folder: DropBox, _ isListing: Bool, _ touched: [Path: Bool], _ now: Moment
    ) throws(SystemError) {
        // A new folder is listed once its watch is in place: what came before is seen so.
        let isNew = folder.watch == nil
        if isNew { try watch(folder) }
        if isNew || isListing { schedule(folder, now) }
        var problem: SystemError?
        if !touched.isEmpty {
            problem = try folder.refresh(
                touched, isStation: { _ in false }, in: spool, now: now
            ).problem
        }
        if isNew || isListing {
            problem = try folder.list(isStation: { _ in false }, in: spool, now: now).problem
        }
        if let problem { throw problem }
    }

    /// The sender took a folder away meanwhile, or we may not look into it.
    func drop(_ folder: DropBox, of box: DropBox, _ error: SystemError) {
        close(folder)
        var error = error
        do throws(SystemError) {
            // That is an event, and the next pass sees it.
            if error.isPermission, try spool.root.unmask(folder.path) { return }
        } catch let problem { error = problem }
        if error.isNotFound || error.code == .symbolicLink {
            box.forget(folder: folder.path.lastComponent)
        } else {
            (folder.problem, folder.nextTry) = (error, .now + Door.permissionPatience)
            spool.log.write(error, while: "Looking into the drop '\(folder.path.lastComponent)'")
        }
    }

    private func adopt(_ findings: DropBox.Findings) {
        obstruction = findings.problem ?? obstruction
        for folder in findings.goneFolders { close(folder) }
    }

    /// The control drops that stand in the boxes, in no order.
    var controls: [ControlDrop] {
        boxes.values.flatMap { box in
            box.controls.compactMap { name, status in
                guard case .control(let verb, let stem) = DropName(name.bytes) else { return nil }
                return ControlDrop(
                    box: box.path, name: name, status: status, station: box.station, verb: verb,
                    stem: stem)
            }
        }
    }

    /// A control drop was obeyed, or answered, and removed.
    func forget(_ drop: ControlDrop) { boxes[drop.box]?.forget(control: drop.name) }

    /// A control drop was obeyed, or answered, and stays.
    func leave(_ drop: ControlDrop) {
        boxes[drop.box]?.forget(drop.name, answeredAs: drop.status)
    }

    /// Forgets the files of a drop that was taken.
    func forget(_ candidate: Candidate) {
        guard let box = boxes[candidate.key.box] else { return }
        let directory = candidate.folder.map { box.folders[$0.lastComponent] ?? box } ?? box
        for member in candidate.members {
            directory.forget(member.source.lastComponent)
            // What could not be moved was answered, and is no drop any more.
            if let left = left(member) {
                directory.forget(member.source.lastComponent, answeredAs: left)
            }
        }
        if directory !== box { directory.isAnswered = true }
    }

    /// Whether all of a drop stands where it stood when it was judged.
    func stands(_ candidate: Candidate) -> Bool {
        candidate.members.allSatisfy { left($0) != nil }
    }

    /// A drop that was taken stands there all the same: everything is looked at again, for events
    /// may have told of it meanwhile.
    func recall(_ candidate: Candidate?) {
        needsListing = true
        guard let candidate, let box = boxes[candidate.key.box] else { return }
        let directory = candidate.folder.flatMap { box.folders[$0.lastComponent] } ?? box
        for member in candidate.members { directory.recall(member.source.lastComponent) }
        if directory !== box { directory.isAnswered = false }
    }

    /// What stands there still of a member that was taken.
    private func left(_ member: Drop.Member) -> FileStatus? {
        do throws(SystemError) {
            let source = try spool.root.directory(member.source.parent)
            let status = try source.status(of: member.source.lastComponent)
            return status?.identity == member.identity ? status : nil
        } catch { return nil }
    }
}
