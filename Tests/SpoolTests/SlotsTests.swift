import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R10: how many jobs of a station run at once.
@Suite struct SlotsTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool { $0.concurrentJobsLimit = 1 }
        loop = try EventLoop()
    }

    private func name(_ text: String) throws -> StationName { try #require(StationName(text)) }

    private func queue() throws -> JobQueue { try JobQueue(temporary.spool, on: loop) {} }

    /// The next claim, kept as a worker keeps it.
    private func claim(_ queue: JobQueue) throws -> Held {
        switch try queue.next(offers: { _ in true }) {
        case .claimed(let claim): return Held(claim)
        case .none(let retry, _): return Held(retry: retry)
        }
    }

    private final class Held {
        var claim: Claim?
        let name: String?
        let retry: Moment?

        init(_ claim: consuming Claim) {
            name = "\(Path(claim.attempt.bytes))"
            retry = nil
            self.claim = consume claim
        }

        init(retry: Moment?) {
            name = nil
            self.retry = retry
        }

        func fail() -> String {
            guard let claim = claim.take() else { return "none" }
            return words(of: claim.fail("no"))
        }
    }

    @Test func `as many slots are given as the limit allows`() throws {
        let spool = temporary.spool
        let kiosk = try name("kiosk")
        let first = try spool.slot(of: kiosk, limit: 2)
        do {
            let second = try spool.slot(of: kiosk, limit: 2)
            let third = try spool.slot(of: kiosk, limit: 2)
            let other = try spool.slot(of: nil, limit: 1)
            let given = [first != nil, second != nil, third != nil, other != nil]
            #expect(given == [true, true, false, true])
            withExtendedLifetime((second, third, other)) {}
        }
        let isFree = try eventually { try spool.slot(of: kiosk, limit: 2) != nil }
        #expect(isFree)
        #expect(try temporary.names(".spool/slots") == [".1", "kiosk.1", "kiosk.2"])
        #expect(try temporary.status(".spool/slots/kiosk.1").mode == 0o600)
        withExtendedLifetime(first) {}
    }

    @Test func `a job whose station is at its limit is passed over`() throws {
        try temporary.admit("a", "b", of: "kiosk")
        try temporary.admit("c", of: "desk")
        try temporary.admit("d", "e", of: nil)
        let queue = try queue()
        let claims = try (1...4).map { _ in try claim(queue) }
        #expect(claims.map(\.name) == ["kiosk.a@1", "desk.c@1", "d@1", nil])
        // R7: asked for again without an event.
        #expect(claims[3].retry != nil)
        let end = claims[0].fail()
        #expect(end == "moved")
        var next = try claim(queue)
        let isNext = try eventually {
            if next.name == nil { next = try claim(queue) }
            return next.name != nil
        }
        #expect(isNext)
        #expect(next.name == "kiosk.b@1")
    }

    // Between the two steps of one worker's claim of `a` another one took the slot for `b`.
    @Test func `a slot is kept for an older job whose lease somebody holds`() throws {
        try temporary.admit("a", "b", of: "kiosk")
        try temporary.admit("c", of: "desk")
        let queue = try queue()
        guard case .held(let lease) = try temporary.spool.lease("queued/kiosk.a") else {
            Issue.record("not held")
            return
        }
        let other = try claim(queue)
        #expect(other.name == "desk.c@1")
        var next = try claim(queue)
        #expect(next.name == nil)
        #expect(next.retry != nil)
        _ = consume lease
        let isNext = try eventually {
            next = try claim(queue)
            return next.name != nil
        }
        #expect(isNext)
        #expect(next.name == "kiosk.a@1")
    }

    @Test func `a dead worker's slot is free`() throws {
        try temporary.admit("a", "b", of: "kiosk")
        let queue = try queue()
        do { #expect(try claim(queue).name == "kiosk.a@1") }
        let isFree = try eventually { try claim(queue).name == "kiosk.b@1" }
        #expect(isFree)
    }

    @Test func `a station's own limit goes before the setting, at once`() throws {
        let stations = Stations(temporary.spool)
        _ = try stations.add(try name("kiosk")) { $0.concurrentJobs = 2 }
        try temporary.admit("a", "b", "c", "d", of: "kiosk")
        let queue = try queue()
        let claims = try (1...3).map { _ in try claim(queue) }
        #expect(claims.map(\.name) == ["kiosk.a@1", "kiosk.b@1", nil])
        _ = try stations.add(try name("kiosk")) { $0.concurrentJobs = 0 }
        let rest = try (1...3).map { _ in try claim(queue) }
        #expect(rest.map(\.name) == ["kiosk.c@1", "kiosk.d@1", nil])
    }

    @Test func `the end of a run calls the worker`() throws {
        try temporary.admit("a", of: nil)
        var calls = 0
        let loop = loop
        let queue = try JobQueue(temporary.spool, on: loop) {
            calls += 1
            loop.stop()
        }
        let held = try claim(queue)
        // The events of the claim itself are read.
        _ = try queue.next(offers: { _ in true })
        _ = held.fail()
        let deadline = try Timer(loop) { loop.stop() }
        deadline.set(.now + .seconds(30))
        try loop.run()
        #expect(calls > 0)
    }
}

/// What the watcher tells of jobs that wait for a limit.
@Suite struct WaitingForLimitTests {
    @Test func `a job says that it waits for its station's limit`() throws {
        let watching = try Watching(starts: false)
        let spool = watching.temporary.spool
        let kiosk = try #require(StationName("kiosk"))
        _ = try Stations(spool).add(kiosk) { $0.concurrentJobs = 1 }
        try watching.start()
        for stem in ["a", "b"] {
            try watching.drop(stem, in: "incoming/kiosk")
            try watching.wait {
                try watching.view("kiosk.\(stem)")?.status == .queued
            }
        }
        #expect(try watching.view("kiosk.b")?.waitingFor == nil)
        let loop = try EventLoop()
        let queue = try JobQueue(spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            Issue.record("not claimed")
            return
        }
        let reason = "the concurrent limit of station 'kiosk' (1 job at a time)"
        try watching.wait { try watching.view("kiosk.b")?.waitingFor == reason }
        let end = words(of: claim.fail("no"))
        #expect(end == "moved")
        try watching.wait { try watching.view("kiosk.b")?.waitingFor == nil }
        #expect(try watching.view("kiosk.b")?.status == .queued)
    }
}
