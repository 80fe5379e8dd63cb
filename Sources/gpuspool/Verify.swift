internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let verify = Subcommand(
        "verify", summary: "check that nothing in the spool breaks its invariants",
        discussion: """
            Looks at every job, with the service running or not, and prints one line for each thing
            that breaks I1 to I8 of spool/README.md (error) or that will be put right by itself
            (note). Ends with 1 when there is an error that was not repaired.
            """,
        options: [
            Option(
                "--repair", nil,
                "put right what needs no guess, move the rest to .spool/aside/; deletes nothing")
        ]
    ) { invocation in
        _ = try invocation.operands(0...0, of: "verify")
        let verification = Verification(try invocation.spool())
        let report =
            try invocation.has("--repair") ? verification.repair() : verification.run()
        try invocation.print(VerifyReport(report), or: report.lines)
        return report.isBroken ? .jobFailed : .done
    }
}

/// What `verify --json` prints.
private struct VerifyReport: Encodable {
    struct Line: Encodable {
        let finding: Finding

        enum CodingKeys: String, CodingKey {
            case severity, invariant, path, detail, repair, repaired
        }

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(finding.severity, forKey: .severity)
            try values.encode(finding.invariant, forKey: .invariant)
            try values.encode(finding.path.description, forKey: .path)
            try values.encode(finding.detail, forKey: .detail)
            try values.encode(finding.repair, forKey: .repair)
            try values.encode(finding.isRepaired, forKey: .repaired)
        }
    }

    let findings: [Line]
    let jobs: Int

    init(_ report: Verification.Report) {
        findings = report.findings.map { Line(finding: $0) }
        jobs = report.jobs
    }
}

extension Verification.Report {
    /// For people: one line for each finding, and what it comes to.
    var lines: String {
        let errors = findings.filter { $0.severity == .error }
        let mended = errors.filter(\.isRepaired).count
        let checked = "\(jobs) \(jobs == 1 ? "job" : "jobs") checked"
        let sum =
            switch (errors.count, mended) {
            case (0, _): "nothing wrong"
            case (let found, 0): "\(found) wrong"
            case (let found, _): "\(found) wrong, \(mended) of them repaired"
            }
        return findings.map(\.line).joined() + "\(checked), \(sum).\n"
    }
}

extension Finding {
    /// As in `error I3 done/X: lacks its result 'y.png'; --repair ends the job in failed/`.
    var line: String {
        let breaks = invariant.map { " \($0.rawValue)" } ?? ""
        let remedy = repair.map { isRepaired ? "; repaired: \($0)" : "; --repair \($0)" } ?? ""
        return "\(severity.rawValue)\(breaks) \(path): \(detail)\(remedy).\n"
    }
}
