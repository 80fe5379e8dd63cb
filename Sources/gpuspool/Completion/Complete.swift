internal import Linux
internal import SpoolFormat

extension Subcommand {
    static let completion = Subcommand(
        "completion", "bash|zsh|fish", summary: "print the shell's completion script",
        discussion: """
            `install` puts them where the shells look. Without an install, in the shell's own
            startup file: source <(gpuspool completion bash); for fish: gpuspool completion fish |
            source.
            """
    ) { invocation in
        let operand = try invocation.operands(1...1, of: "completion")[0]
        guard let shell = operand.text.flatMap({ Shell(rawValue: $0) }) else {
            throw Failure(
                .usage, "'\(operand)' is no shell that can be taught; bash, zsh and fish can.")
        }
        try StandardStream.output.write(shell.script)
        return .done
    }

    static let man = Subcommand(
        "man", summary: "print the manual page",
        discussion: "To read it without an install: gpuspool man | man -l -"
    ) { invocation in
        _ = try invocation.operands(0...0, of: "man")
        try StandardStream.output.write(ManualPage.text)
        return .done
    }

    /// What the completion scripts ask; nothing for people.
    static let complete = Subcommand(
        "complete", "[WORD...]", summary: "what may stand at the end of a command line",
        discussion: """
            The words behind the program's name, the last one as far as it is typed. The first line
            says what follows: candidates, files or directories.
            """,
        options: [Option("--line", "LINE", "a whole line of Bash in place of words")],
        isHidden: true
    ) { invocation in
        var words = try invocation.operands(0...10_000, of: "complete").map(\.description)
        if let line = try invocation.text("--line") {
            words = Array(ShellWords.split(line).dropFirst())
        }
        let lines: [String]
        switch Completion(words).answer {
        case .files: lines = ["files"]
        case .directories: lines = ["directories"]
        case .candidates(let candidates):
            lines = ["candidates"] + candidates.map { "\($0.text)\t\($0.help)" }
        }
        try StandardStream.output.write(lines.map { "\($0)\n" }.joined())
        return .done
    }
}
