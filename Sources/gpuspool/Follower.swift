internal import Linux
internal import Spool
internal import SpoolFormat

/// Waits for views to change, without asking again and again.
///
/// On a mount where events do not come a look each second is the fallback.
final class Follower {
    private let spool: Spool
    private let loop: EventLoop
    private var failure: (any Error)?

    init(_ spool: Spool) throws {
        self.spool = spool
        loop = try EventLoop()
    }

    /// Calls `look` now and after every change, until it returns something or time is up.
    func wait<Found>(until deadline: Moment?, _ look: @escaping () throws -> Found?) throws
        -> Found?
    {
        var found: Found?
        let check = Deferred(loop) { [unowned self] in
            do {
                found = try look()
                if found != nil || deadline.map({ $0 <= .now }) == true { loop.stop() }
            } catch {
                failure = error
                loop.stop()
            }
        }
        var inotify: Inotify?
        inotify = try Inotify(loop) {
            _ = try? inotify?.drain()
            check.request()
        }
        defer { inotify = nil }
        _ = try inotify?.add(spool.path / Path(SpoolFile.status), [.movedTo, .removed])
        _ = try inotify?.add(spool.path, [.movedTo])
        var timer: Timer?
        timer = try Timer(loop) {
            timer?.set(.now + .seconds(1))
            check.request()
        }
        defer { timer = nil }
        timer?.set(.now + .seconds(1))
        check.request()
        try loop.run()
        if let failure { throw failure }
        return found
    }

    /// Shows a job until it has ended; its last view, nil when it vanished.
    func follow(_ id: JobID, show: @escaping (JobView) throws -> Void) throws -> JobView? {
        let lookup = JobLookup(spool)
        return try wait(until: nil) { () -> JobView?? in
            guard let view = try lookup.view(of: id) else { return .some(nil) }
            try show(view)
            return view.hasEnded ? .some(view) : nil
        } ?? nil
    }

    /// Calls `body` after every change.
    func forever(_ body: @escaping () throws -> Void) throws {
        var last: [UInt8]?
        _ = try wait(until: nil) { [spool] () -> Bool? in
            let bytes = try spool.read(.queueView)
            if last != nil, bytes != last { try body() }
            last = bytes
            return nil
        }
    }
}

extension JobView {
    /// Whether nothing more will happen to the job by itself.
    var hasEnded: Bool {
        switch status {
        case .completed, .failed, .rejected, .cancelled: true
        default: false
        }
    }
}

/// Shows how a job goes on: one line that changes on a terminal, a line per change in a pipe.
final class Progress {
    private let isSilent: Bool
    private var last = ""

    init(_ invocation: Invocation) { isSilent = invocation.has("--json") }

    /// Shows a view, if it says something new.
    func show(_ view: JobView) throws {
        let text = "\(view.id): \(view.headline)"
        guard !isSilent, text != last else { return }
        last = text
        if StandardStream.error.isTerminal {
            // Back to the first column, and away with the rest of the longer line before.
            try StandardStream.error.write("\r\u{1B}[K\(text)" + (view.hasEnded ? "\n" : ""))
        } else {
            try StandardStream.error.write(text + "\n")
        }
    }
}
