extension Unicode.Scalar {
    /// Controls and the separators that break lines.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
