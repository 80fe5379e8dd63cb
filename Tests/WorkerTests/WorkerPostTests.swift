import Linux
import SpoolFormat
import Testing

@testable import Spool
@testable import Worker

@Suite struct WorkerPostTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    private func post(_ name: String? = nil) throws -> WorkerPost {
        try WorkerPost(temporary.spool, name: name, on: temporary.loop)
    }

    @Test func `workers take the first free names`() throws {
        let first = try post()
        var second: WorkerPost? = try post()
        let third = try post()
        #expect(
            [first, second, third].map { $0?.card.name } == ["worker-1", "worker-2", "worker-3"])
        second = nil
        try temporary.run { [self] in try post().card.name == "worker-2" }
    }

    @Test func `a name that is taken is an error`() throws {
        let first = try post("gpu0")
        do throws(SystemError) {
            _ = try WorkerPost(temporary.spool, name: "gpu0", on: temporary.loop)
            Issue.record("taken twice")
        } catch { #expect(error == .isTaken(".spool/workers/gpu0.lock")) }
        #expect(first.card.name == "gpu0")
    }

    @Test func `the card says who the worker is and what it does`() throws {
        let post = try post("gpu0")
        post.update { $0.state = .idle }
        var card = try temporary.card("gpu0")
        #expect(card.pid == Host.pid)
        #expect(card.processStart == ProcessWatch.startTime(of: Host.pid))
        #expect(card.host == Host.name)
        #expect(card.state == .idle)
        var view = JobView(id: try JobID(Array("a".utf8)), status: .processing)
        view.startedAt = Timestamp(nanoseconds: 1_705_314_600_000_000_000)
        post.update { $0.begin(view, claim: 3) }
        card = try temporary.card("gpu0")
        #expect(card.state == .busy)
        #expect(card.jobID == view.id)
        #expect(card.claim == 3)
        #expect(card.startedAt == view.startedAt)
        #expect(card.progress == 0)
        post.leave()
        card = try temporary.card("gpu0")
        #expect(card.state == .stopped)
        #expect(card.jobID == nil)
        #expect(card.claim == nil)
        #expect(card.startedAt == nil)
        #expect(card.progress == nil)
    }

    @Test func `the card is written only when it says something new`() throws {
        let post = try post("gpu0")
        post.update { $0.rest() }
        let path = Path.card(ofWorker: "gpu0")
        let before = try temporary.spool.root.status(of: path)?.identity
        post.update { $0.rest() }
        #expect(try temporary.spool.root.status(of: path)?.identity == before)
        post.update { $0.jobsDone += 1 }
        #expect(try temporary.spool.root.status(of: path)?.identity != before)
    }

    @Test func `progress is written now or soon`() throws {
        let post = try post("gpu0")
        post.update { $0.state = .busy }
        for step in 1...100 { post.report(step: step, of: 100) }
        try temporary.run { [self] in try temporary.card("gpu0").progress == 1 }
    }

    // The disk was full for a moment.
    @Test func `a card that could not be written is written by the next word`() throws {
        let post = try post("gpu0")
        let path = Path.card(ofWorker: "gpu0")
        try temporary.spool.root.makeDirectory(path, mode: 0o755)
        post.update { $0.rest() }
        try temporary.spool.root.removeDirectory(path)
        post.update { $0.rest() }
        #expect(try temporary.card("gpu0").state == .idle)
    }
}
