import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Jobs that are not to be claimed (R9), and how a worker hears that they are.
@Suite struct JobQueueOrderTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
    }

    /// A queue that ends the loop when it has news.
    private func queue() throws -> JobQueue {
        try JobQueue(temporary.spool, on: loop) { [loop] in loop.stop() }
    }

    /// Runs the loop until the queue has news and the claims are these.
    private func isTold(_ queue: JobQueue, _ claims: [String]) throws -> Bool {
        let deadline = try Timer(loop) { [loop] in loop.stop() }
        deadline.set(.now + .seconds(60))
        let end = Moment.now + .seconds(60)
        while Moment.now < end {
            try loop.run()
            if try queue.claimAll() == claims { return true }
        }
        return false
    }

    private func give(_ order: JobOrder, _ name: String) throws {
        var orders = try Orders(temporary.spool)
        try orders.give(order, for: try JobID(name))
    }

    private func withdraw(_ order: JobOrder, _ name: String) throws {
        var orders = try Orders(temporary.spool)
        try orders.withdraw(order, for: try JobID(name))
    }

    @Test(arguments: [JobOrder.hold, .cancel], [true, false])
    func `a job that is held or cancelled is passed over`(_ order: JobOrder, isEarly: Bool) throws {
        try temporary.admit("a", "b")
        if isEarly { try give(order, "a") }
        let queue = try queue()
        if !isEarly { try give(order, "a") }
        #expect(try queue.claimAll() == ["b@1"])
        let wait = try queue.wait()
        #expect(wait.retry == nil, "nothing is to be asked again and again")
        #expect(wait.due == nil)
        #expect(try temporary.isFree("queued/a"))
    }

    @Test func `a release is news`() throws {
        try temporary.admit("a")
        try give(.hold, "a")
        let queue = try queue()
        #expect(try queue.claimAll() == [])
        try withdraw(.hold, "a")
        #expect(try isTold(queue, ["a@1"]))
    }

    @Test func `an order to cancel is news, and is known`() throws {
        try temporary.admit("a")
        let queue = try queue()
        let claim = try temporary.claim()
        #expect(try !queue.isCancelled(try JobID("a")))
        try give(.cancel, "a")
        #expect(try isTold(queue, []))
        #expect(try queue.isCancelled(try JobID("a")))
        _ = consume claim
    }

    @Test func `a released job keeps its place`() throws {
        try temporary.admit("a", "b")
        try give(.hold, "a")
        let queue = try queue()
        #expect(try queue.claimOne() == "b@1")
        try temporary.admit("c")
        try withdraw(.hold, "a")
        #expect(try queue.claimAll() == ["a@1", "c@1"])
    }

    @Test func `while the spool is paused nothing is claimed, and the end is news`() throws {
        try temporary.admit("a")
        try temporary.spool.pause()
        let queue = try queue()
        #expect(try queue.claimAll() == [])
        let wait = try queue.wait()
        #expect(wait.retry == nil)
        #expect(wait.due == nil)
        try temporary.spool.resume()
        #expect(try isTold(queue, ["a@1"]))
    }

    @Test func `a pause that begins later holds too`() throws {
        try temporary.admit("a", "b")
        let queue = try queue()
        #expect(try queue.claimOne() == "a@1")
        try temporary.spool.pause()
        #expect(try queue.claimOne() == nil)
        try temporary.spool.resume()
        #expect(try queue.claimOne() == "b@1")
    }

    // A crash of the watcher came between the record and the rename.
    @Test(arguments: [JobStatus.cancelled, .failed])
    func `a job that has been dismissed is not claimed`(_ status: JobStatus) throws {
        try temporary.admit("a", "b")
        try temporary.change("queued/a") { $0.dismiss(as: status, "No.") }
        let queue = try queue()
        #expect(try queue.claimAll() == ["b@1"])
        #expect(try queue.wait().retry == nil)
        #expect(try temporary.names("queued") == ["a"])
    }

    @Test func `a name that comes again is looked at again`() throws {
        try temporary.admit("a")
        try give(.hold, "a")
        let queue = try queue()
        #expect(try queue.claimAll() == [])
        try temporary.spool.root.rename("queued/a", to: "failed/a")
        try temporary.spool.root.remove(".spool/held/a")
        try temporary.spool.root.rename("failed/a", to: "queued/a")
        #expect(try queue.claimAll() == ["a@1"])
    }
}
