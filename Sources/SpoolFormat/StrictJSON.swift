/// The gate in front of FoundationEssentials' `JSONDecoder`.
///
/// The decoder lets duplicate names, trailing commas and, in values that are not read, even broken
/// UTF-8 and numbers pass, and never says where a problem is. What passes here is RFC 8259 to the
/// letter.
public enum StrictJSON {
    /// The members of the single top-level object, in order.
    ///
    /// Refuses what RFC 8259 does, plus duplicate top-level names (compared as bytes, escapes
    /// resolved), depth over 64, invalid UTF-8 anywhere, lone surrogates in escapes and `\u0000`.
    public static func members(of text: [UInt8]) throws(JSONProblem) -> [JSONMember] {
        try UTF8Check.validate(text)
        var scanner = JSONScanner(text)
        let fields = try scanner.document()
        try refuseDuplicates(fields, in: text)
        return fields.map { field in
            JSONMember(
                name: String(decoding: field.name, as: UTF8.self), kind: field.kind,
                text: text[field.value])
        }
    }

    private static func refuseDuplicates(
        _ fields: [JSONScanner.Field], in text: [UInt8]
    ) throws(JSONProblem) {
        var starts: [[UInt8]: Int] = [:]
        for field in fields {
            if let start = starts.updateValue(field.start, forKey: field.name) {
                let first = TextPosition(of: start, in: text).line
                let name = String(decoding: field.name, as: UTF8.self)
                throw JSONProblem(
                    .duplicateKey, at: field.start, in: text,
                    "the name \"\(name)\" stands twice, first on line \(first)")
            }
        }
    }
}
