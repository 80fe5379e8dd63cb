/// What a name in `incoming/`, or in a folder there, can be.
///
/// Decided by the name alone; whether an image is one is told by its content.
public enum DropName: Hashable, Sendable {
    /// Never taken, never deleted: temporary files of senders, and what systems leave behind.
    case ignored
    /// The instruction of the drop called `stem`.
    case instruction(stem: [UInt8])
    /// The list of the batch called `stem`.
    case batch(stem: [UInt8])
    /// An order for the job that the drop called `stem` became.
    case control(ControlVerb, stem: [UInt8])
    /// Anything else: taken for the image of the drop called `stem`.
    case image(stem: [UInt8])

    /// Looks at a file's name.
    public init(_ name: [UInt8]) {
        let lower = name.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        if DropName.isIgnored(lower) {
            self = .ignored
        } else if let verb = ControlVerb.allCases.first(where: { lower.hasSuffix($0.suffix) }) {
            self = .control(verb, stem: Array(name.dropLast(verb.suffix.utf8.count)))
        } else if lower.hasSuffix(".json"), name.count > 5 {
            self = .instruction(stem: Array(name.dropLast(5)))
        } else if lower.hasSuffix(BatchName.suffix), name.count > BatchName.suffix.utf8.count {
            self = .batch(stem: Array(name.dropLast(BatchName.suffix.utf8.count)))
        } else {
            self = .image(stem: DropName.stem(of: name))
        }
    }

    /// The name without its last extension.
    public static func stem(of name: [UInt8]) -> [UInt8] {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return name }
        return Array(name[..<dot])
    }

    private static func isIgnored(_ lower: [UInt8]) -> Bool {
        lower.first == UInt8(ascii: ".") || lower.starts(with: "~$".utf8)
            || lower.last == UInt8(ascii: "~")
            || temporarySuffixes.contains { lower.hasSuffix($0) }
            || systemNames.contains { lower.elementsEqual($0.utf8) }
            || systemPrefixes.contains { lower.starts(with: $0.utf8) }
    }

    /// Browsers, WinSCP, rsync, aria2, editors and lock files.
    static let temporarySuffixes = [
        ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".upload",
        ".aria2", ".!ut", ".swp", ".lock", ".bak",
    ]

    /// Windows, macOS, Synology and Syncthing.
    static let systemNames = [
        "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "system volume information",
        "$recycle.bin", "__macosx",
    ]

    /// Syncthing's and unpackers' temporary names.
    static let systemPrefixes = ["~syncthing~", "_unpack_"]

    /// What a member is called inside its bundle: its own name where that is a safe one.
    ///
    /// Names that the spool itself uses, control characters, bad UTF-8 and overlong names give
    /// way to a name that every client can read.
    public static func member(_ name: [UInt8]) -> [UInt8] {
        var safe = String(decoding: name, as: UTF8.self).unicodeScalars.reduce(into: "") {
            text, scalar in
            let isPlain = !scalar.isControl && scalar != "/" && scalar != "\u{FFFD}"
            text.unicodeScalars.append(isPlain ? scalar : "_")
        }
        while safe.utf8.count > 200 { safe.unicodeScalars.removeFirst() }
        let bytes = Array(safe.utf8)
        let isReserved =
            BundleFile.reserved.contains(safe) || bytes.isEmpty
            || bytes.first == UInt8(ascii: ".") || BundleFile.isTemporary(bytes)
        return isReserved ? Array("dropped-".utf8) + bytes : bytes
    }
}

extension ControlVerb {
    fileprivate var suffix: String { "." + rawValue }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ text: String) -> Bool {
        suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}
