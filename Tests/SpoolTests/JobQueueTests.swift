import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct JobQueueTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
    }

    private func queue() throws -> JobQueue { try JobQueue(temporary.spool, on: loop) {} }

    // MARK: Order

    @Test func `the job that was admitted first is first, whatever its name`() throws {
        try temporary.admit("c", "a", "b")
        let queue = try queue()
        #expect(queue.count == 3)
        #expect(try queue.claimAll() == ["c@1", "a@1", "b@1"])
        #expect(queue.count == 0)
    }

    @Test func `jobs that come after the listing are claimed in their order`() throws {
        try temporary.admit("b")
        let queue = try queue()
        try temporary.admit("a")
        try temporary.admit("0")
        #expect(try queue.claimAll() == ["b@1", "a@1", "0@1"])
        try temporary.admit("c")
        #expect(try queue.claimAll() == ["c@1"])
    }

    @Test func `an arrival calls the worker`() throws {
        var calls = 0
        let loop = loop
        let queue = try JobQueue(temporary.spool, on: loop) {
            calls += 1
            loop.stop()
        }
        try temporary.admit("a")
        let deadline = try Timer(loop) { loop.stop() }
        deadline.set(.now + .seconds(60))
        try loop.run()
        #expect(calls > 0)
        #expect(try queue.claimAll() == ["a@1"])
    }

    @Test func `a job that left the queue meanwhile is passed over`() throws {
        try temporary.admit("a", "b")
        let queue = try queue()
        try temporary.spool.root.rename("queued/a", to: "running/a@1")
        #expect(try queue.claimAll() == ["b@1"])
    }

    // Another worker ran it, and gave it back to be run later: the event is not read yet.
    @Test func `a job that has come back to another place waits for its turn`() throws {
        try temporary.admit("a", "b")
        let queue = try queue()
        try temporary.spool.root.directory("queued/a").setModified(WallClock.nanoseconds)
        #expect(try queue.claimAll() == ["b@1", "a@1"])
    }

    // MARK: Due

    @Test func `a job that is due later is passed over and tells when`() throws {
        let due = Timestamp.now.advanced(by: .seconds(3600)).rfc3339
        try temporary.admit("later", json: #"{"instruction":"blur","not_before":"\#(due)"}"#)
        try temporary.admit("now")
        let queue = try queue()
        #expect(try queue.claimAll() == ["now@1"])
        let wait = try queue.wait()
        #expect(wait.retry == nil)
        #expect(wait.due.map { Timestamp(nanoseconds: $0).rfc3339 } == due)
        #expect(queue.count == 1)
    }

    // R8: after the clock was set back every mtime lies in the future.
    @Test func `a future mtime alone makes no job wait`() throws {
        try temporary.admit("a", "b")
        let future = WallClock.nanoseconds + 3_600_000_000_000
        for (index, name) in ["a", "b"].enumerated() {
            try temporary.spool.root.directory("queued/\(name)").setModified(
                future + Int64(index))
        }
        #expect(try queue().claimAll() == ["a@1", "b@1"])
    }

    // MARK: Leases that are held

    @Test func `a job whose lease is held does not stop the next one, and is asked for again`()
        throws
    {
        try temporary.admit("a", "b")
        let queue = try queue()
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        #expect(try queue.claimAll() == ["b@1"])
        let retry = try #require(try queue.wait().retry)
        #expect(try queue.wait().retry == retry)
        drop(lease)
        let isClaimed = try eventually { try queue.claimAll() == ["a@1"] }
        #expect(isClaimed)
        #expect(try queue.wait().retry == nil)
    }

    private func drop(_ lease: consuming Lease) {}

    // A worker that had met a lock passed the job over for 50 ms after it was free (I6).
    @Test func `a job whose lease is free again goes before a younger one at once`() throws {
        try temporary.admit("a", "b", "c")
        let queue = try queue()
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        #expect(try queue.claimOne() == "b@1")
        drop(lease)
        #expect(try queue.claimOne() == "a@1")
        #expect(try queue.claimOne() == "c@1")
    }

    // R7: 50 ms, doubling to 5 s.
    @Test func `the wait for a held lease doubles up to its limit`() throws {
        try temporary.admit("a")
        let queue = try queue()
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        var now = Moment.now
        for milliseconds in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let retry = try queue.wait(now: now).retry
            #expect(retry == now + .milliseconds(milliseconds))
            // Whoever comes by asks for it; that costs no patience.
            #expect(try queue.wait(now: now + .milliseconds(milliseconds - 1)).retry == retry)
            now = try #require(retry)
        }
        #expect(try temporary.spool.holds(lease, of: "queued/a"))
    }

    // A worker would spin: the past moment of a job that is gone was returned for ever.
    @Test func `after lost events nothing is left of jobs that are gone`() throws {
        try temporary.admit("a", "b")
        let queue = try queue()
        guard case .held(let lease) = try temporary.spool.lease("queued/a") else {
            Issue.record("not held")
            return
        }
        #expect(try queue.claimAll() == ["b@1"])
        #expect(try queue.wait().retry != nil)
        for _ in 0..<9000 {
            try temporary.spool.root.rename("queued/a", to: "queued/x")
            try temporary.spool.root.rename("queued/x", to: "queued/a")
        }
        try temporary.spool.root.rename("queued/a", to: "running/a@1")
        let wait = try queue.wait()
        #expect(wait.retry == nil)
        #expect(queue.count == 0)
        #expect(try temporary.spool.holds(lease, of: "running/a@1"))
    }

    @Test func `a bundle that cannot be read is passed over for 5 s`() throws {
        try temporary.admit("a", "b")
        try temporary.spool.root.rename("queued/a/status.json", to: "record")
        try temporary.link("queued/a/status.json", to: "../../record")
        let queue = try queue()
        let now = Moment.now
        guard case .claimed(let claim) = try queue.next(now: now, offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        #expect(claim.attempt.id.text == "b")
        #expect(try queue.wait(now: now).retry == now + .seconds(5))
        let later = now + .seconds(5)
        #expect(try queue.wait(now: later).retry == later + .seconds(5))
    }

    // R8: by the clock that is given.
    @Test func `a job is due when the wall clock says so`() throws {
        let due = Timestamp.now.advanced(by: .seconds(3600))
        try temporary.admit(
            "a", json: #"{"instruction":"blur","not_before":"\#(due.rfc3339)"}"#)
        let queue = try queue()
        let stamp = try temporary.record("queued/a").dueNanoseconds
        guard case .none(_, let wait) = try queue.next(wall: stamp - 1, offers: { _ in true }),
            case .claimed(let claim) = try queue.next(wall: stamp, offers: { _ in true })
        else {
            Issue.record("not as due")
            return
        }
        #expect(wait == stamp)
        #expect(claim.attempt.id.text == "a")
    }

    // MARK: Models

    @Test func `a model that is not offered is passed over until the models change`() throws {
        try temporary.admit("qwen", json: #"{"instruction":"blur","model":"qwen-4step"}"#)
        try temporary.admit("plain")
        let queue = try queue()
        var asked: [String?] = []
        let rules: (String?) -> Bool = {
            asked.append($0)
            return $0 == nil
        }
        #expect(try queue.claimAll(offers: rules) == ["plain@1"])
        #expect(asked == ["qwen-4step", nil])
        #expect(try queue.claimAll(offers: rules) == [])
        #expect(asked.count == 2)
        queue.modelsChanged()
        #expect(try queue.claimAll() == ["qwen@1"])
    }

    // MARK: The claim's number

    @Test func `a claim's number is one more than the record's`() throws {
        try temporary.admit("a")
        var record = try temporary.record("queued/a")
        record.claims = 5
        try temporary.spool.write(record, in: "queued/a")
        #expect(try queue().claimAll() == ["a@6"])
    }

    @Test func `a job without a readable record stays where it is`() throws {
        try temporary.admit("a", "b")
        try temporary.spool.root.remove("queued/a/status.json")
        try temporary.write("queued/a/status.json", "{")
        let queue = try queue()
        #expect(try queue.claimAll() == ["b@1"])
        #expect(try temporary.names("queued") == ["a"])
        #expect(try queue.wait().retry == nil)
    }
}

extension JobQueue {
    /// Claims until there is nothing to claim now; the claims' names.
    func claimAll(offers: (String?) -> Bool = { _ in true }) throws -> [String] {
        var names: [String] = []
        while let name = try claimOne(offers: offers) { names.append(name) }
        return names
    }

    /// Claims one job and drops it; the claim's name.
    func claimOne(offers: (String?) -> Bool = { _ in true }) throws -> String? {
        switch try next(offers: offers) {
        case .claimed(let claim): String(decoding: claim.attempt.bytes, as: UTF8.self)
        case .none: nil
        }
    }

    /// When to ask again; nothing may be there to claim.
    func wait(now: Moment = .now) throws -> (retry: Moment?, due: Int64?) {
        switch try next(now: now, offers: { _ in true }) {
        case .claimed(let claim):
            Issue.record("claimed \(claim.attempt)")
            return (nil, nil)
        case .none(let retry, let due): return (retry, due)
        }
    }
}
