internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

/// The command.
@main
enum Gpuspool {
    static let version = "0.1.0"
    static let released = "2026-12-01"

    static func main() {
        Signals.ignorePipeAndLease()
        let words = Array(Host.arguments.dropFirst())
        do {
            Host.exit(try execute(words).rawValue)
        } catch {
            let failure = Failure(explaining: error)
            try? StandardStream.error.write("gpuspool: \(failure.message)\n")
            Host.exit(failure.code.rawValue)
        }
    }

    private static func execute(_ words: [Path]) throws -> ExitCode {
        // Common options may stand before the command's name.
        guard let (name, rest) = try split(words) else {
            if words.contains(where: { $0 == "--version" }) {
                try StandardStream.output.write("gpuspool \(version)\n")
                return .done
            }
            let isHelp = words.contains { ["--help", "-h", "help"].contains($0.text) }
            try (isHelp ? StandardStream.output : .error).write(Subcommand.overview)
            return isHelp ? .done : .usage
        }
        guard let command = Subcommand.all.first(where: { $0.name == name }) else {
            let hint = Nearest.name(to: name, among: Subcommand.all.map(\.name))
            throw Failure(
                .usage,
                "unknown command '\(name.excerpt)'.\(hint.map { " Did you mean \($0)?" } ?? "") "
                    + "See: gpuspool --help")
        }
        let invocation = try Invocation(rest, of: command)
        if invocation.has("--help") {
            try StandardStream.output.write(command.help)
            return .done
        }
        return try command.run(invocation)
    }

    /// The command's name and all other words; nil when there is no name.
    private static func split(_ words: [Path]) throws -> (String, [Path])? {
        var before: [Path] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            guard let text = word.text, text.hasPrefix("-") else {
                if word == "help" { return nil }
                return (word.description, before + rest)
            }
            before.append(word)
            let option = Subcommand.common.first { $0.name == text }
            if option?.value != nil, let value = rest.popFirst() { before.append(value) }
        }
        return nil
    }
}
