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
}
