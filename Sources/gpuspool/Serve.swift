internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let run = Subcommand(
        "run", summary: "serve a spool: watcher, one worker and cleanup in one process",
        discussion: "Ends on SIGTERM or Ctrl-C, after the job at hand; the second time at once.",
        options: [nameOption, graceOption]
    ) { invocation in
        try Service(invocation, [.watch, .work, .clean]).run()
    }

    static let watch = Subcommand(
        "watch", summary: "serve the door: admit and refuse drops, write the views"
    ) { invocation in
        try Service(invocation, .watch).run()
    }

    static let work = Subcommand(
        "work", summary: "run jobs, one at a time",
        discussion: "Ends on SIGTERM or Ctrl-C, after the job at hand; the second time at once.",
        options: [nameOption, graceOption]
    ) { invocation in
        try Service(invocation, .work).run()
    }

    static let clean = Subcommand(
        "clean", summary: "remove what finished longer ago than its time to live",
        discussion: "One sweep; for a timer or cron. Inside `run` it happens by itself."
    ) { invocation in
        _ = try invocation.operands(0...0, of: "clean")
        let spool = try invocation.spool()
        let sweep = try Retention(spool).sweep(asOf: .now)
        sweep.log(to: spool.log)
        try invocation.print(
            CleanReport(sweep),
            or: "Removed \(sweep.removed.count) jobs, \(sweep.freedBytes) bytes.\n")
        return .done
    }

    private static let nameOption = Option(
        "--name", "NAME", "the worker's name (default: worker-1, worker-2 …)")
    private static let graceOption = Option(
        "--grace", "SECONDS", "how long a job may go on after a stop (default: GRACE_SECONDS)")
}

/// What `clean --json` prints.
private struct CleanReport: Encodable {
    struct Removed: Encodable {
        let jobID: JobID
        let state: JobState

        enum CodingKeys: String, CodingKey {
            case jobID = "job_id"
            case state
        }
    }

    let removed: [Removed]
    let freedBytes: Int64
    let nextExpiry: Timestamp?

    enum CodingKeys: String, CodingKey {
        case removed
        case freedBytes = "freed_bytes"
        case nextExpiry = "next_expiry"
    }

    init(_ sweep: Retention.Sweep) {
        removed = sweep.removed.map { Removed(jobID: $0.id, state: $0.state) }
        freedBytes = sweep.freedBytes
        nextExpiry = sweep.nextExpiry
    }
}
