extension Unicode.Scalar {
    /// Controls and the separators that break lines.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension String {
    /// All of it on one line that moves no cursor: what was sent or said by others may hold
    /// anything.
    public var oneLine: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            text.unicodeScalars.append(scalar.isControl ? " " : scalar)
        }
    }

    /// JSON with every control in its strings escaped, also those that JSON lets stand: a terminal
    /// obeys them all the same.
    public var withControlsEscaped: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            guard scalar.isControl else { return text.unicodeScalars.append(scalar) }
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}
