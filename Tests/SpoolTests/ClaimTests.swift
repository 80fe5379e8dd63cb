import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct ClaimTests {
    let temporary: TemporarySpool
    let loop: EventLoop
    private let running: Path = "running/a@1"

    init() throws {
        temporary = try TemporarySpool()
        loop = try EventLoop()
        try temporary.admit("a", json: #"{"instruction":"blur","system_prompt":"be kind"}"#)
    }

    private func claim() throws -> Claim {
        let queue = try JobQueue(temporary.spool, on: loop) {}
        guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
            throw Failure.notClaimed
        }
        return claim
    }

    private enum Failure: Error { case notClaimed }

    // MARK: The claim

    @Test func `a claim is a rename, and its record follows`() throws {
        let order = try temporary.record("queued/a").orderNanoseconds
        var claim = try claim()
        #expect(try temporary.bundles() == ["running/a@1"])
        #expect(try temporary.record(running).view.status == .queued)
        #expect(try temporary.leaseState(running) == "busy")
        let isOurs = try claim.makeDurable()
        #expect(isOurs)
        let record = try temporary.record(running)
        #expect(record.view.status == .processing)
        #expect(record.claims == 1)
        #expect(record.view.attempts == 1)
        #expect(record.view.startedAt != nil)
        #expect(record.view.progress == 0)
        #expect(record.orderNanoseconds == order)
        #expect(try #require(record.seed) >= 0)
        #expect(record.seed == claim.record.seed)
        #expect(claim.image == temporary.spool.path / running / "a.png")
        #expect(claim.output == temporary.spool.path / running / "out.1.part")
        #expect(claim.record.systemPrompt == "be kind")
        #expect(
            try temporary.names(running) == ["a.png", "lease", "request.json", "status.json"])
    }

    @Test func `a dropped claim looks like a crash`() throws {
        do { _ = try claim() }
        #expect(try temporary.bundles() == ["running/a@1"])
        #expect(try temporary.isFree(running))
    }

    // MARK: The ends

    @Test func `a completed job stands in done with its result`() throws {
        var claim = try claim()
        _ = try claim.makeDurable()
        try temporary.write(running / "out.1.part", Sample.png)
        #expect(try claim.checkOutput() == nil)
        let model = try #require(ModelName("rules"))
        let end = words(of: claim.complete(model: model, seed: 9))
        #expect(end == "moved")
        let result = try #require(try temporary.record("done/a").view.resultPath)
        // The lease was held until here, and is free right after.
        #expect(try temporary.isFree("done/a"))
        #expect(result.wholeMatch(of: /rules_[0-9]{8}_[0-9]{6}_s9_[0-9a-f]{8}\.png/) != nil)
        #expect(try temporary.bundles() == ["done/a"])
        #expect(
            try temporary.names("done/a")
                == ["a.png", "lease", "request.json", result, "status.json"].sorted())
        #expect(try temporary.read("done/a" / Path(result)) == Sample.png)
        let record = try temporary.record("done/a")
        #expect(record.view.status == .completed)
        #expect(record.view.resultPath == result)
        #expect(record.view.resultSeed == 9)
        #expect(record.view.model == "rules")
        #expect(record.view.progress == 1)
        let modified = Timestamp(nanoseconds: try temporary.status("done/a").modified)
        #expect(modified.rfc3339 == record.view.completedAt?.rfc3339)
    }

    @Test(arguments: [false, true])
    func `a failed job stands in failed with its error and without output`(_ isDead: Bool) throws {
        var claim = try claim()
        _ = try claim.makeDurable()
        try temporary.write(running / "out.1.part", "half")
        let end = words(of: claim.fail("It is too dark.", deadLetter: isDead))
        #expect(end == "moved")
        #expect(try temporary.isFree("failed/a"))
        #expect(try temporary.bundles() == ["failed/a"])
        #expect(
            try temporary.names("failed/a") == ["a.png", "lease", "request.json", "status.json"])
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .failed)
        #expect(record.view.error == "It is too dark.")
        #expect(record.view.isDeadLetter == isDead)
        #expect(record.view.progress == nil)
        let modified = Timestamp(nanoseconds: try temporary.status("failed/a").modified)
        #expect(modified.rfc3339 == record.view.completedAt?.rfc3339)
    }

    @Test(arguments: [false, true])
    func `a job given back has its old place and a new number`(_ counted: Bool) throws {
        let stamp = try temporary.status("queued/a").modified
        var first = try claim()
        _ = try first.makeDurable()
        let seed = first.record.seed
        try temporary.write(running / "out.1.part", "half")
        let end = words(of: first.giveBack(counted: counted))
        #expect(end == "moved")
        #expect(try temporary.isFree("queued/a"))
        #expect(try temporary.status("queued/a").modified == stamp)
        let record = try temporary.record("queued/a")
        #expect(record.view.status == .queued)
        #expect(record.view.startedAt == nil)
        #expect(record.view.attempts == (counted ? 1 : 0))
        #expect(record.claims == 1)
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
        let second = try claim()
        #expect(second.attempt.claim == 2)
        #expect(second.record.seed == seed)
        #expect(second.record.view.attempts == (counted ? 2 : 1))
    }

    // MARK: The output

    @Test(arguments: [
        ("cat.png", nil),
        ("rocket.jpg", "The pipeline's output is a JPEG; it must be a PNG."),
    ])
    func `a photo as output`(_ name: Path, _ problem: String?) throws {
        let claim = try claim()
        try temporary.write(running / "out.1.part", try Sample.photo(name))
        #expect(try claim.checkOutput() == problem)
    }

    @Test(arguments: [[], Array(Sample.png.dropLast(5)), Array("no image".utf8), [0, 0, 0]])
    func `output that is no whole image`(_ bytes: [UInt8]) throws {
        let claim = try claim()
        try temporary.write(running / "out.1.part", bytes)
        let problem = try #require(try claim.checkOutput())
        #expect(problem.hasPrefix("The pipeline's output is not a whole image: "))
    }

    @Test func `no output at all`() throws {
        let claim = try claim()
        #expect(
            try claim.checkOutput() == "The pipeline said it was done but wrote no output file.")
    }

    enum Odd: CaseIterable { case link, directory }

    // A directory could not be unlinked: the job stayed in running/.
    @Test(arguments: Odd.allCases)
    func `output that is no file is never followed, and the job can fail`(_ odd: Odd) throws {
        var claim = try claim()
        _ = try claim.makeDurable()
        switch odd {
        case .link: try temporary.link(running / "out.1.part", to: "a.png")
        case .directory:
            try temporary.makeDirectory(running / "out.1.part")
            try temporary.write(running / "out.1.part/x", "x")
        }
        let kind = odd == .link ? "symbolic link" : "directory"
        #expect(
            try claim.checkOutput() == "The pipeline's output is not a file but a \(kind).")
        let end = words(of: claim.fail("no file"))
        #expect(end == "moved")
        #expect(try temporary.bundles() == ["failed/a"])
        #expect(
            try temporary.names("failed/a") == ["a.png", "lease", "request.json", "status.json"])
    }
}
