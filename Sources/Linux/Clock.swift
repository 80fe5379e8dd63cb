internal import CLinux
internal import Glibc

/// A moment of a clock that never jumps; counts suspended time too.
public struct Moment: Hashable, Comparable, Sendable {
    /// Since the machine started.
    public let nanoseconds: Int64

    /// A moment so long after the machine started.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The present one. The corresponding system call is `clock_gettime(CLOCK_BOOTTIME)`.
    public static var now: Moment { Moment(nanoseconds: read(CLOCK_BOOTTIME)) }

    /// Does nothing for so long; only where nothing can be waited for. The call is `nanosleep`.
    public static func pause(_ duration: Duration) {
        var time = timespec(nanoseconds: duration.nanoseconds)
        nanosleep(&time, nil)
    }

    /// The earlier one first.
    public static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The moment that much later; saturates.
    public static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, over) = moment.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Moment(nanoseconds: over ? .max : sum)
    }

    /// The time from `earlier` to `later`.
    public static func - (later: Moment, earlier: Moment) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

/// The clock on the wall, which may be set.
public enum WallClock {
    /// Nanoseconds since 1970 UTC. The corresponding call is `clock_gettime(CLOCK_REALTIME)`.
    public static var nanoseconds: Int64 { read(CLOCK_REALTIME) }
}

private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return time.nanoseconds
}

extension Duration {
    /// The duration in nanoseconds; saturates.
    public var nanoseconds: Int64 {
        let (product, over) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !over else { return components.seconds < 0 ? .min : .max }
        let rest = components.attoseconds / 1_000_000_000
        let (sum, past) = product.addingReportingOverflow(rest)
        return past ? (product < 0 ? .min : .max) : sum
    }
}
