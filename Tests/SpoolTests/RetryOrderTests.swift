import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Retries: a slot first (I5), in the order in which they were asked for.
@Suite struct RetryOrderTests {
    private let watching: Watching
    private var temporary: TemporarySpool { watching.temporary }

    init() throws { watching = try Watching(starts: false) { $0.maxInflightJobs = 1 } }

    @Test func `a failed job runs again when its sender says so`() throws {
        try temporary.admitAndFail("a")
        try watching.start()
        try watching.obeyed("a.retry")
        try watching.wait(for: "queued/a")
        #expect(try watching.orders() == [])
        try watching.wait { [watching] in try watching.view("a")?.status == .queued }
        #expect(try watching.queue()?.retriesTotal == 1)
        #expect(try watching.queue()?.failedCount == 0)
        #expect(try watching.queue()?.queueSize == 1)
    }

    @Test func `without a free slot it waits, and comes when one is free`() throws {
        try temporary.admitAndFail("a")
        try temporary.admit("b")
        try watching.start()
        try watching.obeyed("a.retry")
        #expect(try watching.orders() == ["retry/a"])
        try watching.wait { [watching] in
            try watching.view("a")?.waitingFor == "a free place in the queue"
        }
        #expect(try watching.view("a")?.status == .failed)
        #expect(try temporary.bundles() == ["queued/b", "failed/a"])
        let end = words(of: try temporary.claim().fail("No."))
        #expect(end == "moved")
        try watching.wait(for: "queued/a", "failed/b")
        #expect(try watching.orders() == [])
    }

    @Test func `who asked first comes first`() throws {
        try temporary.admitAndFail("a", "b", "c")
        try temporary.admit("x")
        try watching.start()
        for id in ["c", "a", "b"] { try watching.obeyed("\(id).retry") }
        var came: [String] = []
        for _ in 1...3 {
            let end = words(of: try temporary.claim().fail("No."))
            #expect(end == "moved")
            try watching.wait { [temporary] in try temporary.names("queued").count == 1 }
            came += try temporary.names("queued")
        }
        #expect(came == ["c", "a", "b"])
    }

    @Test func `a job that waits for its retry keeps its name`() throws {
        try temporary.admitAndFail("a")
        try temporary.admit("b")
        try watching.start()
        try watching.obeyed("a.retry")
        let before = try temporary.snapshot("failed/a")
        try watching.drop("a")
        try watching.wait(for: "queued/b", "failed/a", "rejected/a~2")
        #expect(try temporary.snapshot("failed/a") == before)
        #expect(try watching.orders() == ["retry/a"])
    }

    @Test func `a closed door is closed for retries too`() throws {
        try temporary.admitAndFail("a")
        try temporary.spool.drain()
        try watching.start()
        try watching.obeyed("a.retry")
        try watching.pass()
        #expect(try temporary.bundles() == ["failed/a"])
        try temporary.spool.resume()
        try watching.wait(for: "queued/a")
    }

    // R7: closing a lock raises no event.
    @Test func `a job that somebody holds is retried when it is let go`() throws {
        try temporary.admitAndFail("a")
        try watching.start()
        try hold("failed/a") {
            try watching.obeyed("a.retry")
            let id = try JobID("a")
            // Two looks by the timer alone.
            try watching.wait { [watching] in
                watching.watcher?.orderWaits[id].map { $0.delay >= .milliseconds(200) } == true
            }
            #expect(try temporary.bundles() == ["failed/a"])
            #expect(watching.watcher?.table.live == [])
        }
        try watching.wait(for: "queued/a")
        #expect(try watching.orders() == [])
    }

    private func hold(_ bundle: Path, _ body: () throws -> Void) throws {
        guard case .held(let lease) = try temporary.spool.lease(bundle) else {
            Issue.record("not held")
            return
        }
        try body()
        #expect(try temporary.spool.holds(lease, of: bundle))
    }

    @Test func `a job that would be refused says why and takes no slot`() throws {
        try temporary.admitAndFail("a")
        try temporary.spool.root.remove("failed/a/a.png")
        try watching.start()
        try watching.obeyed("a.retry")
        try watching.wait { [watching] in try watching.orders() == [] }
        #expect(
            try temporary.record("failed/a").view.error
                == "It cannot be retried: It has no whole JSON and image. Drop both again.")
        #expect(watching.watcher?.table.live == [])
        try watching.drop("b")
        try watching.wait(for: "queued/b", "failed/a")
    }

    @Test func `retries count for the sender's limit`() throws {
        temporary.spool.settings.jobsPerMinuteLimit = 1
        temporary.spool.settings.maxInflightJobs = 10
        try temporary.admitAndFail("a", "b")
        for (id, order) in [("a", 7), ("b", 8)] {
            try temporary.change("failed/\(id)") { $0.orderNanoseconds = Int64(order) }
        }
        try watching.start()
        try watching.obeyed("a.retry")
        try watching.obeyed("b.retry")
        try watching.wait(for: "queued/a", "failed/b")
        try watching.pass()
        #expect(try temporary.bundles() == ["queued/a", "failed/b"])
        #expect(try watching.orders() == ["retry/b"])
        let reason = "the rate limit of drops without a station (1 jobs a minute)"
        try watching.wait { [watching] in try watching.view("b")?.waitingFor == reason }
    }

    // I5: whatever arrives at once.
    @Test func `retries and drops together never exceed the maximum`() throws {
        temporary.spool.settings.maxInflightJobs = 3
        let ids = (0..<6).map { "f\($0)" }
        for id in ids { try temporary.admitAndFail(id) }
        try watching.start()
        for id in ids {
            try watching.order("\(id).retry")
            try watching.drop("new-\(id)")
        }
        // Nothing leaves the queue, so the last count is the highest.
        try watching.wait { [temporary] in try temporary.names(.incoming) == [] }
        try watching.pass()
        #expect(try temporary.names("queued").count == 3)
        for left in stride(from: 8, through: 0, by: -1) {
            let end = words(of: try temporary.claim().fail("No."))
            #expect(end == "moved")
            try watching.pass()
            let waiting = try temporary.names(".spool/retry").count
            #expect(try temporary.names("queued").count <= 3, "\(left)")
            if waiting > 0 { #expect(try temporary.names("queued").count == 3) }
            if try temporary.names("queued").isEmpty { break }
        }
        #expect(try watching.orders() == [])
    }
}
