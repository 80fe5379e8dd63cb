internal import SpoolFormat

/// How long a job waits before it is tried again.
enum RetryDelay {
    /// A longer wait helps nobody.
    static let longest = Duration.seconds(3600)

    /// The wait before the `attempt`-th run, from 2: `first`, then twice as long each time, up to
    /// `longest`; and up to a quarter more by `random`, so that jobs that failed together do not
    /// come back together.
    static func wait(before attempt: Int, first: Duration, random: UInt8) -> Duration {
        let doublings = min(max(attempt - 2, 0), 30)
        let delay = min(first * (1 << doublings), max(first, longest))
        return delay + delay * Int(random) / (4 * 255)
    }
}
