internal import Linux
internal import SpoolFormat

/// One thing that `install` or `uninstall` did, or would do.
struct Step: Encodable {
    enum Action: String, Encodable {
        case made, replaced, unchanged, kept, removed, ran, skipped
    }

    let action: Action
    /// The file, or the command.
    let what: String
    /// Why, where that is not plain.
    var reason: String?

    /// As in `kept       /etc/gpuspool/gpuspool.env (it was edited)`.
    var line: String {
        let reason = reason.map { " (\($0))" } ?? ""
        return "\(action.rawValue.padded(to: 9))  \(what)\(reason)\n"
    }
}

/// Tells the steps: for people as they are done, as JSON when all are.
final class StepReport {
    private let invocation: Invocation
    private var steps: [Step] = []

    init(_ invocation: Invocation) { self.invocation = invocation }

    func tell(_ action: Step.Action, _ what: String, _ reason: String? = nil) throws {
        let step = Step(action: action, what: what, reason: reason)
        steps.append(step)
        if !invocation.has("--json") { try StandardStream.output.write(step.line) }
    }

    private struct Report: Encodable {
        let dryRun: Bool
        let steps: [Step]
        let next: [String]

        enum CodingKeys: String, CodingKey {
            case dryRun = "dry_run"
            case steps, next
        }
    }

    /// Ends with what is to be done now.
    func close(next: [String], notes: [String] = []) throws {
        let isDry = invocation.has("--dry-run")
        var text = isDry ? "Nothing was changed (--dry-run).\n" : ""
        if !next.isEmpty { text += "Next:\n" + next.map { "  \($0)\n" }.joined() }
        text += notes.map { "\($0)\n" }.joined()
        try invocation.print(Report(dryRun: isDry, steps: steps, next: next), or: text)
    }
}
