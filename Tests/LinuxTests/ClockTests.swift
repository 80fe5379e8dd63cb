import Linux
import Testing

@Suite struct ClockTests {
    @Test(
        arguments: [
            (.zero, 0), (.nanoseconds(-1), -1), (.milliseconds(300), 300_000_000),
            (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
            (.seconds(9_223_372_036) + .nanoseconds(854_775_807), .max),
            (.seconds(9_223_372_036) + .nanoseconds(854_775_808), .max),
            (.seconds(-9_223_372_036) - .nanoseconds(854_775_809), .min),
            (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        ] as [(Duration, Int64)])
    func `a duration in nanoseconds saturates`(duration: Duration, nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test func `moments are in order, and so are their differences`() {
        let moment = Moment.now
        #expect(moment <= Moment.now)
        #expect(moment + .nanoseconds(1) > moment)
        #expect((moment + .seconds(2)) - moment == .seconds(2))
        #expect(moment + .seconds(Int64.max) == Moment(nanoseconds: .max))
    }

    @Test func `the wall clock shows nanoseconds since 1970`() throws {
        try withTemporaryDirectory { directory in
            let earlier = WallClock.nanoseconds
            // The kernel's coarse clock, for times of files, is behind by a tick at most.
            try directory.makeDirectory("now", mode: 0o755)
            let made = try #require(try directory.status(of: "now")).modified
            #expect((earlier - 100_000_000...WallClock.nanoseconds).contains(made))
        }
    }
}
