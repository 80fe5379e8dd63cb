import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct RetentionTests {
    let temporary: TemporarySpool
    /// When the bundles of these tests ended.
    private let ended = Timestamp(nanoseconds: 1_705_314_600_000_000_000)

    init() throws {
        temporary = try TemporarySpool {
            $0.resultTTL = .seconds(100)
            $0.failedTTL = .seconds(200)
            $0.rejectedTTL = .seconds(300)
        }
    }

    /// A bundle that ended then, by its record and by its mtime.
    private func finish(
        _ name: String, _ state: JobState, bytes: Int = 10, after: Duration = .zero,
        modifiedAfter: Duration? = nil
    ) throws {
        let bundle = Path("\(state.rawValue)/\(name)")
        let statuses: [JobState: JobStatus] = [
            .done: .completed, .failed: .failed, .rejected: .rejected,
        ]
        var view = JobView(id: try JobID(name), status: try #require(statuses[state]))
        view.completedAt = ended.advanced(by: after)
        try temporary.makeDirectory(bundle)
        try temporary.write(bundle / "lease", "")
        try temporary.write(bundle / "image.png", Array(repeating: 7, count: bytes))
        let record = JobRecord(view: view, image: nil, orderNanoseconds: 1)
        try temporary.write(bundle / "status.json", JSONText.encode(record))
        try temporary.spool.root.directory(bundle).setModified(
            ended.advanced(by: modifiedAfter ?? after).nanoseconds)
    }

    private func sweep(after seconds: Int) throws -> Retention.Sweep {
        try Retention(temporary.spool).sweep(asOf: ended.advanced(by: .seconds(seconds)))
    }

    private func removed(_ sweep: Retention.Sweep) -> [String] {
        sweep.removed.map { "\($0.state.rawValue)/\($0.id)" }.sorted()
    }

    private var trash: [String] { get throws { try temporary.names(.hidden("trash")) } }

    private var counts: [Int] {
        get throws {
            let totals = try temporary.spool.totals()
            return [totals.completed, totals.failed, totals.rejected]
        }
    }

    // MARK: Time

    // A directory in place of a record stopped cleanup for everyone.
    @Test func `what cannot be read in the trash or beside it stops no sweep`() throws {
        try temporary.makeDirectory(".spool/trash/x.1.1")
        try temporary.makeDirectory(".spool/trash/x.1.1/status.json")
        try temporary.write("done/file", "x")
        try finish("a", .done)
        #expect(removed(try sweep(after: 100)) == ["done/a"])
        #expect(try trash == [])
    }

    // The whole spool was swept every five seconds for it.
    @Test func `a bundle without a lease is looked at again in a minute`() throws {
        try finish("a", .done)
        try temporary.spool.root.remove("done/a/lease")
        let next = try #require(try sweep(after: 100).nextExpiry)
        #expect(next >= ended.advanced(by: .seconds(160)))
    }

    @Test(arguments: [
        (99, [], 100), (100, ["done/d"], 200), (199, ["done/d"], 200),
        (200, ["done/d", "failed/f"], 300), (300, ["done/d", "failed/f", "rejected/r"], nil),
    ])
    func `each state has its time to live`(_ seconds: Int, _ gone: [String], _ next: Int?) throws {
        try finish("d", .done)
        try finish("f", .failed)
        try finish("r", .rejected)
        let sweep = try sweep(after: seconds)
        #expect(removed(sweep) == gone)
        #expect(sweep.nextExpiry == next.map { ended.advanced(by: .seconds($0)) })
        #expect(try temporary.bundles().count == 3 - gone.count)
        #expect(try trash == [])
        #expect(try counts.reduce(0, +) == gone.count)
        #expect(gone.isEmpty == (sweep.freedBytes == 0))
    }

    @Test func `what is queued or running is never removed`() throws {
        try temporary.admit("a", "b")
        try temporary.spool.root.rename("queued/b", to: "running/b@1")
        let far = Timestamp(nanoseconds: .max)
        #expect(removed(try Retention(temporary.spool).sweep(asOf: far)) == [])
        #expect(try temporary.bundles() == ["queued/a", "running/b@1"])
    }

    // Somebody copied the spool, or a client made a file in the bundle.
    @Test func `the record decides, not the mtime`() throws {
        try finish("young", .done, after: .seconds(50), modifiedAfter: .zero)
        #expect(removed(try sweep(after: 100)) == [])
        #expect(try temporary.bundles() == ["done/young"])
        #expect(removed(try sweep(after: 150)) == ["done/young"])
    }

    @Test func `a bundle without a readable record goes by its mtime`() throws {
        try finish("a", .failed)
        try temporary.spool.root.remove("failed/a/status.json")
        #expect(removed(try sweep(after: 200)) == [])
        try temporary.spool.root.directory("failed/a").setModified(ended.nanoseconds)
        #expect(removed(try sweep(after: 200)) == ["failed/a"])
    }

    @Test func `a bundle whose lease is held stays`() throws {
        try finish("a", .done)
        try finish("b", .done)
        guard case .held(let lease) = try temporary.spool.lease("done/a") else {
            Issue.record("not held")
            return
        }
        #expect(removed(try sweep(after: 100)) == ["done/b"])
        #expect(try temporary.spool.holds(lease, of: "done/a"))
        #expect(try counts == [1, 0, 0])
    }

    // R9: it is to run again.
    @Test func `a job for which a retry is ordered stays`() throws {
        try finish("a", .failed)
        try finish("b", .rejected)
        try temporary.write(".spool/retry/a", "")
        try temporary.write(".spool/retry/b", "")
        temporary.spool.settings.maxRejectedBytes = 0
        #expect(removed(try sweep(after: 1000)) == [])
        #expect(try temporary.bundles() == ["failed/a", "rejected/b"])
        try temporary.spool.root.remove(".spool/retry/a")
        try temporary.spool.root.remove(".spool/retry/b")
        #expect(removed(try sweep(after: 1000)) == ["failed/a", "rejected/b"])
    }

    @Test func `the retries of what goes are counted`() throws {
        for (name, retries) in [("a", 2), ("b", 3)] {
            try finish(name, .failed)
            try temporary.change("failed/\(name)") { $0.retries = retries }
        }
        _ = try sweep(after: 200)
        #expect(try temporary.spool.totals().retries == 5)
        #expect(try counts == [0, 2, 0])
        _ = try sweep(after: 200)
        #expect(try temporary.spool.totals().retries == 5)
    }

    // MARK: Bytes

    @Test func `the oldest refused drops go above the bytes that are allowed`() throws {
        temporary.spool.settings.maxRejectedBytes = 1_100_000
        for (index, name) in ["c", "a", "b"].enumerated() {
            try finish(name, .rejected, bytes: 500_000, after: .seconds(index))
        }
        try finish("d", .done, bytes: 500_000)
        let sweep = try sweep(after: 10)
        #expect(removed(sweep) == ["rejected/c"])
        #expect(sweep.freedBytes >= 500_000)
        #expect(try temporary.bundles() == ["done/d", "rejected/a", "rejected/b"])
        #expect(try counts == [0, 0, 1])
        temporary.spool.settings.maxRejectedBytes = 0
        #expect(removed(try self.sweep(after: 10)) == ["rejected/a", "rejected/b"])
    }

    // MARK: Links

    @Test func `a link in a bundle is removed and not followed`() throws {
        try temporary.makeDirectory("elsewhere")
        try temporary.write("elsewhere/photo", "precious")
        try finish("a", .done)
        try temporary.link("done/a/link", to: "../../elsewhere")
        try temporary.makeDirectory("done/a/deep")
        try temporary.link("done/a/deep/file", to: "\(temporary.spool.path / "elsewhere/photo")")
        try temporary.spool.root.directory("done/a").setModified(ended.nanoseconds)
        #expect(removed(try sweep(after: 100)) == ["done/a"])
        #expect(try temporary.names("elsewhere") == ["photo"])
    }

    @Test func `a link among the bundles is no bundle`() throws {
        try temporary.makeDirectory("elsewhere")
        try temporary.link("done/a", to: "../elsewhere")
        let far = Timestamp(nanoseconds: .max)
        #expect(removed(try Retention(temporary.spool).sweep(asOf: far)) == [])
        #expect(try temporary.bundles() == ["done/a"])
    }

    // MARK: Crashes (R14)

    @Test(arguments: [JobState.done, .failed, .rejected])
    func `a crash before the totals were written: the next sweep counts`(_ state: JobState) throws {
        try finish("a", state)
        try temporary.spool.root.rename("\(state.rawValue)/a", to: ".spool/trash/a.1.2")
        for _ in 1...2 {
            #expect(removed(try sweep(after: 0)) == [])
            #expect(try counts == JobState.finished.map { $0 == state ? 1 : 0 })
            #expect(try trash == [])
        }
    }

    @Test func `a crash after the totals were written: nothing is counted twice`() throws {
        try finish("a", .done)
        try finish("b", .done)
        for name in ["a", "b"] {
            try temporary.spool.root.rename("done/\(name)", to: ".spool/trash/\(name).1.2")
        }
        // As cleanup leaves it between the totals and the second bundle.
        let counted = Hexadecimal.text(of: "a.1.2".utf8)
        try temporary.write(
            ".spool/totals",
            #"{"completed":7,"failed":1,"rejected":2,"counted":["\#(counted)"]}"#)
        #expect(try temporary.spool.totals().retries == 0, "of before there were retries")
        _ = try sweep(after: 0)
        #expect(try trash == [])
        #expect(try counts == [8, 1, 2])
    }

    @Test(.enabled(if: Host.user == 0, "needs chattr"))
    func `what cannot be unlinked is counted once`() throws {
        try finish("a", .done)
        let file = temporary.spool.path / ".spool/trash/a.1.2/image.png"
        try temporary.spool.root.rename("done/a", to: ".spool/trash/a.1.2")
        try chattr("+i", file)
        defer { try? chattr("-i", file) }
        for name in ["b", "c", "d"] {
            try finish(name, .done)
            _ = try sweep(after: 100)
        }
        #expect(try trash == ["a.1.2"])
        #expect(try counts == [4, 0, 0])
    }

    private func chattr(_ flag: Path, _ file: Path) throws {
        let result = try Command.run("/usr/bin/chattr", [flag, file], timeout: .seconds(20))
        try #require(result.exit == .status(0))
    }

    @Test func `damaged totals are counted anew, and said so`() throws {
        try temporary.write(".spool/totals", "{")
        #expect(try counts == [0, 0, 0])
    }
}
