internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let station = Subcommand(
        "station", "add NAME | list | remove NAME",
        summary: "declare senders with a drop box of their own",
        discussion: """
            A station drops into incoming/NAME/; its jobs are called NAME.STEM. `add` returns when
            the drop box is there; again, it changes the limits that are given. `list` shows where
            a station differs from the settings. `remove` refuses while the drop box holds files.
            """,
        options: [
            Option("--jobs-per-min", "N|none|default", "add: jobs it may send in a minute"),
            Option("--concurrent", "N|none|default", "add: jobs of it that run at once"),
            Option("--group", "G|none", "add: the Unix group that alone reads its results"),
        ], run: runStation)

    private static func runStation(_ invocation: Invocation) throws -> ExitCode {
        let operands = try invocation.operands(1...2, of: "station")
        let change = try StationChange(invocation)
        switch (operands[0].text, operands.count) {
        case ("add", 2):
            let name = try stationName(operands[1])
            let stations = Stations(try invocation.spool())
            let path = try stations.add(name, change.isEmpty ? nil : { change.apply(to: &$0) })
            try invocation.print(["drop_box": "\(path)"], or: "Drop box ready: \(path)\n")
        case ("remove", 2):
            let name = try stationName(operands[1])
            try change.refuse(for: "station remove")
            try Stations(try invocation.spool()).remove(name)
            try invocation.print(["removed": "\(name)"], or: "Station '\(name)' removed.\n")
        case ("list", 1):
            try change.refuse(for: "station list")
            let lines = try Stations(try invocation.spool()).lines()
            try invocation.print(lines, or: lines.map { "\($0)\n" }.joined())
        default:
            throw Failure(
                .usage,
                "station takes: add NAME, list, or remove NAME. "
                    + "See: gpuspool station --help")
        }
        return .done
    }

    private static func stationName(_ operand: Path) throws -> StationName {
        guard let name = operand.text.flatMap({ StationName($0) }) else {
            throw Failure(
                .usage, "the station's name is '\(operand)'; it must be \(StationName.rule).")
        }
        return name
    }
}

/// The terms that `station add` was given.
private struct StationChange {
    /// As typed, by option.
    private let given: [String]
    private let jobsPerMinute: Int??
    private let concurrentJobs: Int??
    private let group: String??

    init(_ invocation: Invocation) throws {
        given = ["--jobs-per-min", "--concurrent", "--group"].filter(invocation.has)
        jobsPerMinute = try StationChange.limit("--jobs-per-min", invocation)
        concurrentJobs = try StationChange.limit("--concurrent", invocation)
        group = try StationChange.group(invocation)
    }

    var isEmpty: Bool { given.isEmpty }

    func apply(to terms: inout StationTerms) {
        if let jobsPerMinute { terms.jobsPerMinute = jobsPerMinute }
        if let concurrentJobs { terms.concurrentJobs = concurrentJobs }
        if let group { terms.group = group }
    }

    func refuse(for command: String) throws {
        guard let option = given.first else { return }
        throw Failure(.usage, "\(command) takes no \(option); station add does.")
    }

    /// Nil: not given; a nil inside: none.
    private static func group(_ invocation: Invocation) throws -> String?? {
        switch try invocation.text("--group") {
        case nil: return .none
        case "none": return .some(nil)
        case let name?:
            guard Host.group(named: name) != nil else {
                throw Failure(
                    .usage,
                    "--group is '\(name)', and there is no such Unix group here. Make it "
                        + "(groupadd), or give none.")
            }
            return name
        }
    }

    /// Nil: not given; a nil inside: as the settings say.
    private static func limit(_ option: String, _ invocation: Invocation) throws -> Int?? {
        switch try invocation.text(option) {
        case nil: return .none
        case "default": return .some(nil)
        case "none": return .some(0)
        case let text?:
            let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            guard isNumber, let value = Int(text), value > 0, StationTerms.limits.contains(value)
            else {
                throw Failure(
                    .usage,
                    "\(option) is '\(text)'; it must be a whole number from 1 to "
                        + "\(StationTerms.limits.upperBound), none (no limit), or default "
                        + "(as the settings say).")
            }
            return value
        }
    }
}

/// A declared station, as `station list` shows it.
private struct StationLine: Encodable, CustomStringConvertible {
    let name: String
    let terms: StationTerms

    var description: String {
        let own = [("jobs-per-min", terms.jobsPerMinute), ("concurrent", terms.concurrentJobs)]
        var words = own.compactMap { name, value in
            value.map { "\(name) \($0 == 0 ? "none" : "\($0)")" }
        }
        if let group = terms.group { words.append("group \(group.isEmpty ? "unknown" : group)") }
        return words.isEmpty ? name : "\(name): \(words.joined(separator: ", "))"
    }

    enum CodingKeys: String, CodingKey {
        case name
        case jobsPerMinute = "jobs_per_min"
        case concurrentJobs = "concurrent"
        case group
    }

    /// Writes every field: null where the settings apply, 0 for no limit.
    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(terms.jobsPerMinute, forKey: .jobsPerMinute)
        try values.encode(terms.concurrentJobs, forKey: .concurrentJobs)
        try values.encode(terms.group, forKey: .group)
    }
}

extension Stations {
    fileprivate func lines() throws -> [StationLine] {
        try list().map { name throws in
            StationLine(name: "\(name)", terms: try terms(of: name) ?? StationTerms())
        }
    }

    /// Removes a station, in the command's words.
    fileprivate func remove(_ name: StationName) throws {
        switch try withdraw(name) {
        case .removed: return
        case .unknown: throw Failure(.notFound, "there is no station '\(name)'.")
        case .holdsFiles(let files):
            let names = files.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
            throw Failure(
                .tryLater,
                "the drop box of '\(name)' holds \(files.count) files (\(names)). "
                    + "Wait until they are taken, or move them away.")
        }
    }
}
