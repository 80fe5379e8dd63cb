import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Several workers on one spool.
@Suite struct JobQueueRaceTests {
    let temporary: TemporarySpool
    private let jobs = (0..<200).map { "job\($0 * 7919 % 200)" }

    init() throws {
        temporary = try TemporarySpool { $0.durability = .relaxed }
        try temporary.admit(jobs)
    }

    @Test func `workers that take turns get the jobs in their order, each once`() throws {
        let loops = try (0..<8).map { _ in try EventLoop() }
        let queues = try loops.map { try JobQueue(temporary.spool, on: $0) {} }
        var claimed: [String] = []
        for turn in 0... {
            guard let name = try queues[turn % 8].claimOne() else { break }
            claimed.append(name)
        }
        #expect(claimed == jobs.map { "\($0)@1" })
        for queue in queues { #expect(try queue.claimOne() == nil) }
    }

    @Test func `workers that race get each job once, and each of them in order`() throws {
        let path = temporary.spool.path
        let claimed = try inThreads(8) { _ in
            let spool = try Spool(path, settings: Settings(), log: Log())
            let loop = try EventLoop()
            let queue = try JobQueue(spool, on: loop) {}
            var names: [String] = []
            let isEmpty = try eventually {
                names += try queue.claimAll()
                return queue.count == 0
            }
            #expect(isEmpty)
            return names
        }
        let places = Dictionary(
            jobs.enumerated().map { ("\($1)@1", $0) }, uniquingKeysWith: { first, _ in first })
        for names in claimed {
            let order = names.compactMap { places[$0] }
            #expect(order == order.sorted())
        }
        #expect(claimed.flatMap { $0 }.sorted() == jobs.map { "\($0)@1" }.sorted())
        #expect(try temporary.names("running").count == 200)
        #expect(try temporary.names("queued") == [])
    }
}
