internal import Linux
internal import Spool
internal import SpoolFormat

/// What may stand at the end of a command line, from the table of commands, the settings and what
/// anybody may read of the spool. Whatever cannot be read adds nothing.
struct Completion {
    /// One of them, and what it means.
    struct Candidate {
        let text: String
        let help: String
    }

    enum Answer {
        case candidates([Candidate])
        case files
        case directories
    }

    /// The words before the one that is completed, without the program's name.
    private let before: [String]
    /// As far as it is typed.
    private let last: String
    private let command: Subcommand?
    /// The operands before it.
    private var operands: [String] = []
    /// The option of which it is the value.
    private var option: Option?
    private var given: Set<String> = []

    /// `words`: all behind the program's name; the last one is completed, and may be empty.
    init(_ words: [String]) {
        last = words.last ?? ""
        before = Array(words.dropLast())
        var command: Subcommand?
        for word in before {
            if option != nil {
                option = nil
            } else if word.hasPrefix("-") {
                given.insert(String(word.prefix { $0 != "=" }))
                let known = (command?.options ?? []) + Subcommand.common
                option = known.first { $0.name == word && $0.value != nil }
            } else if command == nil {
                command = Subcommand.all.first { $0.name == word }
                // Nobody knows what stands behind an unknown command.
                if command == nil { operands.append(word) }
            } else {
                operands.append(word)
            }
        }
        self.command = command
    }

    /// Those that begin with what is typed.
    var answer: Answer {
        if let option { return values(of: option.value ?? "", behind: "") }
        if last.hasPrefix("-") {
            guard let equals = last.firstIndex(of: "=") else { return matching(options) }
            let name = last[..<equals]
            let option = (options(of: command)).first { $0.name == name }
            return values(of: option?.value ?? "", behind: "\(name)=")
        }
        guard let command else { return matching(operands.isEmpty ? commands : []) }
        return values(of: command.operand(behind: operands), behind: "")
    }

    private func matching(_ candidates: [Candidate]) -> Answer {
        .candidates(candidates.filter { $0.text.utf8.starts(with: last.utf8) })
    }

    private var commands: [Candidate] {
        Subcommand.shown.map { Candidate(text: $0.name, help: $0.summary) }
    }

    private func options(of command: Subcommand?) -> [Option] {
        (command?.options ?? []) + Subcommand.common
    }

    private var options: [Candidate] {
        options(of: command).filter { !given.contains($0.name) || $0.name == "--set" }
            .map { Candidate(text: $0.name, help: $0.help) }
    }

    /// What a word of the help stands for: `text|json`, `DIR`, `STATION`.
    private func values(of word: String, behind prefix: String) -> Answer {
        let found: [Candidate]
        switch word {
        case "DIR": return .directories
        case "FILE", "IMAGE": return .files
        case "ID": found = jobs
        case "STATE": found = JobState.allCases.map { Candidate(text: $0.rawValue, help: "") }
        case "STATION",
            "NAME" where command?.name == "station":
            found = stations
        case "MODEL": found = models
        case "NAME=VALUE": found = settings(last.dropFirst(prefix.count))
        default:
            let words = word.split(separator: "|").filter { $0 == $0.lowercased() }
            found = words.map { Candidate(text: String($0), help: "") }
        }
        return matching(found.map { Candidate(text: prefix + $0.text, help: $0.help) })
    }

    // MARK: What the spool says

    private var spool: Path {
        if let index = before.lastIndex(of: "--spool"), index + 1 < before.count {
            return Path(before[index + 1])
        }
        let attached = before.last { $0.hasPrefix("--spool=") }?.dropFirst(8)
        return attached.map { Path(String($0)) } ?? Host.variable("GPUSPOOL_SPOOL") ?? "spool"
    }

    private var queue: QueueView? {
        do throws(SystemError) {
            let file = try Directory(spool).open(.queueView)
            return JSONText.decode(QueueView.self, from: try file.contents(limit: 1 << 24))
        } catch { return nil }
    }

    /// Those that the command can do something about.
    private var jobs: [Candidate] {
        let wanted: Set<JobStatus>? =
            switch command?.name {
            case "cancel": [.receiving, .queued, .processing, .held, .throttled]
            case "hold": [.queued, .processing]
            case "release": [.held]
            case "retry": [.failed, .rejected, .cancelled]
            default: nil
            }
        return (queue?.jobs ?? []).compactMap { job in
            guard wanted?.contains(job.status) ?? true, let id = job.jobID?.description,
                !operands.contains(id)
            else { return nil }
            return Candidate(text: id, help: job.status.rawValue)
        }
    }

    private var stations: [Candidate] {
        do throws(SystemError) {
            let names = try Directory(spool / .hidden(SpoolFile.Hidden.stations)).names().sorted()
            return names.compactMap { name in
                name.text.flatMap { StationName($0) }.map {
                    Candidate(text: "\($0)", help: "station")
                }
            }
        } catch { return [] }
    }

    private var models: [Candidate] {
        let models = Set((queue?.workers ?? []).compactMap(\.model)).sorted()
        return models.map { Candidate(text: $0, help: "model") }
    }

    /// `ORDER=`, and behind it `ORDER=fifo`.
    private func settings(_ typed: Substring) -> [Candidate] {
        Settings.documentation.flatMap { setting in
            let name = "\(setting.name)="
            guard typed.hasPrefix(name) else {
                return [Candidate(text: name, help: setting.summary)]
            }
            return setting.choices.map { Candidate(text: name + $0, help: "") }
        }
    }
}

extension Subcommand {
    /// What stands in the help for the operand behind these: `ID`, `add|list|remove`.
    fileprivate func operand(behind given: [String]) -> String {
        let forms = operands.replacing("...", with: "…").split(separator: "|").map {
            $0.split(separator: " ").map(String.init)
        }
        guard let first = given.first else {
            return forms.compactMap { $0.first?.replacing("…", with: "") }.joined(separator: "|")
        }
        let form = forms.first { $0.first == first } ?? forms.first ?? []
        if given.count < form.count { return form[given.count].replacing("…", with: "") }
        // The last one may be repeated.
        let last = form.last ?? ""
        return last.hasSuffix("…") ? String(last.dropLast()) : ""
    }
}
