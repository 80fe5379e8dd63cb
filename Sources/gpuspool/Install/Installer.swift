// Puts the program and what belongs to it in their places.
//
// Guarantee: all is looked at before anything is changed. A file that no install put there, or that
// was edited since, is not replaced; the whole install is refused with their names. Settings that
// were edited are kept. Each file changes as a whole, by rename, and the manifest that says which are
// ours is written before the first: killed at any point, the next install goes on from there.
// Nothing in a spool is touched.

internal import Linux
internal import SpoolFormat

/// One install.
struct Installer {
    let places: Places
    let tree: Tree
    let report: StepReport
    /// Also what is not ours is replaced.
    let force: Bool

    private enum Verdict {
        case make, replace, unchanged
        case keep
        case conflict(String)
    }

    func run() throws {
        let former = try Manifest.read(from: places, in: tree) ?? Manifest()
        let files = try InstalledFile.all(in: places).map { ($0, try judge($0, former)) }
        try refuseConflicts(files.map(\.1))
        var manifest = Manifest()
        for (file, _) in files { manifest.add(file.path, file.sum) }
        manifest.directories = try makeDirectories(files.map(\.0.path), former)
        try write(manifest.union(former))
        for (file, verdict) in files { try put(file, verdict) }
        try removeObsolete(former, except: manifest)
        try write(manifest)
    }

    private func judge(_ file: InstalledFile, _ former: Manifest) throws -> Verdict {
        switch try tree.find(file.path) {
        case .nothing: return .make
        case .other(let kind):
            return .conflict("\(tree.actual(file.path)) is a \(kind.rawValue)")
        case .file: break
        }
        if try tree.holds(file.path, file.content) { return .unchanged }
        if try tree.isOurs(file.path, former) || force { return .replace }
        if file.isSettings { return .keep }
        let isKnown = former.files[file.path] != nil
        return .conflict(
            "\(tree.actual(file.path)) \(isKnown ? "was edited" : "is not from an install")")
    }

    private func refuseConflicts(_ verdicts: [Verdict]) throws {
        let conflicts = verdicts.compactMap { verdict in
            if case .conflict(let text) = verdict { text } else { nil }
        }
        guard !conflicts.isEmpty else { return }
        throw Failure(
            .configuration,
            "nothing was installed: \(conflicts.joined(separator: "; ")). Move that away (changes "
                + "to a unit belong into systemctl edit UNIT), or replace it with --force.")
    }

    /// Those that installs made, this one and former ones.
    private func makeDirectories(_ paths: [Path], _ former: Manifest) throws -> [Path] {
        var made = former.directories
        for path in paths + [places.manifest] {
            made += try tree.makeDirectory(path.parent).filter { !made.contains($0) }
        }
        return made
    }

    private func put(_ file: InstalledFile, _ verdict: Verdict) throws {
        let name = "\(tree.actual(file.path))"
        switch verdict {
        case .make:
            try tree.write(file.path, file.content, mode: file.mode)
            try report.tell(.made, name)
        case .replace:
            try tree.write(file.path, file.content, mode: file.mode)
            try report.tell(.replaced, name)
        case .unchanged: try report.tell(.unchanged, name)
        case .keep, .conflict: try report.tell(.kept, name, "it was edited")
        }
    }

    /// What a former version had and this one has not.
    private func removeObsolete(_ former: Manifest, except manifest: Manifest) throws {
        for path in former.files.keys.sorted() where manifest.files[path] == nil {
            try tree.removeIfOurs(path, former, report)
        }
    }

    private func write(_ manifest: Manifest) throws {
        let bytes = Array(manifest.text.utf8)
        guard try tree.read(places.manifest) != bytes else { return }
        try tree.write(places.manifest, .text(bytes), mode: 0o644)
    }
}

extension Manifest {
    /// The one of these places; nil when nothing is installed there.
    static func read(from places: Places, in tree: Tree) throws -> Manifest? {
        guard let bytes = try tree.read(places.manifest) else { return nil }
        guard let manifest = Manifest(String(decoding: bytes, as: UTF8.self)) else {
            throw Failure(
                .configuration,
                "\(tree.actual(places.manifest)) is damaged, and without it nobody knows which files "
                    + "are gpuspool's. Remove it and install with --force.")
        }
        return manifest
    }
}

extension Tree {
    /// Whether a file that is there is as an install left it.
    func isOurs(_ path: Path, _ manifest: Manifest) throws -> Bool {
        guard let sums = manifest.files[path] else { return false }
        if sums.contains("program") { return true }
        return try read(path).map { sums.contains(SHA256.hex(of: $0)) } ?? false
    }

    /// Removes a file that an install left, unless it was edited.
    func removeIfOurs(_ path: Path, _ manifest: Manifest, _ report: StepReport) throws {
        switch try find(path) {
        case .nothing: return
        case .other(let kind):
            try report.tell(.kept, "\(actual(path))", "it is a \(kind.rawValue) now")
        case .file:
            guard try isOurs(path, manifest) else {
                return try report.tell(.kept, "\(actual(path))", "it was edited")
            }
            try remove(path)
            try report.tell(.removed, "\(actual(path))")
        }
    }
}
