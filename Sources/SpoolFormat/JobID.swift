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

    /// The ID with something behind it that an ID may end in, and that fits.
    func with(_ suffix: String) -> JobID { JobID(unchecked: bytes + suffix.utf8) }

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
