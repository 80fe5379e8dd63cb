internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let cancel = Subcommand(
        "cancel", "ID", summary: "keep a queued job from running, or stop a running one",
        discussion: "Waits until the job has ended. What is already whole completes."
    ) { invocation in
        try Control(invocation, .cancel).run { view in view.hasEnded ? .settled : .pending }
    }

    static let hold = Subcommand(
        "hold", "ID", summary: "keep a queued job from running until it is released"
    ) { invocation in
        try Control(invocation, .hold).run { view in
            // A running one is held should it come back.
            view.status == .queued ? .pending : .settled
        }
    }

    static let release = Subcommand(
        "release", "ID", summary: "let a held job run"
    ) { invocation in
        try Control(invocation, .release).run { view in
            view.status == .held ? .pending : .settled
        }
    }

    static let retry = Subcommand(
        "retry", "ID...", summary: "run failed or refused jobs again",
        discussion: "A job that finds no free place goes on waiting for one."
    ) { invocation in
        var code = ExitCode.done
        for operand in try invocation.operands(1...1000, of: "retry") {
            let answer = try Control.retry(operand, invocation)
            if answer != .done { code = answer }
        }
        return code
    }

    static let replay = Subcommand(
        "replay", summary: "run all dead letters again, the oldest first",
        discussion: "A dead letter is a failed job whose attempts are used up.",
        options: [Option("--max-per-minute", "N", "no more than so many in a minute")]
    ) { invocation in
        _ = try invocation.operands(0...0, of: "replay")
        return try Replay(invocation).run()
    }

    static let pause = Subcommand(
        "pause", summary: "let workers finish and claim nothing",
        discussion: "The door stays open until the queue is full. See: resume."
    ) { invocation in
        _ = try invocation.operands(0...0, of: "pause")
        try invocation.spool().pause()
        try invocation.print(["paused": true], or: "Paused: workers claim nothing.\n")
        return .done
    }

    static let drain = Subcommand(
        "drain", summary: "close the door; workers go on",
        discussion: "Drops are refused with server_busy. See: resume."
    ) { invocation in
        _ = try invocation.operands(0...0, of: "drain")
        try invocation.spool().drain()
        try invocation.print(["draining": true], or: "The door is closed.\n")
        return .done
    }

    static let resume = Subcommand(
        "resume", summary: "end pause and drain"
    ) { invocation in
        _ = try invocation.operands(0...0, of: "resume")
        try invocation.spool().resume()
        try invocation.print(
            ["paused": false, "draining": false], or: "Workers claim again, the door is open.\n")
        return .done
    }
}

/// One order for one job: a control drop, and the wait for what comes of it.
private final class Control {
    private let invocation: Invocation
    private let spool: Spool
    private let verb: ControlVerb
    private let id: JobID
    private let lookup: JobLookup

    /// What a view says of an order.
    enum Progress { case pending, settled }

    init(_ invocation: Invocation, _ verb: ControlVerb, _ operand: Path? = nil) throws {
        self.invocation = invocation
        self.verb = verb
        let operand = try operand ?? invocation.operands(1...1, of: verb.rawValue)[0]
        id = try jobID(operand)
        spool = try invocation.spool()
        lookup = JobLookup(spool)
        guard try lookup.hasWatcher() != false else {
            throw Failure(
                .tryLater,
                "no watcher serves '\(spool.path)', so nobody would obey. "
                    + "Start one: gpuspool --spool '\(spool.path)' run")
        }
    }

    private func view() throws -> JobView {
        guard let view = try lookup.view(of: id) else {
            throw Failure(.notFound, "Job \(id) not found. See: gpuspool list")
        }
        return view
    }

    /// Gives the order, and waits until the job's view says that it is settled.
    func run(_ look: @escaping (JobView) -> Progress) throws -> ExitCode {
        let before = try view()
        if before.hasEnded {
            throw Failure(.jobFailed, "Job \(id) has ended already: \(before.status.rawValue).")
        }
        if verb == .release, before.status != .held {
            throw Failure(.jobFailed, "Job \(id) is not held: \(before.headline).")
        }
        try drop(for: before)
        let after = try wait { look($0) == .settled }
        try invocation.print(after, or: after.line)
        return verb == .cancel && after.status != .cancelled ? .jobFailed : .done
    }

    /// Gives the order to run again; the door's answer.
    func retry() throws -> ExitCode {
        let before = try view()
        switch before.status {
        case .failed, .cancelled, .rejected: break
        default:
            throw Failure(
                .jobFailed,
                "Job \(id) is \(before.status.rawValue); only failed and refused ones are retried.")
        }
        try drop(for: before)
        // A refusal is written into the record; it may say the same as the last one.
        let after = try wait { view in
            !view.hasEnded || view.waitingFor != nil || view.updatedAt != before.updatedAt
        }
        try invocation.print(after, or: after.line)
        // One that ended again since then did run.
        let hasEndedOnce = after.hasEnded && after.completedAt == before.completedAt
        return hasEndedOnce && after.waitingFor == nil ? .refused : .done
    }

    /// One of several: what is wrong with it does not keep the others waiting.
    static func retry(_ operand: Path, _ invocation: Invocation) throws -> ExitCode {
        do {
            return try Control(invocation, .retry, operand).retry()
        } catch let failure as Failure where failure.code == .notFound || failure.code == .jobFailed
        {
            try StandardStream.error.write("gpuspool: \(failure.message)\n")
            return failure.code
        }
    }

    /// Into the service's own drop box, or as a station would, into the job's.
    private func drop(for view: JobView) throws {
        do throws(SystemError) {
            try drop(id.bytes, in: .inlet)
        } catch {
            guard error.isPermission else { throw error }
            guard let station = view.station.flatMap({ StationName($0) }) else {
                return try drop(id.bytes, in: .incoming)
            }
            let prefix = Array("\(station).".utf8)
            let stem =
                id.bytes.starts(with: prefix) ? Array(id.bytes.dropFirst(prefix.count)) : id.bytes
            try drop(stem, in: .dropBox(of: station))
        }
    }

    private func drop(_ stem: [UInt8], in box: Path) throws(SystemError) {
        do throws(SystemError) {
            let name = Path(stem + ".\(verb.rawValue)".utf8)
            _ = try spool.root.directory(box).create(name, mode: 0o644)
        } catch {
            // Somebody gave the same order just now.
            guard error.code == .exists else { throw error }
        }
    }

    private func wait(until isSettled: @escaping (JobView) -> Bool) throws -> JobView {
        let patience = Moment.now + .seconds(30)
        let settled = try Follower(spool).wait(until: patience) { [lookup, id] () -> JobView? in
            guard let view = try lookup.view(of: id) else {
                throw Failure(.notFound, "Job \(id) was cleaned up.")
            }
            return isSettled(view) ? view : nil
        }
        if let settled { return settled }
        throw Failure(
            .tryLater,
            "the order is given, but job \(id) is still \(try view().headline). "
                + "Look again: gpuspool status '\(id)'")
    }
}

/// All dead letters, one after the other.
private struct Replay {
    private let invocation: Invocation
    private let pause: Duration

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        guard let text = try invocation.text("--max-per-minute") else {
            pause = .zero
            return
        }
        guard let count = Int(text), (1...60_000).contains(count) else {
            throw Failure(
                .usage, "--max-per-minute is '\(text)'; it must be a whole number from 1 to 60000.")
        }
        pause = .seconds(60) / count
    }

    func run() throws -> ExitCode {
        let listing = try Listing(of: [.failed], in: JobLookup(try invocation.spool()))
        var code = listing.code
        var isFirst = true
        for id in deadLetters(of: listing.views) {
            if !isFirst { Moment.pause(pause) }
            isFirst = false
            let answer = try Control.retry(Path(id), invocation)
            if answer != .done { code = answer }
        }
        if isFirst { try invocation.print([String](), or: "There are no dead letters.\n") }
        return code
    }

    /// The oldest first.
    private func deadLetters(of views: [JobView]) -> [JobID] {
        views.filter(\.isDeadLetter)
            .sorted { ($0.completedAt, $0.id) < ($1.completedAt, $1.id) }.map(\.id)
    }
}

private func < (left: (Timestamp?, JobID), right: (Timestamp?, JobID)) -> Bool {
    let (a, b) = (left.0?.nanoseconds ?? 0, right.0?.nanoseconds ?? 0)
    return a == b ? left.1 < right.1 : a < b
}
