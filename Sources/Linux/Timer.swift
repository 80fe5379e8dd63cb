internal import CLinux
internal import Glibc

/// Calls its handler once at a moment that can be set again and again.
public final class Timer {
    private let descriptor: Descriptor
    private var registration: EventLoop.Registration?
    private var deadline: Int64?
    private let handler: () -> Void

    /// The clock a timer goes by.
    public enum Clock {
        /// `Moment.now`: never jumps.
        case monotonic
        /// `WallClock`: a timer also fires when somebody sets the clock, so that what is due can
        /// be looked at again.
        case wall
    }

    private let clock: Clock

    /// A timer that is not set. The corresponding system call is `timerfd_create`.
    public init(
        _ loop: EventLoop, clock: Clock = .monotonic, handler: @escaping () -> Void
    ) throws(SystemError) {
        let id = clock == .monotonic ? CLOCK_BOOTTIME : CLOCK_REALTIME
        let flags = Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK)
        descriptor = Descriptor(
            owning: try retrying("timerfd_create") { timerfd_create(id, flags) })
        self.clock = clock
        self.handler = handler
        registration = try loop.watch(descriptor) { [unowned self] in expired() }
    }

    deinit { registration?.cancel() }

    private func expired() {
        // 8 bytes of a count, or ECANCELED when the clock was set: both mean "look again". Nothing
        // there: another handler of this turn set it anew.
        if let count = try? descriptor.read(upTo: 8), count.isEmpty { return }
        // When the clock was set, it would still come.
        arm(nil)
        handler()
    }

    /// Fires at `moment` (at once if it is past); nil: not at all. For a monotonic timer.
    public func set(_ moment: Moment?) { arm(moment?.nanoseconds) }

    /// Fires when the wall clock shows `nanoseconds` since 1970; nil: not at all.
    public func set(wall nanoseconds: Int64?) { arm(nanoseconds) }

    private func arm(_ nanoseconds: Int64?) {
        guard nanoseconds != deadline else { return }
        deadline = nanoseconds
        // 0 would disarm it.
        let time = nanoseconds.map { timespec(nanoseconds: max($0, 1)) } ?? timespec()
        var setting = itimerspec(it_interval: timespec(), it_value: time)
        var flags = Int32(TFD_TIMER_ABSTIME)
        if clock == .wall { flags |= Int32(TFD_TIMER_CANCEL_ON_SET) }
        let result = timerfd_settime(descriptor.raw, flags, &setting, nil)
        precondition(result == 0, "timerfd_settime refused a valid time")
    }
}
