// How a JSON scanner reads texts in double quotes.

extension JSONScanner {
    /// The UTF-8 of the string that begins here, escapes resolved.
    mutating func string() throws(JSONProblem) -> [UInt8] {
        let start = offset
        var content: [UInt8] = []
        offset += 1
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return content
            case UInt8(ascii: "\\"):
                content.append(contentsOf: try escape().utf8)
            case 0..<0x20:
                throw controlCharacter(byte, inTextAt: start)
            default:
                content.append(byte)
                offset += 1
            }
        }
        throw problem(.unfinished, "the JSON ends inside a text in double quotes")
    }

    private static let escapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
        UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n",
        UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]

    private mutating func escape() throws(JSONProblem) -> Unicode.Scalar {
        guard let letter = byte(at: offset + 1) else {
            throw problem(.unfinished, at: text.count, "the JSON ends after a backslash")
        }
        if letter == UInt8(ascii: "u") { return try unicodeEscape() }
        guard let scalar = Self.escapes[letter] else { throw unknownEscape() }
        offset += 2
        return scalar
    }

    /// A `\uXXXX`, or two that make a pair of surrogates.
    private mutating func unicodeEscape() throws(JSONProblem) -> Unicode.Scalar {
        let start = offset
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) {
            guard unit != 0 else {
                throw problem(.malformed, at: start, "found \\u0000: NUL is not allowed in a text")
            }
            return scalar
        }
        guard UTF16.isLeadSurrogate(unit), byte(at: offset) ?? 0x5C == 0x5C,
            byte(at: offset + 1) ?? 0x75 == 0x75
        else { throw loneSurrogate(at: start) }
        let trail = try codeUnit()
        guard UTF16.isTrailSurrogate(trail) else { throw loneSurrogate(at: start) }
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    private func loneSurrogate(at start: Int) -> JSONProblem {
        problem(.malformed, at: start, "found half a pair of \\u surrogates: write the other half")
    }

    /// The number of the `\uXXXX` that begins here.
    private mutating func codeUnit() throws(JSONProblem) -> UInt16 {
        var unit: UInt16 = 0
        for place in offset + 2..<offset + 6 {
            guard let byte = byte(at: place) else {
                throw problem(.unfinished, at: text.count, "the JSON ends inside a \\u escape")
            }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw problem(
                    .malformed,
                    "found \\u without four hexadecimal digits: a backslash is written \\\\")
            }
            unit = unit << 4 | UInt16(digit)
        }
        offset += 6
        return unit
    }
}
