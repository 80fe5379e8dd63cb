import Linux
import Testing

@Suite struct TimerTests {
    @Test func `a timer fires once, not before its moment`() throws {
        let loop = try EventLoop()
        let moment = Moment.now + .milliseconds(20)
        var fired: [Moment] = []
        let timer = try Timer(loop) { fired.append(.now) }
        let end = try Timer(loop) { loop.stop() }
        timer.set(moment)
        end.set(moment + .milliseconds(20))
        try loop.runUntilStopped()
        #expect(fired.count == 1)
        #expect(fired.allSatisfy { $0 >= moment })
    }

    @Test(arguments: [Int64.min, -1, 0, 1])
    func `a past moment fires at once`(nanoseconds: Int64) throws {
        let loop = try EventLoop()
        let timer = try Timer(loop) { loop.stop() }
        timer.set(Moment(nanoseconds: nanoseconds))
        try loop.runUntilStopped()
        let wall = try Timer(loop, clock: .wall) { loop.stop() }
        wall.set(wall: nanoseconds)
        try loop.runUntilStopped()
    }

    @Test func `a timer goes by the wall clock if it is told to`() throws {
        let loop = try EventLoop()
        let due = WallClock.nanoseconds + 20_000_000
        var seen: Int64 = 0
        let timer = try Timer(loop, clock: .wall) {
            seen = WallClock.nanoseconds
            loop.stop()
        }
        timer.set(wall: due)
        try loop.runUntilStopped()
        #expect(seen >= due)
    }

    @Test func `a timer can be set to the moment at which it just fired`() throws {
        let loop = try EventLoop()
        let moment = Moment.now
        var count = 0
        var again: () -> Void = {}
        let timer = try Timer(loop) {
            count += 1
            again()
        }
        again = { [unowned timer] in count < 3 ? timer.set(moment) : loop.stop() }
        timer.set(moment)
        try loop.runUntilStopped()
        #expect(count == 3)
        again = {}
    }

    @Test func `the last moment that was set counts`() throws {
        let loop = try EventLoop()
        var fired: [String] = []
        let earlier = try Timer(loop) { fired.append("earlier") }
        let later = try Timer(loop) { fired.append("later") }
        let never = try Timer(loop) { fired.append("never") }
        let end = try Timer(loop) { loop.stop() }
        let now = Moment.now
        earlier.set(now + .seconds(1000))
        later.set(now)
        never.set(now)
        later.set(now + .seconds(1000))
        earlier.set(now)
        never.set(nil)
        end.set(now + .milliseconds(20))
        try loop.runUntilStopped()
        #expect(fired == ["earlier"])
    }

    /// A timer whose event has come, and that another handler of the same turn sets anew.
    @Test func `a timer does not fire once it is unset or put off, even if its event came`() throws
    {
        let loop = try EventLoop()
        var fired: [Int] = []
        var timers: [Timer] = []
        for index in 0..<3 {
            timers.append(
                try Timer(loop) {
                    fired.append(index)
                    for (other, timer) in timers.enumerated() where other != index {
                        timer.set(other == 2 ? nil : .now + .seconds(1000))
                    }
                    loop.stop()
                })
        }
        for timer in timers { timer.set(Moment(nanoseconds: 0)) }
        try loop.runUntilStopped()
        #expect(fired.count == 1)
        timers = []
    }

    @Test func `a timer that was put off when its event came fires at its new moment`() throws {
        let loop = try EventLoop()
        var fired: [Int] = []
        var timers: [Timer] = []
        for index in 0..<2 {
            timers.append(
                try Timer(loop) {
                    fired.append(index)
                    if fired.count == 2 { return loop.stop() }
                    timers[1 - index].set(.now + .milliseconds(20))
                })
        }
        for timer in timers { timer.set(Moment(nanoseconds: 0)) }
        try loop.runUntilStopped()
        #expect(fired.sorted() == [0, 1])
        timers = []
    }

    @Test func `a timer that nobody keeps does not fire`() throws {
        let loop = try EventLoop()
        var isFired = false
        do {
            let timer = try Timer(loop) { isFired = true }
            timer.set(.now)
        }
        loop.atEndOfTurn { loop.stop() }
        try loop.runUntilStopped()
        #expect(!isFired)
    }
}
