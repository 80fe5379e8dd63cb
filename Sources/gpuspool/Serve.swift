internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

extension Subcommand {
    static let run = Subcommand(
        "run", summary: "serve a spool: watcher, one worker and cleanup in one process",
        discussion: "Ends on SIGTERM or Ctrl-C, after the job at hand; the second time at once.",
        options: [nameOption, graceOption]
    ) { invocation in
        try Service(invocation).run(watches: true, works: true, cleans: true)
    }

    static let watch = Subcommand(
        "watch", summary: "serve the door: admit and refuse drops, write the views"
    ) { invocation in
        try Service(invocation).run(watches: true, works: false, cleans: false)
    }

    static let work = Subcommand(
        "work", summary: "run jobs, one at a time",
        discussion: "Ends on SIGTERM or Ctrl-C, after the job at hand; the second time at once.",
        options: [nameOption, graceOption]
    ) { invocation in
        try Service(invocation).run(watches: false, works: true, cleans: false)
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

/// One process that plays one or more roles until it is told to stop.
private final class Service {
    private let invocation: Invocation
    private let spool: Spool
    private let loop: EventLoop
    private var signals: Signals?
    private var watcher: Watcher?
    private var worker: Worker?
    private var cleaner: Cleaner?
    private var failure: Failure?

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        _ = try invocation.operands(0...0, of: "run, watch and work")
        let settings = try invocation.settings()
        try invocation.checked {
            try SpoolLayout.complete(invocation.spoolPath, settings: settings)
        }
        spool = try invocation.spool()
        loop = try EventLoop()
    }

    func run(watches: Bool, works: Bool, cleans: Bool) throws -> ExitCode {
        try takeSettings()
        // Blocked before anything else: a signal that comes early waits for the loop.
        signals = try Signals([.terminate, .interrupt, .hangUp], on: loop) { [unowned self] in
            if $0 == .hangUp { rereadSettings() } else { stop() }
        }
        if watches { watcher = try startWatcher() }
        if works {
            worker = try Worker(
                spool, name: try invocation.text("--name"), on: loop
            ) { [unowned self] in workerEnded($0) }
        }
        if cleans { cleaner = try Cleaner(spool, on: loop) }
        try loop.run()
        if let failure { throw failure }
        return .done
    }

    /// Flags go before everything else, also when the file is read again.
    private func takeSettings() throws {
        var settings = try invocation.settings()
        if let text = try invocation.text("--grace") {
            guard let grace = DurationText.parse(text) else {
                throw Failure(.usage, "--grace is '\(text)'; it must be seconds, like 25.")
            }
            settings.grace = grace
        }
        spool.settings = settings
        for name in settings.withoutEffect {
            spool.log.write("The setting \(name) has no effect in this version", .warning)
        }
    }

    /// SIGHUP: what cannot be used changes nothing.
    private func rereadSettings() {
        do {
            try takeSettings()
        } catch {
            let reason = (error as? Failure)?.message ?? "\(error)"
            return spool.log.write("Settings not changed: \(reason)", .error)
        }
        spool.log.write("Settings read again")
        watcher?.settingsChanged()
        worker?.settingsChanged()
        cleaner?.settingsChanged()
    }

    private func startWatcher() throws -> Watcher {
        do {
            return try Watcher.start(spool, on: loop)
        } catch WatcherProblem.taken(let holder) {
            throw Failure(
                .configuration,
                "another watcher serves '\(spool.path)': \(holder). Stop it first, or use it.")
        } catch WatcherProblem.system(let error) { throw error }
    }

    private func stop() {
        guard let worker else { return loop.stop() }
        worker.stop(grace: spool.settings.grace)
    }

    private func workerEnded(_ end: Worker.WorkerEnd) {
        if case .broken(let error) = end {
            failure = Failure(.jobFailed, "the pipeline cannot start: \(error)")
        }
        loop.stop()
    }
}
