// One file in a drop box, from its first sight to the moment it may be taken: the readiness ladder
// of DESIGN §5, best evidence first.
//
// What a file tells about itself (its mtime, its size) proves nothing: senders set both. What
// counts is how it came (renamed into place), whether somebody has it open for writing (the
// kernel's read lease), and for how long nothing about it changed on our own clock.

internal import Linux
internal import SpoolFormat

/// A file that arrives.
final class Arrival {
    let name: Path
    private(set) var firstSeen: Timestamp
    private(set) var status: FileStatus
    /// On our own clock.
    private(set) var lastChange: Moment
    /// It was renamed to its name as it is now: the sender's own word that it is whole.
    private(set) var isRenamed: Bool

    private var request: (status: FileStatus, verdict: Contents.Verdict<Request, String>)?
    private var image: (status: FileStatus, verdict: Contents.Verdict<ImageHeader, Refusal>)?
    private var list: (status: FileStatus, verdict: Contents.Verdict<BatchList, String>)?
    private var hash: (status: FileStatus, sha256: String?)?

    init(_ name: Path, _ status: FileStatus, isRenamed: Bool, now: Moment) {
        self.name = name
        self.status = status
        self.isRenamed = isRenamed
        firstSeen = .now
        lastChange = now
    }

    /// Takes note of how the file is now.
    func update(_ status: FileStatus, isRenamed: Bool, now: Moment) {
        guard status != self.status || isRenamed else { return }
        // A client that renames may set times and modes right after it.
        let isSameFile =
            status.identity == self.status.identity && status.size == self.status.size
            && status.modified == self.status.modified
        self.isRenamed = isRenamed || (self.isRenamed && isSameFile)
        if status.identity != self.status.identity { firstSeen = .now }
        self.status = status
        lastChange = now
    }

    /// Whether the file may be looked into.
    enum Readiness {
        case ready
        /// Look again then; an event may come first.
        case wait(until: Moment)
        /// Somebody has it open for writing, but has not changed it for a long time: servers of NFS
        /// keep files open for minutes. What is whole may be taken as a copy.
        case leftOpen
        /// The service lacks the permission to read it.
        case unreadable(SystemError)
    }

    /// Without the kernel's word on writers a file must be unchanged for this long.
    static let quietWithoutLease = Duration.seconds(5)

    /// How often at least one that is open is looked at: the end of a mapping raises no event.
    static let openPatience = Duration.seconds(5)

    /// Climbs the ladder. `isLocal` tells whether the kernel sees every writer of the file.
    func readiness(
        in box: borrowing Directory, isLocal: Bool, _ settings: Settings, now: Moment
    ) throws(SystemError) -> Readiness {
        let settle = settings.settle
        guard status.kind == .file else { return .ready }
        let quiet = now - lastChange
        if !isRenamed, quiet < settle { return .wait(until: lastChange + settle) }
        let isClosed: Bool?
        do throws(SystemError) {
            let file = try box.openUnmasking(name)
            isClosed = isLocal ? try file.isClosedByWriters() : nil
        } catch {
            // EWOULDBLOCK: somebody holds a write lease.
            if error.code == .wouldBlock { return .wait(until: now + settle) }
            guard error.isPermission else { throw error }
            return .unreadable(error)
        }
        switch isClosed {
        case true: return .ready
        case false where quiet >= settings.resume: return .leftOpen
        // Closing raises an event; the end of a mapping does not, hence the growing wait.
        case false:
            let look = now + min(max(quiet, settle), Arrival.openPatience)
            return .wait(until: min(look, lastChange + settings.resume))
        case nil where isRenamed || quiet >= Arrival.quietWithoutLease: return .ready
        case nil: return .wait(until: lastChange + Arrival.quietWithoutLease)
        }
    }

    /// The judgement of the file as a request; read once for each state of the file.
    func request(at path: Path, in spool: Spool) throws(SystemError)
        -> Contents.Verdict<Request, String>
    {
        if let request, request.status == status { return request.verdict }
        let verdict: Contents.Verdict<Request, String>
        if let notAFile {
            verdict = .wrong(notAFile)
        } else {
            verdict = try Contents.request(path, in: spool)
        }
        request = (status, verdict)
        return verdict
    }

    /// The judgement of the file as the list of a batch; read once for each state of the file.
    func list(at path: Path, in spool: Spool) throws(SystemError)
        -> Contents.Verdict<BatchList, String>
    {
        if let list, list.status == status { return list.verdict }
        let verdict: Contents.Verdict<BatchList, String>
        if let notAFile {
            verdict = .wrong(notAFile)
        } else {
            verdict = try Contents.list(path, in: spool)
        }
        list = (status, verdict)
        return verdict
    }

    /// The judgement of the file as an image; read once for each state of the file.
    func image(at path: Path, in spool: Spool) throws(SystemError)
        -> Contents.Verdict<ImageHeader, Refusal>
    {
        if let image, image.status == status { return image.verdict }
        let verdict: Contents.Verdict<ImageHeader, Refusal>
        if let notAFile {
            verdict = .wrong(Refusal(.invalidImage, notAFile))
        } else {
            verdict = try Contents.image(path, in: spool)
        }
        image = (status, verdict)
        return verdict
    }

    /// The file's SHA-256; made once for each state of the file, when somebody asks.
    func sha256(at path: Path, in spool: Spool) throws(SystemError) -> String? {
        if let hash, hash.status == status { return hash.sha256 }
        let sha256 = try Contents.sha256(path, in: spool)
        hash = (status, sha256)
        return sha256
    }

    /// Whether the file as it is now was judged already.
    func isJudged(isInstruction: Bool) -> Bool {
        isInstruction ? request?.status == status : image?.status == status
    }

    /// Whether the file as it is now was judged as the list of a batch already.
    var isJudgedList: Bool { list?.status == status }

    /// What a judged list asks for.
    var judgedList: BatchList? {
        guard let list, list.status == status, case .whole(let value) = list.verdict else {
            return nil
        }
        return value
    }

    /// The image's file name that a judged JSON gives.
    var namedImage: [UInt8]? {
        guard let request, request.status == status, case .whole(let value) = request.verdict
        else { return nil }
        return value.image.map { Array($0.utf8) }
    }

    /// Whether the file as it is now was judged a whole image.
    var isWholeImage: Bool {
        guard let image, image.status == status, case .whole = image.verdict else {
            return false
        }
        return true
    }

    private var notAFile: String? {
        guard status.kind != .file else { return nil }
        return "'\(name)' is a \(status.kind.rawValue); only regular files are taken. "
            + "Copy the file itself."
    }
}
