internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

extension Subcommand {
    static let doctor = Subcommand(
        "doctor", summary: "try out what the spool stands on: disk, kernel, rights, pipeline",
        discussion: """
            Prints one line for each check, with what to do. Ends with 1 when one says FAIL; a
            WARNING tells what works, but slower or less well than it could. Leaves nothing behind
            and disturbs nobody: it may be run at any time, best as the service's own user.
            """
    ) { invocation in
        _ = try invocation.operands(0...0, of: "doctor")
        try invocation.checked { try SpoolLayout.check(invocation.spoolPath) }
        let (settings, found) = try examineSettings(invocation)
        let spool = try Spool(invocation.spoolPath, settings: settings, log: try invocation.log())
        let diagnosis = Diagnosis(spool)
        let checks = found + diagnosis.checks() + [examinePipeline(diagnosis, settings)]
        try invocation.print(
            ["checks": checks.map { DoctorLine(check: $0) }], or: checks.lines)
        return checks.contains { $0.verdict == .fail } ? .jobFailed : .done
    }

    /// The settings in force; those of a file that cannot be used are the defaults here.
    private static func examineSettings(_ invocation: Invocation) throws -> (Settings, [Check]) {
        do {
            let settings = try invocation.settings()
            var checks = settings.withoutEffect.map {
                Check("settings", .warning, "\($0) has no effect in this version", "Remove it.")
            }
            if settings.durability == .relaxed {
                checks.append(
                    Check(
                        "settings", .warning,
                        "DURABILITY=relaxed: a power cut may lose or halve jobs and results",
                        "Set DURABILITY=full, unless the spool may be lost."))
            }
            let isFine = checks.isEmpty
            return (settings, isFine ? [Check("settings", .ok, "all are understood")] : checks)
        } catch let failure as Failure where failure.code == .configuration {
            let check = Check(
                "settings", .fail, "\(failure.message) The other checks go by the defaults")
            return (Settings(), [check])
        }
    }

    /// How long a pipeline may load.
    private static let patience = Duration.seconds(120)

    /// A second one beside a worker's might not fit onto its GPU.
    private static func examinePipeline(_ diagnosis: Diagnosis, _ settings: Settings) -> Check {
        do throws(SystemError) {
            let workers = try diagnosis.workers()
            if let broken = workers.first(where: { $0.state == .broken }) {
                return Check(
                    "pipeline", .fail,
                    "that of worker '\(broken.name)' does not start: \(broken.error ?? "no reason")",
                    "See the worker's log.")
            }
            if let worker = workers.first {
                let model = worker.model.map { ", model '\($0)'" } ?? ""
                return Check(
                    "pipeline", .ok, "worker '\(worker.name)' is \(worker.state.rawValue)\(model)")
            }
        } catch { return Check("pipeline", .fail, "\(error)", error.remedy) }
        switch PipelineProbe.run(settings, patience: patience) {
        case .ready(let model, let models):
            return Check(
                "pipeline", .ok,
                "'\(settings.pipeline)' starts, and is ready with "
                    + "\(model.map { "the model '\($0)'" } ?? "no model") of \(models.count)")
        case .broken(let problem):
            return Check(
                "pipeline", .fail, "'\(settings.pipeline)' does not start: \(problem)",
                "Try the command by hand, or set PIPELINE.")
        }
    }
}

/// One of `checks` that `doctor --json` prints.
private struct DoctorLine: Encodable {
    let check: Check

    enum CodingKeys: String, CodingKey { case check, verdict, finding, remedy }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(check.name, forKey: .check)
        try values.encode(check.verdict, forKey: .verdict)
        try values.encode(check.finding, forKey: .finding)
        try values.encode(check.remedy, forKey: .remedy)
    }
}

extension [Check] {
    /// For people: one line for each, and what it comes to.
    fileprivate var lines: String {
        let count = { (verdict: Check.Verdict) in filter { $0.verdict == verdict }.count }
        let sum = "\(self.count) checks, \(count(.warning)) warnings, \(count(.fail)) failed.\n"
        return map(\.line).joined() + sum
    }
}

extension Check {
    /// As in `WARNING  clock: the disk's is 3 s ahead of this machine's. Have both …`.
    fileprivate var line: String {
        let finding = finding.last == "." ? finding : finding + "."
        let remedy = remedy.map { " " + ($0.last == "." ? $0 : $0 + ".") } ?? ""
        return "\(verdict.rawValue.uppercased().padded(to: 7))  \(name): \(finding)\(remedy)\n"
    }
}
