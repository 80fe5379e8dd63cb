internal import Linux
internal import SpoolFormat

/// What an install put where, with the SHA-256 of each file: so that an upgrade replaces and
/// `uninstall` removes what is ours and unchanged, and nothing else.
///
/// It is written before the first file, with the sums of the former install too, and again after
/// the last: an install that was killed in between knows its files, the next one goes on from there.
struct Manifest: Equatable {
    /// The sums each file may have and still be ours.
    private(set) var files: [Path: Set<String>] = [:]
    /// The directories that were made for them, those above first.
    var directories: [Path] = []

    /// Takes note of a file.
    mutating func add(_ path: Path, _ sum: String) { files[path, default: []].insert(sum) }

    /// What both list.
    func union(_ other: Manifest) -> Manifest {
        var union = self
        union.files.merge(other.files) { $0.union($1) }
        union.directories += other.directories.filter { !directories.contains($0) }
        return union
    }

    private static let heading =
        "# What `gpuspool install` put here; `gpuspool uninstall` removes it. Not to be edited.\n"

    /// As it stands on the disk.
    var text: String {
        let lines = files.sorted { $0.key < $1.key }.flatMap { path, sums in
            sums.sorted().map { "file \($0) \(path)\n" }
        }
        return Manifest.heading + (directories.map { "directory - \($0)\n" } + lines).joined()
    }

    /// An empty one.
    init() {}

    /// What a text lists; nil when it is none of ours.
    init?(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3 else { return nil }
            switch parts[0] {
            case "file": add(Path(String(parts[2])), String(parts[1]))
            case "directory": directories.append(Path(String(parts[2])))
            default: return nil
            }
        }
    }
}
