/// Turns a station's text file into UTF-8.
///
/// Kiosk programs and Windows editors write UTF-8 with or without a byte order mark, and UTF-16 with
/// one. UTF-16 without a mark is recognised only to say so.
public enum StationText {
    /// The text in UTF-8, without a byte order mark and without NUL.
    ///
    /// Throws `unfinished` for what may become right as bytes arrive: no bytes, zeros at the end,
    /// a character that is cut off. Otherwise throws `notText`.
    public static func utf8(_ bytes: [UInt8]) throws(JSONProblem) -> [UInt8] {
        let text = try decode(bytes)
        try refuseZeros(text)
        try UTF8Check.validate(text)
        return text
    }

    private static func decode(_ bytes: [UInt8]) throws(JSONProblem) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
        if bytes.starts(with: [0xFF, 0xFE]) { return try decodeUTF16(bytes) { $1 << 8 | $0 } }
        if bytes.starts(with: [0xFE, 0xFF]) { return try decodeUTF16(bytes) { $0 << 8 | $1 } }
        if bytes == [0xFF] || bytes == [0xFE] {
            throw JSONProblem(.unfinished, at: 0, in: bytes, "only its first byte has arrived")
        }
        return bytes
    }

    /// Decodes the units behind the byte order mark, each made of two bytes by `unit`.
    private static func decodeUTF16(
        _ bytes: [UInt8], unit: (UInt16, UInt16) -> UInt16
    ) throws(JSONProblem) -> [UInt8] {
        let pairs = stride(from: 2, to: bytes.count - 1, by: 2)
        let units = pairs.map { unit(UInt16(bytes[$0]), UInt16(bytes[$0 + 1])) }
        let text = try transcode(units)
        guard bytes.count.isMultiple(of: 2) else {
            throw JSONProblem(
                .unfinished, at: text.count, in: text, "the UTF-16 text stops in mid-character")
        }
        return text
    }

    private static func transcode(_ units: [UInt16]) throws(JSONProblem) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(units.count)
        var decoder = UTF16()
        var rest = units.makeIterator()
        while true {
            switch decoder.decode(&rest) {
            case .scalarValue(let scalar):
                text.append(contentsOf: scalar.utf8)
            case .emptyInput:
                return text
            case .error:
                throw loneSurrogate(after: text, atEnd: rest.next() == nil, of: units)
            }
        }
    }

    private static func loneSurrogate(
        after text: [UInt8], atEnd: Bool, of units: [UInt16]
    ) -> JSONProblem {
        // The first half of a pair, with the other half still to come.
        if atEnd, let last = units.last, UTF16.isLeadSurrogate(last) {
            return JSONProblem(
                .unfinished, at: text.count, in: text, "the UTF-16 text stops in mid-character")
        }
        return JSONProblem(
            .notText, at: text.count, in: text,
            "half a character (a lone surrogate) stands in the UTF-16 text. Save it as UTF-8.")
    }

    private static func refuseZeros(_ text: [UInt8]) throws(JSONProblem) {
        guard !text.isEmpty else {
            throw JSONProblem(.unfinished, at: 0, in: text, "the file is empty")
        }
        guard let first = text.firstIndex(of: 0) else { return }
        if text[first...].allSatisfy({ $0 == 0 }) {
            let words = first == 0 ? "it is" : "the rest is"
            throw JSONProblem(
                .unfinished, at: first, in: text, "\(words) filled with zeros so far")
        }
        let isWide = first < 4
        throw JSONProblem(
            .notText, at: first, in: text,
            (isWide ? "it seems to be UTF-16 or UTF-32" : "a NUL byte stands in the text")
                + ". Save it as UTF-8.")
    }
}
