import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct CrewTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
    }

    /// Writes the card of `w` for a process.
    private func write(_ pid: Int32, start: UInt64, _ state: WorkerCard.State = .idle) throws {
        var card = WorkerCard(
            name: "w", pid: pid, processStart: start, host: Host.name, at: .now)
        card.state = state
        try temporary.spool.write(view: .card(ofWorker: "w"), JSONText.encode(card))
    }

    private func start(of pid: Int32) throws -> UInt64 {
        try #require(ProcessWatch.startTime(of: pid))
    }

    // Its job waited for the next scan, 30 s.
    @Test func `a worker that was started again at once died before`() throws {
        var deaths = 0
        let crew = Crew(temporary.spool, on: loop) { deaths += 1 }
        try write(1, start: start(of: 1), .busy)
        try crew.read("w.json")
        #expect(deaths == 0)
        try write(Host.pid, start: start(of: Host.pid))
        try crew.read("w.json")
        #expect(deaths == 1)
        #expect(crew.alive.map(\.pid) == [Host.pid])
        try write(Host.pid, start: start(of: Host.pid), .busy)
        try crew.read("w.json")
        #expect(deaths == 1)
    }

    @Test func `a worker that was gone when its card was read is dead, once`() throws {
        var deaths = 0
        let crew = Crew(temporary.spool, on: loop) { deaths += 1 }
        try write(Host.pid, start: 1, .busy)
        for _ in 0..<2 {
            try crew.read("w.json")
            #expect(deaths == 1)
            #expect(crew.alive.isEmpty)
        }
    }

    @Test func `a worker that has ended is not dead`() throws {
        var deaths = 0
        let crew = Crew(temporary.spool, on: loop) { deaths += 1 }
        try write(1, start: start(of: 1))
        try crew.read("w.json")
        try write(1, start: start(of: 1), .stopped)
        try crew.read("w.json")
        try write(Host.pid, start: start(of: Host.pid))
        try crew.read("w.json")
        #expect(deaths == 0)
    }
}
