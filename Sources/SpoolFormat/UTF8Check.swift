/// Finds the first byte of a text that is not UTF-8.
enum UTF8Check {
    /// Returns if `text` is UTF-8 throughout; a last character that is cut off is `unfinished`.
    static func validate(_ text: [UInt8]) throws(JSONProblem) {
        let fault: UTF8.ValidationError
        do {
            _ = try UTF8Span(validating: text.span)
            return
        } catch {
            fault = error
        }
        let start = fault.byteOffsets.lowerBound
        if fault.kind == .truncatedScalar, fault.byteOffsets.upperBound == text.count {
            throw JSONProblem(
                .unfinished, at: start, in: text, "the text stops in the middle of a character")
        }
        let byte = Hexadecimal.text(of: text.dropFirst(start).prefix(1)).uppercased()
        throw JSONProblem(
            .notText, at: start, in: text, "the byte \(byte) is not UTF-8. Save it as UTF-8.")
    }
}
