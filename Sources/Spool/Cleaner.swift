// Cleanup as a role inside `run`: sleeps until the next bundle expires. What arrives meanwhile can
// only bring that moment nearer, which its event tells. Another cleanup that is at work, or hangs,
// does not keep this process from its other roles: it is asked again, as R7 asks for a lease.

public import Linux
internal import SpoolFormat

/// Sweeps whenever something expires.
public final class Cleaner {
    private let spool: Spool
    private let retention: Retention
    private var inotify: Inotify?
    private var states: [Inotify.Watch: JobState] = [:]
    private var next: Timestamp?
    private var timer: Timer?
    /// Another cleanup is at work: since when, and how long until the next look.
    private var other: (since: Moment, delay: Duration)?

    /// Sweeps now, and from then on as `loop` tells.
    public init(_ spool: Spool, on loop: EventLoop) throws(SystemError) {
        self.spool = spool
        retention = Retention(spool)
        timer = try Timer(loop, clock: .wall) { [unowned self] in sweep() }
        let arrivals = try Inotify(loop) { [unowned self] in arrived() }
        for state in JobState.finished {
            let watch = try arrivals.add(spool.path / Path(state), .movedTo)
            states[watch] = state
        }
        inotify = arrivals
        sweep()
    }

    /// Sweeps with the settings as they are now.
    public func settingsChanged() { sweep() }

    /// What arrives expires later than now: no sweep for it, only the timer may have to be earlier.
    private func arrived() {
        do throws(SystemError) {
            for event in try inotify?.drain() ?? [] {
                guard let state = event.watch.flatMap({ states[$0] }) else {
                    sweep()
                    continue
                }
                // Refused drops are limited by their bytes too.
                let soon = Duration.seconds(10)
                let wait = retention.timeToLive(state)
                wake(after: state == .rejected ? min(wait, soon) : wait)
            }
        } catch {
            // What the events told of is found by a sweep.
            spool.log.write(error, while: "Cleaning up")
            wake(after: Retention.patience)
        }
    }

    private func wake(after wait: Duration) {
        let moment = Timestamp.now.advanced(by: wait)
        next = min(next ?? moment, moment)
        timer?.set(wall: next?.nanoseconds)
    }

    private func wait() {
        let (since, former) = other ?? (.now, .milliseconds(25))
        let delay = min(former * 2, .seconds(5))
        other = (since, delay)
        if Moment.now - since >= Retention.patience {
            spool.log.write(.isTaken(Retention.lock), while: "Waiting for another cleanup")
        }
        next = nil
        wake(after: delay)
    }

    private func sweep() {
        do throws(SystemError) {
            guard let sweep = try retention.sweepUnlessBusy(asOf: .now) else { return wait() }
            other = nil
            sweep.log(to: spool.log)
            next = sweep.nextExpiry
            timer?.set(wall: next?.nanoseconds)
        } catch {
            spool.log.write(error, while: "Cleaning up")
            next = nil
            wake(after: Retention.patience)
        }
    }
}

extension Retention.Sweep {
    /// One line for each bundle that was removed.
    public func log(to log: Log) {
        for (id, state, station) in removed {
            log.write(
                "Job \(id.short) cleaned up - It was \(state.rawValue)", .info, .cleaned, job: id,
                station: station)
        }
    }
}
