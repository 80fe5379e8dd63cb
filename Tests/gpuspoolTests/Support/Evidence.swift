import Linux
import Testing

/// What a failed check is printed with: the tree of the spool and the logs of its processes.
enum Evidence {
    /// The folder of the spool that this task uses.
    @TaskLocal static var folder: Path?

    /// The tree and the logs; once for each spool, nil after that.
    fileprivate static func take() -> String? {
        guard let folder, (try? Disk.status(folder / "told")) == .some(nil),
            (try? Disk.write(folder / "told", [])) != nil
        else { return nil }
        var text = "\n== \(folder)\n"
        tell(folder, depth: 0, &text)
        for name in (try? Disk.names(folder)) ?? [] where "\(name)".hasSuffix(".log") {
            let log = (try? Disk.read(folder / name)) ?? []
            text += "== \(name)\n" + String(decoding: log.suffix(6000), as: UTF8.self)
        }
        return text
    }

    private static func tell(_ directory: Path, depth: Int, _ text: inout String) {
        for name in (try? Disk.names(directory)) ?? [] {
            guard let status = try? Disk.status(directory / name) else { continue }
            let indent = String(repeating: "  ", count: depth)
            text += "\(indent)\(name)  \(status.kind.rawValue) \(status.size)\n"
            if status.kind == .directory { tell(directory / name, depth: depth + 1, &text) }
        }
    }
}

extension Trait where Self == IssueHandlingTrait {
    /// Prints the spool's tree and logs with the first thing that goes wrong in it.
    static var evidence: Self {
        .compactMapIssues { issue in
            guard let text = Evidence.take() else { return issue }
            var issue = issue
            issue.comments.append(Comment(rawValue: text))
            return issue
        }
    }
}
