// One process that plays one or more roles until it is told to stop.
//
// The roles share one open spool. When that is not what stands at its path any more, or its disk
// is gone, the service lets go of all of them and of everything it holds open, so that the disk
// can be unmounted; it says so once and waits until a spool stands there. A limit of the machine
// met at the start is waited for in the same way; anything else wrong then ends it.

internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

/// What a process does for a spool.
struct Roles: OptionSet {
    let rawValue: Int

    /// Serves the door and writes the views.
    static let watch = Roles(rawValue: 1)
    /// Runs jobs.
    static let work = Roles(rawValue: 2)
    /// Removes what ended long ago.
    static let clean = Roles(rawValue: 4)
}

/// Plays roles on the spool that stands at a path.
final class Service {
    /// An open spool and who serves it.
    struct Staff {
        let spool: Spool
        let presence: Presence
        var watcher: Watcher?
        var worker: Worker?
        var cleaner: Cleaner?
    }

    private let invocation: Invocation
    private let roles: Roles
    private let grace: Duration?
    private let name: WorkerName?
    private let log: Log
    private let path: Path
    let loop: EventLoop
    let herald: Herald?
    private var signals: Signals?
    private var mounts: MountTable?
    private var check: Deferred?
    private var haveMountsChanged = false
    private(set) var staff: Staff?
    /// While there is nothing to serve: what it waits with, and why the last try failed.
    private var vigil: Vigil?
    private var timer: Timer?
    private var obstacle: String?
    private(set) var isStopping = false
    private var failure: Failure?
    /// A checkout is completed once; what is lost later is left to its operator.
    private var isCompleted = false

    /// How long until another try where no event comes.
    private static let patience = Duration.seconds(5)

    init(_ invocation: Invocation, _ roles: Roles) throws {
        self.invocation = invocation
        self.roles = roles
        _ = try invocation.operands(0...0, of: "run, watch and work")
        grace = try invocation.text("--grace").map { text in
            guard let grace = DurationText.parse(text) else {
                throw Failure(.usage, "--grace is '\(text)'; it must be seconds, like 25.")
            }
            return grace
        }
        name = try invocation.text("--name").map { text in
            guard let name = WorkerName(text) else {
                throw Failure(
                    .usage, "--name is '\(text.excerpt)'; it must be \(WorkerName.rule).")
            }
            return name
        }
        log = try invocation.log()
        path = (try? Host.resolve(invocation.spoolPath)) ?? invocation.spoolPath
        loop = try EventLoop()
        herald = Service.herald(on: loop, log)
    }

    func run() throws -> ExitCode {
        // Blocked before anything else: a signal that comes early waits for the loop.
        signals = try Signals([.terminate, .interrupt, .hangUp], on: loop) { [unowned self] in
            if $0 == .hangUp { reload() } else { stop() }
        }
        let check = Deferred(loop) { [unowned self] in look() }
        self.check = check
        timer = try Timer(loop) { check.request() }
        // Without it only what raises events is seen.
        mounts = try? MountTable(loop) { [unowned self] in
            haveMountsChanged = true
            check.request()
        }
        // What went wrong may be that the spool is gone.
        loop.turnEnded = { [unowned self] in
            if staff != nil, log.troubles.takeNews() { check.request() }
        }
        try begin()
        try loop.run()
        if let failure { throw failure }
        return .done
    }

    private func begin() throws {
        _ = try settings()
        do {
            try open()
        } catch let error as SystemError where error.isGeneral {
            wait(for: error, "'\(path)' cannot be served yet")
        }
    }

    /// Flags go before everything else, also when the file is read again.
    private func settings() throws -> Settings {
        var settings = try invocation.settings()
        settings.grace = grace ?? settings.grace
        for name in settings.withoutEffect {
            log.write("The setting \(name) has no effect in this version", .warning)
        }
        if settings.durability == .relaxed {
            log.write(
                "DURABILITY=relaxed: nothing waits for the disk, so that a power cut may lose or "
                    + "halve jobs and results", .warning)
        }
        return settings
    }

    private func reload() {
        guard let herald else { return rereadSettings() }
        herald.whileReloading { rereadSettings() }
    }

    /// SIGHUP: what cannot be used changes nothing. Without a spool there is nothing to change:
    /// the settings are read when it is opened.
    private func rereadSettings() {
        guard let staff else { return }
        do {
            staff.spool.settings = try settings()
        } catch {
            let reason = Failure(explaining: error).message
            return log.write("The settings stay as they were: \(reason)", .error, .problem)
        }
        log.write("Settings read again", .info, .settingsRead)
        staff.watcher?.settingsChanged()
        staff.worker?.settingsChanged()
        staff.cleaner?.settingsChanged()
    }

    private func open() throws {
        if !isCompleted {
            let settings = try invocation.settings()
            try invocation.checked {
                try SpoolLayout.complete(invocation.spoolPath, settings: settings)
            }
            isCompleted = true
        }
        // One log for all tries, so that what lasts is told once.
        let spool = try invocation.spool(log: log)
        spool.settings.grace = grace ?? spool.settings.grace
        let presence = try self.presence(spool)
        var staff = Staff(spool: spool, presence: presence)
        do {
            if roles.contains(.watch) { staff.watcher = try startWatcher(spool) }
            if roles.contains(.work) {
                staff.worker = try Worker(
                    spool, name: name?.description, on: loop
                ) { [unowned self] in workerEnded($0) }
            }
        } catch let error as SystemError where error.isDiskFull && roles.contains(.clean) {
            // Cleanup makes room; it must not wait for those who need it.
            try? Retention(spool).sweepUnlessBusy(asOf: .now)?.log(to: log)
            throw error
        }
        if roles.contains(.clean) { staff.cleaner = try Cleaner(spool, on: loop) }
        self.staff = staff
        listen(to: staff)
    }

    private func presence(_ spool: Spool) throws -> Presence {
        do throws(SystemError) {
            return try Presence(spool, on: loop) { [weak check] in check?.request() }
        } catch {
            guard error.isNotFound else { throw error }
            throw Failure(
                .configuration,
                "\(error). Make what is missing: gpuspool --spool '\(spool.path)' init")
        }
    }

    private func startWatcher(_ spool: Spool) throws -> Watcher {
        do {
            return try Watcher.start(spool, on: loop)
        } catch WatcherProblem.taken(let holder) {
            throw Failure(
                .configuration,
                "another watcher serves '\(spool.path)': \(holder). Stop it first, or use it.")
        } catch WatcherProblem.system(let error) { throw error }
    }

    private func stop() {
        isStopping = true
        herald?.stops()
        guard let staff, let worker = staff.worker else { return loop.stop() }
        worker.stop(grace: staff.spool.settings.grace)
    }

    private func workerEnded(_ end: Worker.WorkerEnd) {
        if case .broken(let error) = end {
            failure = Failure(.jobFailed, "the pipeline cannot start: \(error)")
        }
        loop.stop()
    }

    // MARK: A spool that comes and goes

    /// After an event, a mount, an error, or for another try.
    private func look() {
        defer { haveMountsChanged = false }
        if staff == nil {
            if !isStopping { reopen("'\(path)' cannot be served yet") }
        } else if let loss = staff?.presence.loss() {
            letGo(loss)
        } else if haveMountsChanged {
            staff?.watcher?.reopenReplaced()
        }
    }

    private func letGo(_ loss: String) {
        staff?.worker?.abandon()
        // Nothing of it is held any more when another one is opened.
        staff = nil
        guard !isStopping else {
            log.write("The spool '\(path)' is lost: \(loss)", .error, .spoolLost)
            return loop.stop()
        }
        // It watches before anything is tried: what comes meanwhile is seen.
        vigil = try? Vigil(path, on: loop) { [weak check] in check?.request() }
        reopen("The spool '\(path)' is lost: \(loss)")
    }

    private func reopen(_ news: String) {
        vigil?.look()
        do {
            try open()
            log.write("\(news). Serving what stands there now.", .warning)
            vigil = nil
            obstacle = nil
            timer?.set(nil)
        } catch { wait(for: error, news) }
    }

    /// Tells why there is nothing to serve, when that is news, and waits.
    private func wait(for error: any Error, _ news: String) {
        let text = Failure(explaining: error).message
        if text != obstacle { log.write("\(news). Waiting: \(text)", .error, .problem) }
        obstacle = text
        herald?.does("\(news). Waiting: \(text)")
        if vigil == nil { vigil = try? Vigil(path, on: loop) { [weak check] in check?.request() } }
        timer?.set(.now + Service.patience)
    }
}
