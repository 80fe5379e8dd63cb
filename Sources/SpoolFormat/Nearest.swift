/// Finds the known name that somebody probably meant.
public enum Nearest {
    /// The name among `known` with the fewest edits from `name`, if they are few.
    public static func name(to name: String, among known: [String]) -> String? {
        let folded = fold(name)
        guard !folded.isEmpty else { return nil }
        let best = known.map { (distance(folded, fold($0)), $0) }.min { $0.0 < $1.0 }
        guard let (edits, candidate) = best else { return nil }
        // A third of the shorter one may be wrong.
        let allowed = (min(folded.count, candidate.count) + 2) / 3
        return edits <= allowed ? candidate : nil
    }

    /// Case, hyphens and underscores are what people mix up first: they count nothing.
    private static func fold(_ name: String) -> [Character] {
        Array(name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " }.prefix(64))
    }

    /// The Levenshtein distance: insertions, deletions and substitutions.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let substituted = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
