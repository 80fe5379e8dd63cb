import Glibc
import Linux
import SpoolFormat
import Testing

@testable import Spool

/// What an end makes of the files that a run leaves.
@Suite struct ClaimEndTests {
    let temporary: TemporarySpool
    private let running: Path = "running/a@1"
    private let own = ["a.png", "lease", "request.json", "status.json"]

    init() throws {
        temporary = try TemporarySpool { $0.jobRetryDelay = .seconds(100) }
        try temporary.admit("a")
    }

    private func complete(_ claim: consuming Claim) throws -> String {
        let model = try #require(ModelName("rules"))
        return words(of: claim.complete(model: model, seed: 1))
    }

    // MARK: The result on the disk

    /// An output whose flush fails, as the kernel tells of a failed write once.
    private func makeUnflushable(_ path: Path) throws {
        let result = mkfifo("\(temporary.spool.path / path)", 0o644)
        try #require(result == 0)
    }

    // It was flushed again, which the kernel answers with a lie, and delivered.
    @Test func `a result that did not come to the disk is computed again`() throws {
        let claim = try temporary.claim()
        try makeUnflushable(running / "out.1.part")
        #expect(try complete(claim) == "moved")
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(try temporary.names("queued/a") == own)
        let record = try temporary.record("queued/a")
        #expect(record.view.status == .queued)
        #expect(record.view.error?.contains("did not come to the disk: fsync") == true)
        #expect(record.view.attempts == 1)
        #expect(record.retries == 1)
        #expect(record.pipelineKills == 0)
        #expect(record.view.resultPath == nil)
        #expect(record.view.resultSeed == nil)
        #expect(record.view.model == nil, "any worker may run it")
        #expect(record.view.completedAt == nil)
    }

    @Test func `a last result that did not come to the disk is a dead letter`() throws {
        temporary.spool.settings.maxAttempts = 1
        let claim = try temporary.claim()
        try makeUnflushable(running / "out.1.part")
        #expect(try complete(claim) == "moved")
        #expect(try temporary.names("failed/a") == own)
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .failed)
        #expect(record.view.isDeadLetter)
        #expect(record.view.resultPath == nil)
        #expect(record.view.resultSeed == nil)
        #expect(record.view.progress == nil)
    }

    @Test func `an output that vanished after it was checked is computed again`() throws {
        #expect(try complete(try temporary.claim()) == "moved")
        #expect(try temporary.bundles() == ["queued/a"])
    }

    // MARK: Who may read it

    @Test(arguments: [0o600, 0o400, 0o000, 0o777] as [UInt32])
    func `a result is as readable as the rest of the bundle`(_ mode: UInt32) throws {
        let claim = try temporary.claim()
        try temporary.spool.root.setMode(of: running / "status.json", 0o640)
        try temporary.write(running / "out.1.part", Sample.png)
        try temporary.spool.root.setMode(of: running / "out.1.part", mode)
        let problem = try claim.checkOutput()
        #expect(problem == nil)
        #expect(try complete(claim) == "moved")
        let result = try #require(try temporary.record("done/a").view.resultPath)
        #expect(try temporary.status("done/a" / Path(result)).mode == 0o640)
    }

    @Test func `a link for an output is not followed`() throws {
        let claim = try temporary.claim()
        try temporary.write("precious", [1], mode: 0o600)
        try temporary.link(running / "out.1.part", to: "../../precious")
        let problem = try claim.checkOutput()
        #expect(problem == "The pipeline's output is not a file but a symbolic link.")
        #expect(try temporary.status("precious").mode == 0o600)
    }

    // MARK: The picture

    // A broken encoder was first found by verify.
    @Test func `an output with a wrong checksum is damaged`() throws {
        let claim = try temporary.claim()
        var png = Sample.png
        png[43] ^= 1
        try temporary.write(running / "out.1.part", png)
        let problem = try claim.checkOutput()
        #expect(
            problem == "The pipeline's output is damaged: "
                + "the checksum of its part at byte 33 is wrong.")
    }

    // MARK: What the pipeline left

    enum End: CaseIterable { case complete, fail, giveBack, retry, cancel }

    // It travelled to done/ and failed/, and barred the way of a retry.
    @Test(arguments: End.allCases)
    func `what the pipeline left beside its output goes`(_ end: End) throws {
        let claim = try temporary.claim()
        try temporary.write(running / "out.1.part", Sample.png)
        try temporary.write(running / "tmpabc.png", "half")
        try temporary.write(running / "status.0.tmp", "{")
        try temporary.makeDirectory(running / "cache")
        try temporary.makeDirectory(running / "cache/deep")
        try temporary.write(running / "cache/deep/file", "x")
        try temporary.write("precious", "x")
        try temporary.link(running / "link", to: "../../precious")
        let outcome =
            switch end {
            case .complete: try complete(claim)
            case .fail: words(of: claim.fail("No."))
            case .giveBack: words(of: claim.giveBack(counted: false))
            case .retry: words(of: claim.retry("No.", killedPipeline: false))
            case .cancel: words(of: claim.cancel())
            }
        #expect(outcome == "moved")
        let state =
            switch end {
            case .complete: "done"
            case .fail, .cancel: "failed"
            case .giveBack, .retry: "queued"
            }
        let bundle = Path("\(state)/a")
        let result = try temporary.record(bundle).view.resultPath
        #expect(try temporary.names(bundle) == (own + [result].compactMap { $0 }).sorted())
        #expect((result != nil) == (end == .complete))
        #expect(try temporary.text("precious") == "x")
    }
}
