import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct JobLookupTests {
    let temporary: TemporarySpool
    private let lookup: JobLookup

    init() throws {
        temporary = try TemporarySpool()
        lookup = JobLookup(temporary.spool)
    }

    private func show(_ name: String, _ status: JobStatus, position: Int?) throws {
        var view = JobView(id: try JobID(name), status: status)
        view.position = position
        try temporary.spool.write(view: "status/\(name).json", JSONText.encode(view))
    }

    private func find(_ name: String) throws -> JobView? { try lookup.view(of: try JobID(name)) }

    @Test func `a job that nobody knows is nil`() throws {
        #expect(try find("a") == nil)
        #expect(try lookup.finishedBundle(of: try JobID("a")) == nil)
    }

    @Test func `the directories go before the view`() throws {
        try temporary.admit("a")
        try show("a", .completed, position: nil)
        #expect(try find("a")?.status == .queued)
        try temporary.spool.root.rename("queued/a", to: "running/a@3")
        #expect(try find("a")?.status == .processing)
        try temporary.spool.root.rename("running/a@3", to: "failed/a")
        #expect(try find("a")?.status == .queued)
        #expect(try lookup.finishedBundle(of: try JobID("a")) == "failed/a")
    }

    @Test func `a view of the same status adds what the directories don't tell`() throws {
        try temporary.admit("a")
        try show("a", .queued, position: 4)
        #expect(try find("a")?.position == 4)
        try show("a", .processing, position: 4)
        #expect(try find("a")?.position == nil)
    }

    @Test func `a queued job that is held is shown as held`() throws {
        try temporary.admit("a")
        try show("a", .held, position: nil)
        #expect(try find("a")?.status == .held)
        try temporary.spool.root.rename("queued/a", to: "running/a@1")
        #expect(try find("a")?.status == .processing)
    }

    @Test func `an ended job that waits to run again says so`() throws {
        try temporary.admitAndFail("a")
        var view = JobView(id: try JobID("a"), status: .failed)
        view.waitingFor = "a free place"
        try temporary.spool.write(view: "status/a.json", JSONText.encode(view))
        #expect(try find("a")?.waitingFor == "a free place")
        #expect(try find("a")?.error == "Too dark.")
        // A view of before it ended says nothing of now.
        view.status = .processing
        try temporary.spool.write(view: "status/a.json", JSONText.encode(view))
        #expect(try find("a")?.waitingFor == nil)
    }

    // One file that was unreadable hid the job, and in a list all others.
    @Test func `what cannot be read is told by what can`() throws {
        try temporary.admitAndFail("a")
        try temporary.link("status/a.json", to: "elsewhere")
        #expect(try find("a")?.status == .failed)
        try temporary.spool.root.remove("status/a.json")
        try temporary.spool.root.rename("failed/a/status.json", to: "record")
        try temporary.link("failed/a/status.json", to: "../../record")
        let error = #expect(throws: SystemError.self) { try find("a") }
        #expect(error?.code == .symbolicLink)
        try show("a", .failed, position: nil)
        #expect(try find("a")?.status == .failed)
    }

    @Test func `a job that is still being received is known by its view alone`() throws {
        try show("a", .receiving, position: nil)
        #expect(try find("a")?.status == .receiving)
    }

    @Test func `the name of the directory counts as the ID`() throws {
        try temporary.admit("a")
        try temporary.spool.root.rename("queued/a", to: "done/a~1")
        #expect(try find("a") == nil)
        #expect(try find("a~1")?.id.text == "a~1")
    }

    @Test func `the IDs of a state are listed by name`() throws {
        try temporary.admit("b", "a", "c")
        try temporary.spool.root.rename("queued/c", to: "running/c@12")
        try temporary.makeDirectory("queued/.odd")
        #expect(try lookup.ids(in: .queued).map(\.text) == ["a", "b"])
        #expect(try lookup.ids(in: .running).map(\.text) == ["c"])
        #expect(try lookup.ids(in: .done) == [])
    }

    @Test func `a watcher is known by its lock`() throws {
        #expect(try lookup.hasWatcher() == false)
        let lock = try temporary.spool.root.openOrCreate(".spool/watcher.lock", mode: 0o644)
        #expect(try lookup.hasWatcher() == false)
        #expect(try lock.tryLock())
        #expect(try lookup.hasWatcher() == true)
    }
}
