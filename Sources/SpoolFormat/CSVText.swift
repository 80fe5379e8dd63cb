// A table as text, as spreadsheets write it: RFC 4180, and what their European editions make of it.
//
// Fields stand between commas, semicolons or tabs; a field in double quotes may hold those, line
// breaks, and double quotes written twice. A line ends with LF, CR LF or CR. Blanks around a quoted
// field are left out, as people write them behind a comma. Pure; the bytes are UTF-8.

/// The records of a table, each with the line it begins in.
struct CSVText {
    /// A record: its fields, as they are meant.
    struct Record: Hashable {
        /// From 1.
        let line: Int
        let fields: [String]

        /// Spreadsheets leave lines of separators alone behind a table.
        var isEmpty: Bool { fields.allSatisfy { $0.allSatisfy(\.isWhitespace) } }
    }

    /// What is no table.
    enum Problem: Error, Hashable {
        /// The text ends inside quotes that began in a line.
        case unclosed(line: Int)
        /// Something stands behind the closing quote of a field.
        case behindQuote(line: Int, found: String)
    }

    private let text: [UInt8]
    private let separator: UInt8
    private var offset: Int
    private var line: Int

    private static let quote = UInt8(ascii: "\"")

    private init(_ text: [UInt8], separator: UInt8, from offset: Int = 0, line: Int = 1) {
        (self.text, self.separator, self.offset, self.line) = (text, separator, offset, line)
    }

    /// All records that are not empty, at most `limit`.
    ///
    /// The separator is that of the first line: the one `sep=` names, or of comma, semicolon and tab
    /// the one with which most of its fields satisfy `isKnown`.
    static func records(
        of text: [UInt8], limit: Int, isKnown: (String) -> Bool
    ) throws(Problem) -> [Record] {
        var reader = CSVText(text)
        if reader == nil {
            var best = (count: -1, separator: UInt8(ascii: ","))
            for separator in ",;\t".utf8 {
                var reader = CSVText(text, separator: separator)
                guard let first = try? reader.next() else { continue }
                let count = first.fields.count { isKnown($0) }
                if count > best.count { best = (count, separator) }
            }
            reader = CSVText(text, separator: best.separator)
        }
        return try reader?.all(limit: limit) ?? []
    }

    /// Excel's own first line: `sep=;`.
    private init?(_ text: [UInt8]) {
        let first = text.prefix { $0 != 0x0A && $0 != 0x0D }
        guard first.count == 5, first.starts(with: "sep=".utf8), let separator = first.last else {
            return nil
        }
        self.init(text, separator: separator, from: 5)
        skipLineEnd()
    }

    private mutating func all(limit: Int) throws(Problem) -> [Record] {
        var records: [Record] = []
        while records.count < limit, let record = try next() {
            if !record.isEmpty { records.append(record) }
        }
        return records
    }

    /// The next record; nil at the end.
    private mutating func next() throws(Problem) -> Record? {
        guard offset < text.count else { return nil }
        let start = line
        var fields: [String] = []
        while true {
            fields.append(String(decoding: try field(), as: UTF8.self))
            guard offset < text.count, text[offset] == separator else { break }
            offset += 1
        }
        skipLineEnd()
        return Record(line: start, fields: fields)
    }

    private mutating func field() throws(Problem) -> [UInt8] {
        let blanks = text[offset...].prefix { $0 == 0x20 || ($0 == 0x09 && $0 != separator) }
        guard blanks.endIndex < text.count, text[blanks.endIndex] == CSVText.quote else {
            let plain = text[offset...].prefix { $0 != separator && $0 != 0x0A && $0 != 0x0D }
            offset = plain.endIndex
            return Array(plain)
        }
        offset = blanks.endIndex + 1
        return try quoted()
    }

    private mutating func quoted() throws(Problem) -> [UInt8] {
        let start = line
        var bytes: [UInt8] = []
        while offset < text.count {
            let byte = text[offset]
            if byte == CSVText.quote {
                offset += 1
                guard offset < text.count, text[offset] == CSVText.quote else {
                    try skipBlanks()
                    return bytes
                }
            } else if byte == 0x0A || byte == 0x0D {
                bytes.append(0x0A)
                skipLineEnd()
                continue
            }
            bytes.append(byte)
            offset += 1
        }
        throw .unclosed(line: start)
    }

    private mutating func skipBlanks() throws(Problem) {
        while offset < text.count, text[offset] != separator {
            let byte = text[offset]
            if byte == 0x0A || byte == 0x0D { return }
            guard byte == 0x20 || byte == 0x09 else {
                let rest = text[offset...].prefix { $0 != separator && $0 != 0x0A && $0 != 0x0D }
                throw .behindQuote(line: line, found: String(decoding: rest, as: UTF8.self))
            }
            offset += 1
        }
    }

    private mutating func skipLineEnd() {
        guard offset < text.count else { return }
        let isPair =
            text[offset] == 0x0D && offset + 1 < text.count && text[offset + 1] == 0x0A
        offset += isPair ? 2 : 1
        line += 1
    }
}

extension CSVText.Problem: CustomStringConvertible {
    /// What was found, and what to do.
    var description: String {
        switch self {
        case .unclosed(let line):
            "Line \(line): a text in double quotes begins there and does not end. Put '\"' at its "
                + "end; a double quote inside is written twice."
        case .behindQuote(let line, let found):
            "Line \(line): found '\(found.excerpt)' behind the closing quote of a field. A double "
                + "quote inside a text is written twice (\"\")."
        }
    }
}
