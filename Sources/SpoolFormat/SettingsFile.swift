/// Reads `spool.conf`: `KEY=VALUE` lines, comments with `#`, empty lines; as in a systemd
/// environment file a value may stand in quotes. A byte order mark is passed over.
public enum SettingsFile {
    /// Takes over what the file says.
    ///
    /// - Throws: the first line that is unknown or malformed, and the remedy.
    public static func apply(_ bytes: [UInt8], named file: String, to settings: inout Settings)
        throws(SettingProblem)
    {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let bytes = bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SettingProblem(description: "\(file) is not UTF-8. Save it as UTF-8.")
        }
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            let place = "\(file), line \(index + 1)"
            guard let (name, value) = try assignment(line, at: place) else { continue }
            try settings.set(name, to: value, at: place)
        }
    }

    private static func assignment(_ line: Substring, at place: String) throws(SettingProblem)
        -> (name: String, value: String)?
    {
        let line = line.trimmed
        if line.isEmpty || line.hasPrefix("#") { return nil }
        guard let equals = line.firstIndex(of: "=") else {
            throw SettingProblem(
                description: "\(place): '\(String(line).excerpt)' has no '='. "
                    + "Write NAME=VALUE, or # in front of a comment.")
        }
        let name = String(line[..<equals].trimmed)
        return (name, unquoted(line[line.index(after: equals)...].trimmed))
    }

    private static func unquoted(_ value: Substring) -> String {
        for quote: Character in ["\"", "'"]
        where value.count >= 2 && value.first == quote && value.last == quote {
            let inner = value.dropFirst().dropLast()
            // Else it is a command whose first and last words are quoted.
            if !inner.contains(quote) { return String(inner) }
        }
        return String(value)
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        let front = drop { $0.isWhitespace }
        guard let last = front.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return front[...last]
    }
}
