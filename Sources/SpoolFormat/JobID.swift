/// What is wrong with a name; the text completes "The name … ".
public enum NameProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing stands before the extension.
    case empty
    /// It has more bytes than allowed.
    case tooLong(Int, allowed: Int)
    /// Its bytes are no UTF-8.
    case notUTF8
    /// It contains a line break, a NUL or another control character.
    case controlCharacter
    /// It contains a slash.
    case slash
    /// It starts with a dot or a hyphen.
    case leading(Character)
    /// It ends in `@` and digits, as the names of running attempts do.
    case attempt

    /// What was found and what is allowed.
    public var description: String {
        switch self {
        case .empty: "is empty before its extension; give it at least one character"
        case .tooLong(let count, let allowed):
            "has \(count) bytes; at most \(allowed) are allowed"
        case .notUTF8: "is not UTF-8; use plain letters, or set the sender to UTF-8 names"
        case .controlCharacter:
            "contains a line break or another control character; leave it out"
        case .slash: "contains a slash; leave it out"
        case .leading(let character): "starts with '\(character)'; start it with a letter or digit"
        case .attempt: "ends in '@' and digits; leave the '@' out"
        }
    }
}

/// The name of a job, and of its bundle's directory.
///
/// Valid UTF-8, at most 120 bytes; compared by bytes.
public struct JobID: Hashable, Sendable {
    /// The name's bytes.
    public let bytes: [UInt8]

    /// The longest name a drop may have.
    public static let maximumDropBytes = 110
    /// The longest ID; leaves room for `~k` behind a drop's name.
    public static let maximumBytes = 120

    /// An ID as it stands on disk.
    public init(_ bytes: some Sequence<UInt8>) throws(NameProblem) {
        let bytes = Array(bytes)
        try JobID.check(bytes, maximum: JobID.maximumBytes)
        self.bytes = bytes
    }

    /// The ID of a drop called `stem`, from the drop box of `station` if there is one.
    public init(stem: [UInt8], station: StationName?) throws(NameProblem) {
        try JobID.check(stem, maximum: JobID.maximumDropBytes)
        let prefix = station.map { Array("\($0).".utf8) } ?? []
        let room = JobID.maximumDropBytes + 5
        guard prefix.count + stem.count <= room else {
            throw .tooLong(stem.count, allowed: room - prefix.count)
        }
        bytes = prefix + stem
    }

    /// The ID of a refused drop whose own name cannot be one.
    public init(unnamed random: [UInt8]) {
        bytes = Array("drop-".utf8) + Hexadecimal.text(of: random.prefix(4)).utf8
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// `ID~k`, for the older or newer of two jobs of one name.
    public func variant(_ number: Int) -> JobID { JobID(unchecked: bytes + "~\(number)".utf8) }

    /// The name as text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// As logs show it: the first 8 characters of a UUID, other IDs whole.
    public var short: String {
        let text = text
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        let isUUID =
            groups.map(\.count) == [8, 4, 4, 4, 12]
            && groups.joined().utf8.allSatisfy(Hexadecimal.isDigit)
        return isUUID ? String(text.prefix(8)) : text
    }

    private static func check(_ bytes: [UInt8], maximum: Int) throws(NameProblem) {
        guard let first = bytes.first else { throw .empty }
        guard bytes.count <= maximum else { throw .tooLong(bytes.count, allowed: maximum) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        if text.unicodeScalars.contains(where: \.isControl) { throw .controlCharacter }
        if bytes.contains(UInt8(ascii: "/")) { throw .slash }
        if first == UInt8(ascii: ".") || first == UInt8(ascii: "-") {
            throw .leading(Character(UnicodeScalar(first)))
        }
        if AttemptName.split(bytes) != nil { throw .attempt }
    }
}

extension JobID: CustomStringConvertible, Comparable, Codable {
    /// The name as text.
    public var description: String { text }

    /// By bytes.
    public static func < (left: JobID, right: JobID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// An ID from its text.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        try self.init(Array(text.utf8))
    }

    /// Encodes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// The name of a claimed bundle in `running/`: `ID@N`, the N-th claim of the job.
public struct AttemptName: Hashable, Sendable {
    /// The job.
    public let id: JobID
    /// Counts the claims of this job from 1.
    public let claim: Int

    /// The name of the `claim`-th claim of `id`.
    public init(id: JobID, claim: Int) {
        self.id = id
        self.claim = claim
    }

    /// Reads a name in `running/`; nil for a name that no worker makes.
    public init?(_ bytes: [UInt8]) {
        guard let (stem, claim) = AttemptName.split(bytes), claim > 0,
            let id = try? JobID(stem)
        else { return nil }
        self.init(id: id, claim: claim)
    }

    /// The name's bytes.
    public var bytes: [UInt8] { id.bytes + "@\(claim)".utf8 }

    static func split(_ bytes: [UInt8]) -> (stem: ArraySlice<UInt8>, claim: Int)? {
        guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return nil }
        let digits = bytes[(at + 1)...]
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return (bytes[..<at], Int(String(decoding: digits, as: UTF8.self)) ?? .max)
    }
}

/// The name of a declared sender, and of its drop box: `[A-Za-z0-9 _-]{1,32}`.
public struct StationName: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public let description: String

    /// A station's name; nil when it has other characters or is too long.
    public init?(_ text: String) {
        let allowed = text.utf8.allSatisfy {
            switch $0 {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x20, 0x5f, 0x2d: true
            default: false
            }
        }
        guard allowed, (1...32).contains(text.utf8.count) else { return nil }
        guard text.first != " ", text.last != " ", text.first != "-" else { return nil }
        description = text
    }

    /// What a name may be, for messages.
    public static let rule =
        "1 to 32 of A-Z a-z 0-9 space _ -, not starting with - or a space, not ending with a space"
}

extension Unicode.Scalar {
    /// Controls and the separators that break lines.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
