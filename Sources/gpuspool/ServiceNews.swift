// What a service tells the service manager of itself.

internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

extension Service {
    /// Who speaks to the service manager, if one has asked.
    static func herald(on loop: EventLoop, _ log: Log) -> Herald? {
        do throws(SystemError) {
            guard let manager = try Supervisor.named() else { return nil }
            return try Herald(manager, on: loop)
        } catch {
            log.write(error, while: "Speaking to the service manager ($NOTIFY_SOCKET)")
            return nil
        }
    }

    /// From now on the manager hears what these do.
    func listen(to staff: Staff) {
        guard let herald else { return }
        staff.watcher?.tell = { [unowned self] in tell($0) }
        staff.worker?.beWatched { herald.isAlive() }
        staff.worker?.tell { [unowned self] in tell() }
        herald.ask = { [unowned self] in askForLife() }
        tell()
    }

    /// Tells what the watcher does, or where there is none the worker.
    private func tell(_ watcherWords: String? = nil) {
        guard let staff else { return }
        let words = watcherWords ?? (staff.watcher == nil ? staff.worker?.words : nil)
        if let words { herald?.does(isStopping ? "Ending: \(words)" : words) }
        // Whoever waits for this process to be ready wants to drop, or wants jobs to run.
        if staff.watcher?.serves ?? true, staff.worker?.isReady ?? true { herald?.serves() }
    }

    /// A process whose worker lives turns its loop, too.
    private func askForLife() {
        if let worker = staff?.worker { return worker.askForLife() }
        loop.atEndOfTurn { [unowned self] in herald?.isAlive() }
    }
}
