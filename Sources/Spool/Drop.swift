public import Linux
public import SpoolFormat

/// What is to be taken out of `incoming/`: which files, under which name, with which verdict.
public struct Drop: Sendable {
    /// A file of a drop.
    public struct Member: Hashable, Sendable {
        /// What it is in the bundle.
        public enum Role: String, Sendable, Codable { case image, request, list, other }

        /// Where it stands, from the spool's root.
        public let source: Path
        /// Its name in the bundle.
        public let name: Path
        /// Which file it was when the verdict fell.
        public let identity: FileIdentity
        /// What it is.
        public let role: Role
    }

    /// The job it becomes.
    public var id: JobID
    /// The sender, if it came from a drop box.
    public let station: StationName?
    /// Its own name.
    public let droppedAs: Path
    /// When its first file was seen.
    public let createdAt: Timestamp
    /// The folder to be removed once it is empty, from the spool's root.
    public let folder: Path?
    /// Its files.
    public let members: [Member]
    /// Why it is refused; nil when it is admitted.
    public var refusal: Refusal?
    /// Of a batch: the jobs that its rows become, in order; none when it is refused. Else nil.
    public var rows: [JobID]?

    /// Whether its files are a list and the images of its rows.
    var isBatch: Bool { rows != nil }
}

/// `.members`, the durable intention in a staged bundle (R6): what is taken, and the verdict.
struct Membership: Codable {
    struct Member: Codable {
        let source: String
        let name: String
        let identity: FileIdentity
        let role: Drop.Member.Role
    }

    let station: String?
    let droppedAs: String
    let createdAt: Timestamp
    let folder: String?
    let members: [Member]
    let refusal: Refusal?
    let rows: [JobID]?

    init(_ drop: Drop) {
        station = drop.station?.description
        droppedAs = drop.droppedAs.hexadecimal
        createdAt = drop.createdAt
        folder = drop.folder?.hexadecimal
        refusal = drop.refusal
        rows = drop.rows
        members = drop.members.map {
            Member(
                source: $0.source.hexadecimal, name: $0.name.hexadecimal, identity: $0.identity,
                role: $0.role)
        }
    }

    /// The drop this was written for; nil when the file is damaged.
    func drop(_ id: JobID) -> Drop? {
        let members = members.compactMap { member -> Drop.Member? in
            guard let source = Path(hexadecimal: member.source),
                let name = Path(hexadecimal: member.name)
            else { return nil }
            return Drop.Member(
                source: source, name: name, identity: member.identity, role: member.role)
        }
        guard members.count == self.members.count, let name = Path(hexadecimal: droppedAs) else {
            return nil
        }
        return Drop(
            id: id, station: station.flatMap { StationName($0) }, droppedAs: name,
            createdAt: createdAt, folder: folder.flatMap { Path(hexadecimal: $0) },
            members: members, refusal: refusal, rows: rows)
    }
}

extension Path {
    /// Names are bytes, JSON is text.
    fileprivate var hexadecimal: String { Hexadecimal.text(of: bytes) }

    fileprivate init?(hexadecimal: String) {
        guard let bytes = Hexadecimal.bytes(of: hexadecimal) else { return nil }
        self.init(bytes)
    }
}
