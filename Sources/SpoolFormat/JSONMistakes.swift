// What a JSON scanner says about mistakes, above all those of people who write JSON by hand.

extension JSONScanner {
    /// Where in the grammar something unexpected was found.
    enum Place {
        case name, colon, value, number, afterElement, afterEnd
    }

    func problem(
        _ kind: JSONProblem.Kind, at place: Int? = nil, _ message: String
    ) -> JSONProblem {
        JSONProblem(kind, at: place ?? offset, in: text, message)
    }

    /// What is here instead of `wanted`; the end of the text is `unfinished`.
    func unexpected(_ wanted: String, in place: Place) -> JSONProblem {
        guard next != nil else {
            return problem(.unfinished, "the JSON ends here, expected \(wanted)")
        }
        let advice = advice(in: place).map { ": \($0)" } ?? ""
        return problem(.malformed, "found \(found), expected \(wanted)\(advice)")
    }

    /// The problem of a text that does not begin with a brace.
    func noObject() -> JSONProblem {
        let kind: JSONKind? =
            switch next {
            case UInt8(ascii: "["): .array
            case UInt8(ascii: "\""): .string
            case let byte? where Self.beginsNumber(byte): .number
            default: literalKind(word)
            }
        guard let kind else { return unexpected("an object in braces { }", in: .value) }
        return problem(.notAnObject, "found \(kind.article), expected an object in braces { }")
    }

    func controlCharacter(_ byte: UInt8, inTextAt start: Int) -> JSONProblem {
        switch byte {
        case 0x09:
            return problem(.malformed, "found a tab inside a text: write \\t")
        case 0x0A, 0x0D:
            let column = TextPosition(of: start, in: text).column
            return problem(
                .malformed,
                "the text that begins in column \(column) is not closed on its line:"
                    + " put '\"' at its end, and write a line break as \\n")
        default:
            return problem(.malformed, "found \(found), a control character, inside a text")
        }
    }

    func unknownEscape() -> JSONProblem {
        let letter = scalar(at: offset + 1).map { String($0) } ?? ""
        return problem(.malformed, "found '\\\(letter)' in a text: a backslash is written \\\\")
    }

    /// The letters, digits and underscores that begin here.
    var word: String {
        let isPart = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == 0x5F
        }
        return String(decoding: text[offset...].prefix(40).prefix(while: isPart), as: UTF8.self)
    }

    /// What comes next, in quotes; characters that do not show by their number.
    private var found: String {
        guard let scalar = scalar(at: offset) else { return "the end of the JSON" }
        if !word.isEmpty { return "'\(word)'" }
        let number = String(scalar.value, radix: 16, uppercase: true)
        let padding = String(repeating: "0", count: max(0, 4 - number.count))
        if scalar.isASCII, scalar.value > 0x20, scalar.value < 0x7F { return "'\(scalar)'" }
        let isShown = scalar.properties.generalCategory != .format && scalar.value > 0xA0
        return isShown ? "'\(scalar)' (U+\(padding)\(number))" : "U+\(padding)\(number)"
    }

    private func scalar(at place: Int) -> Unicode.Scalar? {
        guard place < text.count else { return nil }
        return String(decoding: text[place...].prefix(4), as: UTF8.self).unicodeScalars.first
    }

    private func advice(in place: Place) -> String? {
        guard let scalar = scalar(at: offset) else { return nil }
        if let advice = Self.advice[scalar] { return advice }
        if scalar.properties.isWhitespace { return "use a plain space" }
        return switch place {
        case .name where word.first?.isNumber == false: "write \"\(word)\""
        case .value: adviceForValue
        case .afterElement: adviceAfterElement(scalar)
        case .afterEnd where scalar == "{": "only one object may stand in the file"
        case .name, .colon, .number, .afterEnd: nil
        }
    }

    private static let advice: [Unicode.Scalar: String] = {
        var advice: [Unicode.Scalar: String] = [
            "'": "use double quotes",
            "/": "comments are not allowed in JSON", "#": "comments are not allowed in JSON",
            "\u{FEFF}": "a byte order mark may only stand at the very start",
            "\u{200B}": "an invisible character, remove it",
            "\u{2028}": "use a plain line break", "\u{2029}": "use a plain line break",
        ]
        for quote in "“”„‟‘’‚‛«»".unicodeScalars {
            advice[quote] = "use the plain double quote (\")"
        }
        return advice
    }()

    private var adviceForValue: String? {
        switch word.lowercased() {
        case "true", "yes", "on": "write true"
        case "false", "no", "off": "write false"
        case "null", "none", "nil", "undefined": "write null, or leave the name out"
        case "nan", "infinity", "inf": "JSON has no such number"
        case "" where next == UInt8(ascii: "+") || next == UInt8(ascii: "."):
            "a number begins with a digit or '-'"
        case "": nil
        default: "a text stands in double quotes"
        }
    }

    private func adviceAfterElement(_ scalar: Unicode.Scalar) -> String? {
        let isBehindText = offset > 0 && text[offset - 1] == UInt8(ascii: "\"")
        if isBehindText, !word.isEmpty { return "a double quote inside a text is written \\\"" }
        return scalar == "\"" || scalar == "{" || scalar == "["
            ? "is a comma missing before it?" : nil
    }
}
