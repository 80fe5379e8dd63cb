// The second look: what was judged in `incoming/` could still be changed by its sender; what is
// looked at here cannot. Files of another user, hard-linked ones and ones that somebody still has
// open for writing are replaced by copies first, so that nothing a sender can write to stays in
// the queue. The copy is what is checked, recorded and edited.

internal import Linux
internal import SpoolFormat

/// What a staged bundle really holds.
struct Inspection {
    private(set) var refusal: Refusal?
    private(set) var request: Request?
    private(set) var image: Path?
    private(set) var sha256: String?
    /// Of a batch: its list, and the SHA-256 of each image by its name in the bundle.
    private(set) var list: BatchList?
    private(set) var hashes: [Path: String] = [:]
    private var isBatch = false

    /// Secures and examines the members of a bundle.
    init(of bundle: StagedBundle, in spool: Spool) throws(SystemError) {
        refusal = bundle.drop.refusal
        isBatch = bundle.drop.isBatch
        if let missing = bundle.missing.first, refusal == nil {
            refusal = Refusal(
                .incompleteBundle,
                "'\(missing.source.lastComponent)' was removed or replaced while it was being "
                    + "taken. \(again)")
        }
        if bundle.isLost, refusal == nil {
            refusal = Refusal(
                .invalidImage,
                "The server's disk lost a part of it while it was being taken. \(again)")
        }
        noteImmovable(bundle.immovable)
        let absent = bundle.missing + bundle.immovable
        let members = bundle.drop.members.filter { !absent.contains($0) }
        try examine(members, in: bundle.path, of: spool)
        if refusal == nil, bundle.drop.isBatch { refusal = difference(from: bundle.drop) }
    }

    /// A list that is not the one that was judged: its rows have other names, or other images.
    private func difference(from drop: Drop) -> Refusal? {
        let names = Set(drop.members.map(\.source.lastComponent))
        if let list, list.rows.count == drop.rows?.count,
            list.images.allSatisfy({ names.contains(Path($0.name)) })
        {
            return nil
        }
        return Refusal(
            .incompleteBundle, "The CSV file was changed while it was being taken. \(again)")
    }

    /// Secures and examines the members of a bundle that is to run again.
    init(_ members: [Drop.Member], in bundle: Path, of spool: Spool) throws(SystemError) {
        try examine(members, in: bundle, of: spool)
    }

    private mutating func examine(
        _ members: [Drop.Member], in bundle: Path, of spool: Spool
    ) throws(SystemError) {
        for member in members {
            let path = bundle / member.name
            guard let kind = try spool.root.status(of: path)?.kind, kind == .file else {
                refuse(member, "is no regular file any more; only regular files are taken")
                continue
            }
            do throws(SystemError) {
                if refusal == nil { try secure(path, member.role, in: spool) }
                switch member.role {
                case .request: try examine(request: path, in: spool)
                case .image: try examine(image: path, name: member.name, in: spool)
                case .list: try examine(list: path, in: spool)
                case .other: break
                }
            } catch {
                // What cannot be read will not become readable here: it is answered.
                guard error.isPermission else { throw error }
                let user = Host.name(ofUser: Host.user)
                refuse(member, "may not be read by the service (user \(user), \(error.code.name))")
            }
        }
        if refusal == nil, let expected = request?.sha256, expected != sha256 {
            refusal = Refusal(.invalidImage, Contents.hashMismatch(expected, sha256 ?? "none"))
        }
    }

    /// What stays behind in `incoming/` is told, whatever else is wrong.
    private mutating func noteImmovable(_ members: [Drop.Member]) {
        guard !members.isEmpty else { return }
        let names = members.map { "'\($0.source.lastComponent)'" }.joined(separator: ", ")
        let stays =
            "\(names) stays where it is: the service (user \(Host.name(ofUser: Host.user))) may "
            + "not move it."
        refusal = Refusal(
            refusal?.code ?? .incompleteBundle,
            [refusal?.detail, stays].compactMap { $0 }
                .joined(separator: " "))
    }

    private var again: String {
        isBatch ? Refusal.dropBatchAgain : "Drop both files again."
    }

    /// A member that was good when it was judged is not what was taken.
    private mutating func refuse(_ member: Drop.Member, _ problem: String) {
        refusal =
            refusal
            ?? Refusal(
                member.role == .image ? .invalidImage : .invalidRequest,
                "'\(member.source.lastComponent)' \(problem). \(again)")
    }

    /// Makes sure that nobody else can write to the file, and that stations can read it.
    ///
    /// One that has grown too large since it was judged is refused as it is.
    private mutating func secure(_ path: Path, _ role: Drop.Member.Role, in spool: Spool)
        throws(SystemError)
    {
        let file = try spool.root.openUnmasking(path)
        let status = try file.status()
        let limit =
            switch role {
            case .image: spool.settings.maxImageBytes
            case .list: BatchList.maximumBytes
            case .request, .other: Request.maximumBytes
            }
        guard status.size <= limit else {
            refusal =
                switch role {
                case .image: .tooLarge(bytes: status.size, maximum: limit)
                case .list: Refusal(.invalidRequest, Contents.tooLarge(list: status.size))
                case .request, .other:
                    Refusal(.invalidRequest, Contents.tooLarge(request: status.size))
                }
            return
        }
        let isOurs = status.owner == Host.user && status.links == 1
        if isOurs, try file.isClosedByWriters() == true { return try file.setMode(0o644) }
        let way = Path.temporary()
        let copy = try spool.root.create(way, mode: 0o644)
        try copy.copy(from: file, limit: limit + 1)
        copy.startWriting()
        try spool.root.replace(path, with: way)
    }

    private mutating func examine(request path: Path, in spool: Spool) throws(SystemError) {
        switch try Contents.request(path, in: spool) {
        case .whole(let request): self.request = request
        case .unfinished(let detail), .wrong(let detail):
            refusal = refusal ?? Refusal(.invalidRequest, detail)
        }
    }

    private mutating func examine(list path: Path, in spool: Spool) throws(SystemError) {
        switch try Contents.list(path, in: spool) {
        case .whole(let list):
            self.list = list
            if let problem = list.problem { refusal = refusal ?? Refusal(.invalidRequest, problem) }
        case .unfinished(let detail), .wrong(let detail):
            refusal = refusal ?? Refusal(.invalidRequest, detail)
        }
    }

    private mutating func examine(
        image path: Path, name: Path, in spool: Spool
    ) throws(SystemError) {
        let hash = try Contents.sha256(path, in: spool)
        if isBatch {
            hashes[name] = hash
        } else {
            (image, sha256) = (name, hash)
        }
        switch try Contents.image(path, in: spool) {
        case .whole: break
        case .unfinished(let detail):
            refusal = refusal ?? Refusal(.incompleteBundle, "'\(name)': \(detail).")
        case .wrong(let wrong): refusal = refusal ?? wrong
        }
    }

    /// The first record of the job.
    func record(of drop: Drop, order: Int64, retryAfterSeconds: Int) -> JobRecord {
        var view = JobView(id: drop.id, status: .queued)
        view.createdAt = drop.createdAt
        view.station = drop.station?.description
        view.droppedAs = drop.droppedAs.description
        var record = record(as: view, order: order)
        if let refusal {
            record.view.status = .rejected
            record.view.error = refusal.detail
            record.view.completedAt = .now
            record.view.reason = Reason(refusal, retryAfterSeconds: retryAfterSeconds, at: .now)
        }
        return record
    }

    /// The record of a job that begins, or begins again; `view` tells whose it is.
    func record(as view: JobView, order: Int64) -> JobRecord {
        var view = view
        view.instruction = request?.instruction
        view.model = request?.model?.description
        view.sha256 = sha256
        view.metadata = request?.metadata
        view.notBefore = request?.notBefore
        let due = request?.notBefore.flatMap { $0 > .now ? $0 : nil }
        var record = JobRecord(
            view: view, image: image?.text, orderNanoseconds: order,
            dueNanoseconds: due?.nanoseconds ?? 0)
        record.systemPrompt = request?.systemPrompt
        record.seed = request?.seed
        return record
    }
}
