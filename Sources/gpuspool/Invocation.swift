internal import Linux
internal import Spool
internal import SpoolFormat

/// A command as it was given: checked against its table.
struct Invocation {
    let operands: [Path]
    private let options: [String: [Path]]

    /// Reads the words behind the command's name.
    init(_ words: [Path], of command: Subcommand) throws {
        var operands: [Path] = []
        var options: [String: [Path]] = [:]
        var rest = words[...]
        var takesOptions = true
        let known = command.options + Subcommand.common
        while let word = rest.popFirst() {
            guard takesOptions, let text = word.text, text.hasPrefix("-"), text != "-" else {
                operands.append(word)
                continue
            }
            if text == "--" {
                takesOptions = false
                continue
            }
            let (name, attached) = Invocation.split(text)
            guard let option = known.first(where: { $0.name == name }) else {
                throw Invocation.unknown(name, known, command)
            }
            options[name, default: []].append(
                try Invocation.value(of: option, attached, &rest, command))
        }
        self.operands = operands
        self.options = options
    }

    private static func split(_ text: String) -> (name: String, value: Path?) {
        if text == "-h" { return ("--help", nil) }
        guard let equals = text.firstIndex(of: "=") else { return (text, nil) }
        return (String(text[..<equals]), Path(String(text[text.index(after: equals)...])))
    }

    private static func unknown(_ name: String, _ known: [Option], _ command: Subcommand) -> Failure
    {
        let hint = Nearest.name(to: name, among: known.map(\.name)).map { " Did you mean \($0)?" }
        return Failure(
            .usage,
            "unknown option '\(name)'.\(hint ?? "") See: gpuspool \(command.name) --help")
    }

    private static func value(
        of option: Option, _ attached: Path?, _ rest: inout ArraySlice<Path>,
        _ command: Subcommand
    ) throws -> Path {
        guard let kind = option.value else {
            guard attached == nil else { throw Failure(.usage, "\(option.name) takes no value.") }
            return ""
        }
        guard let value = attached ?? rest.popFirst() else {
            throw Failure(
                .usage, "\(option.name) needs \(kind). See: gpuspool \(command.name) --help")
        }
        return value
    }

    /// Whether a switch was given.
    func has(_ name: String) -> Bool { options[name] != nil }

    /// The last value of an option, as bytes.
    func path(_ name: String) -> Path? { options[name]?.last }

    /// The last value of an option, as text.
    func text(_ name: String) throws -> String? {
        guard let path = options[name]?.last else { return nil }
        guard let text = path.text else { throw Failure(.usage, "\(name) '\(path)' is not UTF-8.") }
        return text
    }

    /// Exactly so many operands, or the usage.
    func operands(_ range: ClosedRange<Int>, of command: String) throws -> [Path] {
        guard range.contains(operands.count) else {
            let found = operands.isEmpty ? "none" : "\(operands.count)"
            let allowed =
                range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) or more"
            throw Failure(
                .usage,
                "\(command) takes \(allowed) operands, found \(found). "
                    + "See: gpuspool \(command) --help")
        }
        return operands
    }

    /// Where the spool is.
    var spoolPath: Path { path("--spool") ?? Host.variable("GPUSPOOL_SPOOL") ?? "spool" }

    /// The log in the format asked for.
    func log() throws -> Log {
        guard let name = try text("--log-format") else { return Log() }
        guard let format = Log.Format(rawValue: name) else {
            throw Failure(.usage, "--log-format is '\(name)'; it must be text or json.")
        }
        return Log(format: format)
    }

    /// Opens the spool with the settings in force; without `log` with one of its own.
    func spool(log: Log? = nil) throws -> Spool {
        try checked { try SpoolLayout.check(spoolPath) }
        return try Spool(spoolPath, settings: try settings(), log: try log ?? self.log())
    }

    /// Flags over environment over `spool.conf` over defaults.
    func settings() throws -> Settings {
        var settings = Settings()
        do {
            let file = spoolPath / Path(SpoolFile.settings)
            if let bytes = try read(file) {
                try SettingsFile.apply(bytes, named: "\(file)", to: &settings)
            }
            for (name, value) in Host.environment {
                guard let name = name.text, name.hasPrefix("GPUSPOOL_"), name != "GPUSPOOL_SPOOL"
                else { continue }
                try settings.set(
                    String(name.dropFirst(9)), to: value.text ?? "", at: "environment, \(name)")
            }
            for assignment in options["--set"] ?? [] {
                let parts = assignment.bytes.split(
                    separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else {
                    throw Failure(.usage, "--set '\(assignment)' has no '='. Write NAME=VALUE.")
                }
                try settings.set(
                    String(decoding: parts[0], as: UTF8.self),
                    to: String(decoding: parts[1], as: UTF8.self), at: "--set")
            }
        } catch let problem as SettingProblem {
            throw Failure(.configuration, problem.description)
        }
        return settings
    }

    private func read(_ file: Path) throws -> [UInt8]? {
        do throws(SystemError) {
            return try Directory(file.parent).open(file.lastComponent).contents(limit: 1 << 20)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    /// Turns what is wrong with a layout into the command's own error.
    func checked(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let problem as LayoutProblem {
            if case .system(let error) = problem, !error.isNotFound { throw error }
            throw Failure(.configuration, problem.description)
        }
    }

    /// Prints one JSON object, or the lines for people.
    func print(_ value: some Encodable, or text: @autoclosure () -> String) throws {
        let line = String(decoding: JSONText.encode(value), as: UTF8.self)
        try StandardStream.output.write(has("--json") ? line : text())
    }
}

/// An ID as it was typed; not being one is as good as not being found.
func jobID(_ operand: Path) throws -> JobID {
    do throws(NameProblem) {
        return try JobID(operand.bytes)
    } catch { throw Failure(.usage, "The job's ID '\(operand)' \(error).") }
}
