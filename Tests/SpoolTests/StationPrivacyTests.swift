import Linux
import SpoolFormat
import Testing

@testable import Spool

/// What everybody may read tells of no job of a station with a group.
@Suite struct StationPrivacyTests {
    @Test func `the queue's view names neither a private job nor what it asks for`() throws {
        let watching = try Watching(starts: false)
        let spool = watching.temporary.spool
        let kiosk = try #require(StationName("kiosk"))
        _ = try Stations(spool).add(kiosk) { $0.group = "no group has this name" }
        try watching.start()
        try watching.drop("a", in: "incoming/kiosk")
        try watching.wait(for: "queued/kiosk.a")
        try spool.root.rename("queued/kiosk.a", to: "running/kiosk.a@1")
        let start = try #require(ProcessWatch.startTime(of: Host.pid))
        var card = WorkerCard(
            name: "w", pid: Host.pid, processStart: start, host: Host.name, at: .now)
        card.state = .busy
        card.jobID = try JobID("kiosk.a")
        try spool.write(view: .card(ofWorker: "w"), JSONText.encode(card))
        try watching.wait {
            let queue = try watching.queue()
            return queue?.processingCount == 1 && queue?.workers.count == 1
        }
        let queue = try #require(try watching.queue())
        #expect(queue.currentJobID == nil)
        #expect(queue.workers.map(\.jobID) == [nil])
        #expect(queue.jobs.map(\.jobID) == [nil])
        #expect(try watching.temporary.status("status/kiosk.a.json").mode == 0o600)
    }
}
