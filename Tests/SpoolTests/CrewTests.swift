import Linux
import SpoolFormat
import TestSupport
import Testing

@testable import Spool

@Suite struct CrewTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
    }

    /// Writes the card of a worker for a process.
    private func write(
        _ pid: Int32, start: UInt64, _ state: WorkerCard.State = .idle, name: String = "w",
        host: String = Host.name, _ edit: (inout WorkerCard) -> Void = { _ in }
    ) throws {
        var card = WorkerCard(name: name, pid: pid, processStart: start, host: host, at: .now)
        card.state = state
        edit(&card)
        let path = Path.card(ofWorker: name)
        try temporary.spool.write(view: path, JSONText.encode(card))
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

    /// A process of this test's own.
    private func sleeper() throws -> (child: Child, start: UInt64) {
        let null = try Directory("/dev").open("null")
        let number = null.descriptor.number
        let child = try Child(
            "/bin/sleep", arguments: ["1000"], descriptors: [number, number, number],
            in: Directory("/"))
        _ = consume null
        return (child, try start(of: child.pid))
    }

    // MARK: Who is there

    @Test func `the living are told by name, and what they can do`() throws {
        let crew = Crew(temporary.spool, on: loop) {}
        #expect(crew.offered == nil, "no pipeline ever ran")
        #expect(!crew.isReady)
        let start = try start(of: Host.pid)
        try write(Host.pid, start: start, .starting, name: "b") { $0.modelsOffered = ["old"] }
        try write(1, start: self.start(of: 1), .stopped, name: "gone") { $0.models = ["x"] }
        try write(Host.pid, start: start, name: "far", host: "elsewhere")
        try crew.list()
        #expect(crew.alive.map(\.name) == ["b"])
        #expect(!crew.isReady)
        try write(Host.pid, start: start, .idle, name: "a") {
            $0.models = ["m"]
            $0.modelsOffered = ["m", "n"]
        }
        try crew.read("a.json")
        #expect(crew.alive.map(\.name) == ["a", "b"])
        #expect(crew.isReady)
        #expect(crew.offers("m"))
        #expect(!crew.offers("n"), "not now")
        #expect(!crew.offers("x"))
        #expect(crew.offered == ["m", "n", "old"])
    }

    @Test func `a card that cannot be read is no worker and hides no other`() throws {
        let crew = Crew(temporary.spool, on: loop) {}
        let start = try start(of: Host.pid)
        try write(Host.pid, start: start, name: "good")
        try temporary.write(".spool/workers/half.json", "{")
        try temporary.link(".spool/workers/a-link.json", to: "good.json")
        try temporary.write(".spool/workers/good.lock", "")
        try crew.list()
        #expect(crew.alive.map(\.name) == ["good"])
        try temporary.spool.root.remove(".spool/workers/good.json")
        try crew.read("good.json")
        #expect(crew.alive.isEmpty)
    }

    @Test func `a death is told, once, and the dead do nothing`() throws {
        var deaths = 0
        let crew = Crew(temporary.spool, on: loop) { deaths += 1 }
        let (child, start) = try sleeper()
        try write(child.pid, start: start, .busy) { $0.models = ["m"] }
        try crew.read("w.json")
        #expect(crew.isReady)
        child.signal(.kill)
        let isTold = try loop.run { deaths > 0 }
        #expect(isTold)
        #expect(crew.alive.isEmpty)
        #expect(!crew.offers("m"))
        _ = child.reap()
        try crew.read("w.json")
        #expect(deaths == 1)
    }

    // MARK: R4

    @Test func `only the worker that says it runs the claim is killed`() throws {
        let (child, start) = try sleeper()
        let crew = Crew(temporary.spool, on: loop) {}
        let id = try JobID("a")
        func card(_ state: WorkerCard.State, claim: Int?, pid: Int32, start: UInt64) throws {
            try write(pid, start: start, state) {
                $0.jobID = claim.map { _ in id }
                $0.claim = claim
            }
            try crew.read("w.json")
        }
        let attempt = AttemptName(id: id, claim: 2)
        #expect(!crew.kill(workerOf: attempt), "there is none")
        try card(.busy, claim: 1, pid: child.pid, start: start)
        #expect(!crew.kill(workerOf: attempt), "another claim")
        try card(.blocked, claim: 2, pid: child.pid, start: start)
        #expect(!crew.kill(workerOf: attempt), "it waits for the disk")
        try card(.busy, claim: 2, pid: Host.pid, start: self.start(of: Host.pid))
        #expect(!crew.kill(workerOf: attempt), "that is this process")
        #expect(crew.worker(of: id, claim: 2)?.pid == Host.pid)
        #expect(crew.worker(of: id, claim: 1) == nil)
        #expect(ProcessWatch.isRunning(child.pid))
        try card(.busy, claim: 2, pid: child.pid, start: start)
        #expect(crew.kill(workerOf: attempt))
        #expect(child.reap() == .signal(9))
    }
}
