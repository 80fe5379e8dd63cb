import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct ViewsTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    private func view(_ name: String, _ status: JobStatus = .queued) throws -> JobView {
        JobView(id: try JobID(name), status: status)
    }

    private func table(_ views: JobView...) -> [JobID: JobView] {
        Dictionary(views.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    private func shown(_ name: String) throws -> JobView {
        try #require(
            JSONText.decode(JobView.self, from: try temporary.read("status/\(name).json")))
    }

    @Test func `exactly the given views stand in status`() throws {
        let views = try Views(temporary.spool)
        try views.show(table(try view("a"), try view("b")))
        #expect(try temporary.names("status") == ["a.json", "b.json"])
        #expect(try shown("a").status == .queued)
        #expect(try shown("a").updatedAt != nil)
        #expect(try temporary.status("status/a.json").mode == 0o644)
        try views.show(table(try view("b", .processing)))
        #expect(try temporary.names("status") == ["b.json"])
        #expect(try shown("b").status == .processing)
    }

    @Test func `what a former watcher left is removed unless it is confirmed`() throws {
        for name in ["a.json", "b.json", "README"] { try temporary.write("status/\(name)", "{}") }
        let views = try Views(temporary.spool)
        try views.show(table(try view("b")))
        #expect(try temporary.names("status") == ["README", "b.json"])
        #expect(try shown("b").status == .queued)
    }

    @Test func `only what changed is written`() throws {
        let views = try Views(temporary.spool)
        try views.show(table(try view("a"), try view("b")))
        try views.show(QueueView(updatedAt: .now))
        let before = try ["status/a.json", "status/b.json", "queue.json"].map {
            try temporary.status($0).identity
        }
        try views.show(table(try view("a"), try view("b", .processing)))
        try views.show(QueueView(updatedAt: Timestamp.now.advanced(by: .seconds(5))))
        let after = try ["status/a.json", "status/b.json", "queue.json"].map {
            try temporary.status($0).identity
        }
        #expect(zip(before, after).map { $0 == $1 } == [true, false, true])
        var queue = QueueView(updatedAt: .now)
        queue.queueSize = 1
        try views.show(queue)
        #expect(try temporary.status("queue.json").identity != after[2])
    }

    // The disk was full for a moment: the view stayed as it was for as long as nothing changed.
    @Test func `a view that could not be written is written later`() throws {
        let views = try Views(temporary.spool)
        for name in ["status/a.json", "queue.json"] { try temporary.makeDirectory(Path(name)) }
        let queue = QueueView(updatedAt: .now)
        #expect(throws: SystemError.self) { try views.show(table(try view("a"))) }
        #expect(throws: SystemError.self) { try views.show(queue) }
        for name in ["status/a.json", "queue.json"] {
            try temporary.spool.root.removeDirectory(Path(name))
        }
        try views.show(table(try view("a")))
        try views.show(queue)
        #expect(try shown("a").status == .queued)
        #expect(try temporary.status("queue.json").kind == .file)
    }
}
