/// A path or a file's name, as the bytes the kernel sees.
///
/// Never compared as text: Swift's strings hold "é" in two spellings for equal.
public struct Path: Hashable, Sendable, ExpressibleByStringLiteral {
    /// Without the final NUL.
    public let bytes: [UInt8]

    /// A path of these bytes, which must not contain NUL.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// A path of the UTF-8 bytes of `text`.
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// A path written in the source.
    public init(stringLiteral value: String) { bytes = Array(value.utf8) }

    /// `path` inside `directory`.
    public static func / (directory: Path, path: Path) -> Path {
        guard !directory.bytes.isEmpty else { return path }
        let slash = directory.bytes.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
        return Path(directory.bytes + slash + path.bytes)
    }

    /// Whether it starts at the root directory.
    public var isAbsolute: Bool { bytes.first == UInt8(ascii: "/") }

    /// What stands behind the last slash.
    public var lastComponent: Path {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return self }
        return Path(bytes[(slash + 1)...])
    }

    /// What stands before the last slash; `.` when there is none.
    public var parent: Path {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == 0 ? "/" : Path(bytes[..<slash])
    }

    /// The path as text, if it is UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }

    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
            for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
            buffer[bytes.count] = 0
            guard let start = buffer.baseAddress else { preconditionFailure("empty allocation") }
            return body(start)
        }
    }
}

extension Path: CustomStringConvertible {
    /// The path for people: bytes that are no printable UTF-8 stand as `\xNN`.
    public var description: String {
        guard let text, !text.unicodeScalars.contains(where: \.isControl) else {
            return bytes.map(Path.escaped).joined()
        }
        return text
    }

    private static func escaped(_ byte: UInt8) -> String {
        guard byte < 0x20 || byte > 0x7e || byte == UInt8(ascii: "\\") else {
            return String(UnicodeScalar(byte))
        }
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
    }
}

extension Path: Comparable {
    /// By bytes.
    public static func < (left: Path, right: Path) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension Unicode.Scalar {
    fileprivate var isControl: Bool {
        properties.generalCategory == .control || properties.generalCategory == .lineSeparator
            || properties.generalCategory == .paragraphSeparator
    }
}
