import Linux
import Testing

@testable import Spool

struct TroublesTests {
    private let start = Moment(nanoseconds: 1_000_000_000_000)

    @Test func `a problem that lasts is told once, then again after minutes with its count`() {
        let troubles = Troubles()
        #expect(troubles.note("full", at: start) == 0)
        for second in 1..<120 {
            #expect(troubles.note("full", at: start + .seconds(5 * second)) == nil)
        }
        #expect(troubles.note("full", at: start + .seconds(600)) == 119)
        #expect(troubles.note("full", at: start + .seconds(605)) == nil)
    }

    @Test func `another problem is told at once`() {
        let troubles = Troubles()
        #expect(troubles.note("full", at: start) == 0)
        #expect(troubles.note("read-only", at: start + .seconds(1)) == 0)
    }

    @Test func `a problem that was over is told anew`() {
        let troubles = Troubles()
        #expect(troubles.note("full", at: start) == 0)
        #expect(troubles.note("full", at: start + .seconds(60)) == nil)
        #expect(troubles.note("full", at: start + .seconds(200)) == 0)
    }

    @Test func `a flood of different problems does not grow the memory`() {
        let troubles = Troubles()
        for number in 0..<1000 { #expect(troubles.note("\(number)", at: start) == 0) }
        // The last one is still known.
        #expect(troubles.note("999", at: start) == nil)
    }

    @Test func `whether anything went wrong is asked once for each time`() {
        let troubles = Troubles()
        #expect(!troubles.takeNews())
        _ = troubles.note("full", at: start)
        _ = troubles.note("full", at: start)
        #expect(troubles.takeNews())
        #expect(!troubles.takeNews())
    }
}
