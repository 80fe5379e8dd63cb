internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let status = Subcommand(
        "status", "ID", summary: "tell where a job is",
        options: [Option("--follow", nil, "go on telling until the job has ended")]
    ) { invocation in
        let id = try jobID(try invocation.operands(1...1, of: "status")[0])
        let spool = try invocation.spool()
        guard var view = try JobLookup(spool).view(of: id) else {
            throw Failure(
                .notFound,
                "Job \(id) not found. It may have been cleaned up "
                    + "(jobs are kept for \(spool.settings.resultTTL.words) after completion).")
        }
        if invocation.has("--follow") {
            view = try Follower(spool).follow(id) { try Progress(invocation).show($0) } ?? view
        }
        try invocation.print(view, or: view.lines(in: spool))
        return view.exitCode
    }

    static let queue = Subcommand(
        "queue", summary: "tell how full the queue is",
        options: [Option("--follow", nil, "print again whenever it changes")]
    ) { invocation in
        _ = try invocation.operands(0...0, of: "queue")
        let spool = try invocation.spool()
        try show(queueOf: spool, invocation)
        guard invocation.has("--follow") else { return .done }
        try Follower(spool).forever { try show(queueOf: spool, invocation) }
        return .done
    }

    static let list = Subcommand(
        "list", summary: "list jobs",
        options: [
            Option("--state", "STATE", "only queued, running, done, failed or rejected ones"),
            Option("--station", "STATION", "only those of a station"),
        ]
    ) { invocation in
        _ = try invocation.operands(0...0, of: "list")
        var states = JobState.allCases
        if let name = try invocation.text("--state") {
            guard let state = JobState(rawValue: name) else {
                let known = states.map(\.rawValue).joined(separator: ", ")
                throw Failure(.usage, "--state is '\(name)'; it must be one of \(known).")
            }
            states = [state]
        }
        let station = try invocation.text("--station")
        let listing = try Listing(of: states, in: JobLookup(try invocation.spool()))
        let views = listing.views.filter { station == nil || $0.station == station }
        try invocation.print(views, or: views.map(\.line).joined())
        return listing.code
    }

    private static func show(queueOf spool: Spool, _ invocation: Invocation) throws {
        guard let bytes = try spool.read(.queueView),
            let view = JSONText.decode(QueueView.self, from: bytes)
        else {
            throw Failure(
                .notFound,
                "'\(spool.path)' has no queue.json yet. Start a watcher: gpuspool run")
        }
        if try JobLookup(spool).hasWatcher() == false {
            try StandardStream.error.write(
                "gpuspool: no watcher serves this spool; the figures are of \(view.updatedAt.rfc3339).\n"
            )
        }
        try invocation.print(view, or: view.lines)
    }
}

/// The jobs of some states. One that cannot be read is told, and hides no other.
struct Listing {
    private(set) var views: [JobView] = []
    /// Whether all could be read.
    private(set) var code = ExitCode.done

    init(of states: [JobState], in lookup: JobLookup) throws {
        for state in states {
            for id in try readable(state.rawValue, { try lookup.ids(in: state) }) ?? [] {
                let view = try readable("job \(id)") { try lookup.view(of: id) }
                if case let view?? = view { views.append(view) }
            }
        }
    }

    private mutating func readable<Found>(_ what: String, _ look: () throws -> Found) throws
        -> Found?
    {
        do {
            return try look()
        } catch let error as SystemError where !error.isGeneral {
            try StandardStream.error.write("gpuspool: \(what): \(error.withRemedy)\n")
            code = .systemError
            return nil
        }
    }
}

extension Duration {
    /// In the largest unit that says it in a whole number.
    fileprivate var words: String {
        for (unit, seconds) in [("hour", 3600), ("minute", 60)] {
            let (count, rest) = components.seconds.quotientAndRemainder(dividingBy: Int64(seconds))
            guard count > 0, rest == 0, components.attoseconds == 0 else { continue }
            return "\(count) \(unit)\(count == 1 ? "" : "s")"
        }
        return "\(DurationText.seconds(self)) s"
    }
}

extension JobView {
    /// What the command's caller is told.
    var exitCode: ExitCode {
        switch status {
        case .failed, .cancelled: .jobFailed
        case .rejected: reason?.refusal.code.isTemporary == true ? .tryLater : .refused
        default: .done
        }
    }

    /// For people, one fact a line.
    func lines(in spool: Spool) -> String {
        var text = "Job \(id): \(headline)\n"
        if let rows { text += "  rows         \(rows.summary)\n" }
        if let waitingFor, status == .queued { text += "  waits for    \(waitingFor)\n" }
        if let instruction { text += "  instruction  \(instruction.excerpt)\n" }
        if let station { text += "  station      \(station)\n" }
        if let model { text += "  model        \(model)\n" }
        if let createdAt { text += "  created      \(createdAt.rfc3339)\n" }
        if let startedAt { text += "  started      \(startedAt.rfc3339)\n" }
        if let completedAt { text += "  ended        \(completedAt.rfc3339)\n" }
        if let resultPath {
            text += "  result       \(spool.path / .bundle(.done, id) / Path(resultPath))\n"
        }
        if let error { text += "  error        \(error.oneLine)\n" }
        return text
    }

    /// One line of a list.
    var line: String { "\(id.text.padded(to: 24))  \(headline)\n" }

    /// The status in words.
    var headline: String {
        switch status {
        case .queued:
            position.map { "queued, position \($0)" + (waitText ?? "") } ?? "queued"
        case .processing: "processing" + (progress.map { ", \(Int($0 * 100)) %" } ?? "")
        case .receiving, .throttled, .held:
            status.rawValue + (waitingFor.map { ", waiting for \($0)" } ?? "")
        case .completed: "completed" + (resultPath.map { ", \($0)" } ?? "")
        case .failed, .rejected, .cancelled:
            status.rawValue + (error.map { ": \($0.oneLine)" } ?? "")
                + (waitingFor.map { " (retry ordered, waiting for \($0))" } ?? "")
        }
    }

    private var waitText: String? { estimatedWaitSeconds.map { ", about \($0) s" } }
}

extension QueueView {
    /// For people.
    var lines: String {
        var text = """
            Queue: \(queueSize) of \(maximumQueueSize) (\(queuedCount) queued, \
            \(processingCount) processing)
            Ever:  \(completedCount) completed, \(failedCount) failed, \(rejectedCount) rejected

            """
        if isPaused { text += "Paused: workers claim nothing. See: gpuspool resume\n" }
        if isDraining { text += "Draining: the door is closed. See: gpuspool resume\n" }
        for worker in workers {
            let job = worker.jobID.map { ", \($0)" } ?? ""
            text += "Worker \(worker.name): \(worker.state)\(job)\n"
        }
        for job in jobs where [.queued, .held, .processing].contains(job.status) {
            let now = job.status == .held ? "held" : "now"
            let place = job.position.map { "\($0)." } ?? now
            text +=
                "  \(place.padded(to: 5)) \(job.jobID.map { "\($0)" } ?? "(of a station with a group)")\n"
        }
        return text
    }
}
