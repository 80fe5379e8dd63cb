internal import Linux
internal import SpoolFormat

/// An option of a command.
struct Option: Sendable {
    /// With its hyphens: `--seed`.
    let name: String
    /// What stands for its value in the help; nil for a switch.
    let value: String?
    let help: String

    init(_ name: String, _ value: String? = nil, _ help: String) {
        self.name = name
        self.value = value
        self.help = help
    }
}

/// One command: what `--help`, the parser, the completions and the manual page are made from.
struct Subcommand: Sendable {
    let name: String
    /// Its operands, as the help writes them.
    let operands: String
    /// One line.
    let summary: String
    /// What else is to be known.
    let discussion: String
    let options: [Option]
    /// Only for programs: in no list for people.
    let isHidden: Bool
    let run: @Sendable (Invocation) throws -> ExitCode

    init(
        _ name: String, _ operands: String = "", summary: String, discussion: String = "",
        options: [Option] = [], isHidden: Bool = false,
        run: @escaping @Sendable (Invocation) throws -> ExitCode
    ) {
        self.name = name
        self.operands = operands
        self.summary = summary
        self.discussion = discussion
        self.options = options
        self.isHidden = isHidden
        self.run = run
    }

    /// All commands, in the order of the help.
    static let all: [Subcommand] = [
        .initialize, .run, .watch, .work, .clean, .submit, .status, .queue, .list, .cancel, .hold,
        .release, .retry, .replay, .pause, .drain, .resume, .station, .doctor, .verify,
        .demo, .install, .uninstall, .completion, .man, .complete,
    ]

    /// Those for people.
    static var shown: [Subcommand] { all.filter { !$0.isHidden } }

    /// Options that every command takes.
    static let common: [Option] = [
        Option("--spool", "DIR", "the spool (default: $GPUSPOOL_SPOOL, else ./spool)"),
        Option("--set", "NAME=VALUE", "a setting, before environment and spool.conf"),
        Option("--json", nil, "print JSON"),
        Option("--log-format", "text|json", "how log lines look (default: text)"),
        Option("--help", nil, "print this"),
    ]

    /// The whole help of this command.
    var help: String {
        var text = "usage: gpuspool \(name)"
        text += options.isEmpty ? "" : " [OPTIONS]"
        text += operands.isEmpty ? "\n" : " \(operands)\n"
        text += "\n\(summary)\n"
        if !discussion.isEmpty { text += "\n\(discussion)\n" }
        if !options.isEmpty { text += "\nOptions:\n" + Subcommand.table(options) }
        return text + "\nCommon options:\n" + Subcommand.table(Subcommand.common)
    }

    /// The help of the whole program.
    static var overview: String {
        let width = shown.map(\.name.count).max() ?? 0
        let lines = shown.map { "  \($0.name.padded(to: width))  \($0.summary)\n" }
        return """
            usage: gpuspool [--spool DIR] COMMAND

            Edits photos that stations drop into a folder, first in, first out.

            Commands:
            \(lines.joined())
            Common options:
            \(table(common))
            gpuspool COMMAND --help tells more of each.

            Exit status: 0 done; 1 the job failed, or a check found something; 2 usage;
            3 not found; 65 refused for good; 75 try later; 78 settings, or another watcher runs;
            70 internal; 71 system error.

            """
    }

    private static func table(_ options: [Option]) -> String {
        let names = options.map { $0.name + ($0.value.map { " \($0)" } ?? "") }
        let width = names.map(\.count).max() ?? 0
        return zip(names, options).map { "  \($0.padded(to: width))  \($1.help)\n" }.joined()
    }
}

extension String {
    /// The text with blanks behind it, at least `width` characters.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
