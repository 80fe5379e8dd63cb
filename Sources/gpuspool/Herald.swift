// What this process tells the service manager, and when: that it serves, in a line of words what it
// does, and that it lives.
//
// `WATCHDOG=1` is the answer to a question: the beat only asks (`ask`), and whoever has to live
// says so (`isAlive`); what hangs says nothing, and the manager restarts the process. Before it
// serves and while it ends the same beat asks for more time instead, so that a process that waits
// for its disk, or lets its job finish, is not taken for one that hangs.
//
// Without a manager there is no herald, and nothing of this costs anything (I9).

internal import Linux
internal import SpoolFormat

/// Speaks to the service manager.
final class Herald {
    private enum Phase { case starting, serving, stopping }

    private let manager: Supervisor
    private var phase = Phase.starting
    private var beat: Timer?
    /// What it does, in words.
    private var words = ""
    private var told = ""
    private var statusTimer: Timer?
    private var nextStatus = Moment.now
    /// Asks all that has to live to say so by `isAlive`.
    var ask: () -> Void = {}

    /// A line of words is not told more often than this.
    private static let statusInterval = Duration.seconds(1)
    /// How often more time is asked for, and how much: twice it may come late.
    private static let extensionInterval = Duration.seconds(10)
    private static let extensionTime = Duration.seconds(30)

    init(_ manager: Supervisor, on loop: EventLoop) throws(SystemError) {
        self.manager = manager
        beat = try Timer(loop) { [unowned self] in
            setBeat()
            // Who waits for a spool, or for a job's end, has nobody to ask.
            if phase == .serving { ask() } else { isAlive() }
        }
        statusTimer = try Timer(loop) { [unowned self] in tellStatus() }
        beat?.set(.now)
    }

    /// What has to live lives.
    func isAlive() {
        guard phase != .serving else {
            if manager.watchdog != nil { manager.tell(["WATCHDOG=1"]) }
            return
        }
        let time = Herald.extensionTime.nanoseconds / 1000
        manager.tell(["EXTEND_TIMEOUT_USEC=\(time)"])
    }

    private func setBeat() {
        let interval =
            phase == .serving ? manager.watchdog.map { $0 / 2 } : Herald.extensionInterval
        beat?.set(interval.map { .now + $0 })
    }

    /// It serves from now on; again: nothing.
    func serves() {
        guard phase == .starting, manager.tell(["READY=1", "STATUS=\(words)"]) else { return }
        told = words
        phase = .serving
        setBeat()
    }

    /// What it does now; told soon, and only when it is news.
    func does(_ words: String) {
        self.words = words.oneLine
        guard self.words != told else { return }
        if nextStatus <= .now { tellStatus() } else { statusTimer?.set(nextStatus) }
    }

    private func tellStatus() {
        nextStatus = .now + Herald.statusInterval
        guard words != told else { return }
        if manager.tell(["STATUS=\(words)"]) { told = words } else { statusTimer?.set(nextStatus) }
    }

    /// Reads the settings again by `body`.
    func whileReloading(_ body: () -> Void) {
        // READY=1 would tell that it serves.
        guard phase == .serving else { return body() }
        manager.tellReloading()
        body()
        manager.tell(["READY=1"])
    }

    /// It ends, at once or when its job has.
    func stops() {
        guard phase != .stopping else { return }
        phase = .stopping
        manager.tell(["STOPPING=1"])
        beat?.set(.now)
    }
}
