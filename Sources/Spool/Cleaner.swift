// Cleanup as a role inside `run`: sleeps until the next bundle expires. What arrives meanwhile can
// only bring that moment nearer, which its event tells.

public import Linux
internal import SpoolFormat

/// Sweeps whenever something expires.
public final class Cleaner {
    private let spool: Spool
    private let retention: Retention
    private var inotify: Inotify?
    private var timer: Timer?

    /// Sweeps now, and from then on as `loop` tells.
    public init(_ spool: Spool, on loop: EventLoop) throws(SystemError) {
        self.spool = spool
        retention = Retention(spool)
        timer = try Timer(loop, clock: .wall) { [unowned self] in sweep() }
        let deferred = Deferred(loop) { [unowned self] in
            do throws(SystemError) {
                _ = try inotify?.drain()
                sweep()
            } catch { spool.log.write(error, while: "Cleaning up") }
        }
        let arrivals = try Inotify(loop) { deferred.request() }
        for state in JobState.finished { _ = try arrivals.add(spool.path / Path(state), .movedTo) }
        inotify = arrivals
        sweep()
    }

    private func sweep() {
        do throws(SystemError) {
            let sweep = try retention.sweep(asOf: .now)
            sweep.log(to: spool.log)
            timer?.set(wall: sweep.nextExpiry?.nanoseconds)
        } catch {
            spool.log.write(error, while: "Cleaning up")
            timer?.set(wall: Timestamp.now.advanced(by: .seconds(60)).nanoseconds)
        }
    }
}

extension Retention.Sweep {
    /// One line for each bundle that was removed.
    public func log(to log: Log) {
        for (id, state) in removed {
            log.write("Job \(id.short) cleaned up - It was \(state.rawValue)", job: id)
        }
    }
}
