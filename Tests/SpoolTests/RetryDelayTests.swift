import Testing

@testable import Spool

@Suite struct RetryDelayTests {
    /// Seconds of the first wait, the run before which is waited, and the seconds without jitter.
    static let waits: [(first: Double, attempt: Int, wait: Double)] = [
        (30, 2, 30), (30, 3, 60), (30, 4, 120), (30, 5, 240), (30, 8, 1920),
        // An hour at most.
        (30, 9, 3600), (30, 10, 3600), (30, 1000, 3600), (30, .max, 3600),
        (0.5, 2, 0.5), (0.5, 4, 2), (0, 2, 0), (0, 9, 0),
        // Who sets a longer first wait gets it.
        (7200, 2, 7200), (7200, 5, 7200),
        // No run is before the first.
        (30, 1, 30), (30, 0, 30),
    ]

    @Test(arguments: waits)
    func `the wait doubles up to an hour`(first: Double, attempt: Int, wait: Double) {
        let delay = RetryDelay.wait(before: attempt, first: .seconds(first), random: 0)
        #expect(delay == .seconds(wait))
    }

    @Test(arguments: waits)
    func `jitter adds a quarter at most`(first: Double, attempt: Int, wait: Double) {
        let delays = (0...UInt8.max).map {
            RetryDelay.wait(before: attempt, first: .seconds(first), random: $0)
        }
        #expect(delays.last == .seconds(wait * 1.25))
        #expect(zip(delays, delays.dropFirst()).allSatisfy { wait == 0 ? $0 == $1 : $0 < $1 })
    }
}
