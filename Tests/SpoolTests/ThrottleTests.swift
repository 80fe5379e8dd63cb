import Linux
import SpoolFormat
import Testing

@testable import Spool

/// `OVERFLOW=hold`: who has no place waits at the door, and comes in when its turn comes.
@Suite struct ThrottleTests {
    private func throttled(_ watching: Watching, _ id: String) throws -> String? {
        guard let view = try watching.view(id), view.status == .throttled else { return nil }
        return view.waitingFor
    }

    /// The kernel's clock for ctimes goes in steps of some milliseconds.
    private func tick(_ watching: Watching) throws {
        let temporary = watching.temporary
        func now() throws -> Int64 {
            try temporary.spool.removeIfPresent(".clock")
            try temporary.write(".clock", "")
            return try temporary.status(".clock").changed
        }
        let before = try now()
        let hasTicked = try eventually { try now() > before }
        try #require(hasTicked)
    }

    @Test func `drops come in one by one in the order of their arrival, also after a crash`() throws
    {
        let watching = try Watching {
            $0.maxInflightJobs = 1
            $0.overflow = .hold
        }
        for stem in ["z", "c", "a", "b"] {
            try watching.drop(stem)
            try tick(watching)
        }
        try watching.wait(for: "queued/z")
        for stem in ["c", "a", "b"] {
            try watching.wait { try throttled(watching, stem) == "a free place in the queue" }
        }
        #expect(try watching.temporary.exists("incoming/c.json"))
        var ended: [String] = []
        for (last, next) in [("z", "c"), ("c", "a"), ("a", "b")] {
            if next == "a" {
                try watching.kill()
                try watching.start()
            }
            try watching.temporary.spool.root.rename(
                "queued/\(Path(last))", to: "failed/\(Path(last))")
            ended.append("failed/\(last)")
            let wanted = ["queued/\(next)"] + ended.sorted()
            try watching.wait { try watching.temporary.bundles() == wanted }
        }
    }

    @Test func `a drop over its station's limit waits for that, and nobody else does`() throws {
        let watching = try Watching(starts: false) {
            $0.jobsPerMinuteLimit = 1
            $0.overflow = .hold
        }
        let stations = Stations(watching.temporary.spool)
        let kiosk = try #require(StationName("kiosk"))
        _ = try stations.add(kiosk)
        try watching.start()
        for stem in ["1", "2"] {
            try watching.drop(stem, in: "incoming/kiosk")
            try tick(watching)
        }
        try watching.wait {
            try throttled(watching, "kiosk.2")
                == "the rate limit of station 'kiosk' (1 jobs a minute)"
        }
        // When it may come in, no event tells.
        let again = try #require(watching.watcher?.nextAdmission)
        #expect(again > .now + .seconds(30) && again <= .now + .seconds(61))
        try watching.drop("a")
        try watching.wait(for: "queued/a", "queued/kiosk.1")
        _ = try stations.add(kiosk) { $0.jobsPerMinute = 2 }
        try watching.wait(for: "queued/a", "queued/kiosk.1", "queued/kiosk.2")
    }

    @Test func `a drop that is deleted at the door is called off`() throws {
        let watching = try Watching {
            $0.maxInflightJobs = 1
            $0.overflow = .hold
        }
        try watching.drop("a")
        try watching.wait(for: "queued/a")
        try watching.drop("b")
        try watching.wait { try throttled(watching, "b") != nil }
        for name: Path in ["incoming/b.json", "incoming/b.png"] {
            try watching.temporary.spool.root.remove(name)
        }
        try watching.wait { try watching.view("b") == nil }
        #expect(try watching.temporary.bundles() == ["queued/a"])
    }

    /// What can never come in is not kept waiting for a place.
    @Test func `a wrong drop is refused at once`() throws {
        let watching = try Watching {
            $0.maxInflightJobs = 1
            $0.overflow = .hold
        }
        try watching.drop("a")
        try watching.wait(for: "queued/a")
        try watching.temporary.rename(into: "incoming/b.png", Sample.png)
        try watching.temporary.rename(into: "incoming/b.json", #"{"instruction":""}"#)
        try watching.wait(for: "queued/a", "rejected/b")
    }

    @Test func `a refused sender is told when its minute is over`() throws {
        let watching = try Watching(starts: false) { $0.jobsPerMinuteLimit = 1 }
        let temporary = watching.temporary
        try temporary.admit("a")
        try temporary.change("queued/a") { $0.orderNanoseconds -= 50_000_000_000 }
        try watching.start()
        try watching.drop("b")
        try watching.wait(for: "queued/a", "rejected/b")
        let record = try temporary.spool.record(in: "rejected/b", of: try JobID("b"))
        let reason = try #require(record?.view.reason)
        #expect(reason.refusal.code == .rateLimited)
        #expect(try (1...10).contains(#require(reason.retryAfterSeconds)))
    }
}
