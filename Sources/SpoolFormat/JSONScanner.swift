/// Walks a JSON text once and checks its grammar: values, objects, arrays, numbers.
///
/// The text is known to be UTF-8. A method that scans something begins at its first byte and leaves
/// `offset` behind its last one; the recursion is as deep as the text, at most 64.
struct JSONScanner {
    /// A name and the places of its value.
    struct Field {
        /// The name's UTF-8, escapes resolved.
        let name: [UInt8]
        /// Where the name begins.
        let start: Int
        let kind: JSONKind
        let value: Range<Int>
    }

    static let deepest = 64

    let text: [UInt8]
    var offset = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    /// The next byte, nil at the end.
    var next: UInt8? { byte(at: offset) }

    func byte(at index: Int) -> UInt8? {
        index < text.count ? text[index] : nil
    }

    /// Passes over `wanted` if it comes next.
    mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: wanted) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { offset += 1 }
    }

    /// The whole text: one object with nothing but white space around it.
    mutating func document() throws(JSONProblem) -> [Field] {
        skipSpace()
        guard next == UInt8(ascii: "{") else { throw noObject() }
        let fields = try object(depth: 1)
        skipSpace()
        guard next == nil else { throw unexpected("the end of the JSON", in: .afterEnd) }
        return fields
    }

    private mutating func value(depth: Int) throws(JSONProblem) -> JSONKind {
        switch next {
        case UInt8(ascii: "{"):
            _ = try object(depth: depth + 1)
            return .object
        case UInt8(ascii: "["):
            try array(depth: depth + 1)
            return .array
        case UInt8(ascii: "\""):
            _ = try string()
            return .string
        case let byte? where Self.beginsNumber(byte):
            try number()
            return .number
        default:
            return try literal()
        }
    }

    private mutating func object(depth: Int) throws(JSONProblem) -> [Field] {
        try open(depth)
        if take("}") { return [] }
        var fields: [Field] = []
        repeat { fields.append(try field(depth: depth)) } while try another(before: "}")
        return fields
    }

    private mutating func field(depth: Int) throws(JSONProblem) -> Field {
        let start = offset
        guard next == UInt8(ascii: "\"") else {
            throw unexpected("a name in double quotes", in: .name)
        }
        let name = try string()
        skipSpace()
        guard take(":") else { throw unexpected("':' after the name", in: .colon) }
        skipSpace()
        let first = offset
        let kind = try value(depth: depth)
        return Field(name: name, start: start, kind: kind, value: first..<offset)
    }

    private mutating func array(depth: Int) throws(JSONProblem) {
        try open(depth)
        if take("]") { return }
        repeat { _ = try value(depth: depth) } while try another(before: "]")
    }

    /// Passes over an opening bracket and the space behind it.
    private mutating func open(_ depth: Int) throws(JSONProblem) {
        guard depth <= Self.deepest else {
            throw problem(.tooDeep, "more than \(Self.deepest) levels of brackets")
        }
        offset += 1
        skipSpace()
    }

    /// Behind an element: passes over a comma (true) or the closing bracket (false).
    private mutating func another(before close: Unicode.Scalar) throws(JSONProblem) -> Bool {
        skipSpace()
        if take(close) { return false }
        let comma = offset
        guard take(",") else { throw unexpected("',' or '\(close)'", in: .afterElement) }
        skipSpace()
        guard next != UInt8(ascii: close) else {
            throw problem(
                .malformed, at: comma, "found ',' before '\(close)': the last comma is too many")
        }
        return true
    }

    static func beginsNumber(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte)
    }

    private mutating func number() throws(JSONProblem) {
        _ = take("-")
        let first = offset
        try digits()
        guard text[first] != UInt8(ascii: "0") || offset == first + 1 else {
            throw problem(.malformed, at: first, "found '0' before a digit: write it without")
        }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
    }

    private mutating func digits() throws(JSONProblem) {
        let first = offset
        while let byte = next, (0x30...0x39).contains(byte) { offset += 1 }
        guard offset > first else { throw unexpected("a digit", in: .number) }
    }

    func literalKind(_ word: String) -> JSONKind? {
        switch word {
        case "true", "false": .boolean
        case "null": .null
        default: nil
        }
    }

    private mutating func literal() throws(JSONProblem) -> JSONKind {
        let word = self.word
        guard let kind = literalKind(word) else {
            let isCut = ["true", "false", "null"].contains { $0.hasPrefix(word) }
            if isCut, offset + word.utf8.count == text.count { offset = text.count }
            throw unexpected("a value", in: .value)
        }
        offset += word.utf8.count
        return kind
    }
}
