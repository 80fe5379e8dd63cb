/// Splits a command line that is being typed into words, as Bash would.
enum ShellWords {
    /// Its words without quotes; the last one is empty behind a blank.
    static func split(_ line: String) -> [String] {
        var words = [""]
        var quote: Character?
        var rest = line[...]
        while let character = rest.popFirst() {
            switch (character, quote) {
            case ("\\", nil), ("\\", "\""):
                if let next = rest.popFirst() { words[words.count - 1].append(next) }
            case ("'", nil), ("\"", nil): quote = character
            case (_, let open?) where open == character: quote = nil
            case (" ", nil), ("\t", nil):
                if words[words.count - 1] != "" { words.append("") }
            default: words[words.count - 1].append(character)
            }
        }
        return words
    }
}
