import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct StagingTests {
    let temporary: TemporarySpool
    let staging: Staging

    init() throws {
        temporary = try TemporarySpool()
        staging = try Staging(temporary.spool, orders: [Int64]())
    }

    @Test func `an admitted drop stands in queued with its files, its record and its stamp`()
        throws
    {
        let json =
            "{ \"instruction\":\t\"make it sepia\", \"seed\": 7, \"metadata\": {\"k\": [1]} }\n"
        let photo = try Sample.photo("rocket.jpg")
        try temporary.write(.incoming / "beach.json", Array(json.utf8), mode: 0o600)
        try temporary.write(.incoming / "beach.jpg", photo, mode: 0o640)
        let drop = try temporary.drop(
            "beach",
            [
                (.incoming / "beach.json", "request.json", .request),
                (.incoming / "beach.jpg", "beach.jpg", .image),
            ])
        let outcome = try #require(staging.take([drop]).first)
        guard case .admitted(let told) = outcome else {
            Issue.record("not admitted: \(outcome)")
            return
        }

        #expect(try temporary.bundles() == ["queued/beach"])
        #expect(try temporary.names(.incoming) == [])
        let bundle = Path("queued/beach")
        #expect(
            try temporary.names(bundle) == ["beach.jpg", "lease", "request.json", "status.json"])
        let modes = try ["beach.jpg", "request.json", "status.json", "lease"].map {
            try temporary.status(bundle / Path($0)).mode
        }
        #expect(modes == [0o644, 0o644, 0o644, 0o600])
        #expect(try temporary.text(bundle / "request.json") == json)
        #expect(try temporary.read(bundle / "beach.jpg") == photo)

        let record = try temporary.record(bundle)
        #expect(record.view.id.text == "beach")
        #expect(record.view.status == .queued)
        #expect(record.view.instruction == "make it sepia")
        #expect(record.view.droppedAs == "beach")
        #expect(record.view.createdAt == drop.createdAt)
        #expect(record.view.sha256 == SHA256.hex(of: photo))
        #expect(record.view.metadata == .object(["k": .array([.int(1)])]))
        #expect(record.view.attempts == 0)
        #expect(record.image == "beach.jpg")
        #expect(record.seed == 7)
        #expect(record.dueNanoseconds == 0)
        #expect(record.claims == 0)
        #expect(record.orderNanoseconds == told.orderNanoseconds)
        #expect(try temporary.status(bundle).modified == record.orderNanoseconds)
    }

    @Test func `jobs that are taken together get strictly increasing stamps in their order`()
        throws
    {
        let names = ["c", "a", "b"]
        let drops = try names.map { try temporary.pair($0) }
        _ = staging.take(drops)
        let orders = try names.map { try temporary.record("queued/\($0)").orderNanoseconds }
        #expect(orders == orders.sorted())
        #expect(Set(orders).count == 3)
        let stamp = try temporary.text(.hidden("stamp"))
        #expect(stamp == "\(try #require(orders.last))\n")
    }

    @Test func `a job for later has its due time as its mtime and its order in the record`() throws
    {
        let due = Timestamp.now.advanced(by: .seconds(3600)).rfc3339
        try temporary.admit("later", json: #"{"instruction":"blur","not_before":"\#(due)"}"#)
        let record = try temporary.record("queued/later")
        #expect(record.view.notBefore?.rfc3339 == due)
        #expect(record.dueNanoseconds > record.orderNanoseconds)
        #expect(try temporary.status("queued/later").modified == record.dueNanoseconds)
    }

    @Test func `a time that has passed makes nothing wait`() throws {
        try temporary.admit(
            "now", json: #"{"instruction":"blur","not_before":"2024-01-15T10:30:00Z"}"#)
        let record = try temporary.record("queued/now")
        #expect(record.dueNanoseconds == 0)
        #expect(try temporary.status("queued/now").modified == record.orderNanoseconds)
    }

    @Test func `a refused drop stands in rejected with its files and its reason`() throws {
        let refusal = Refusal(.invalidRequest, "Unknown field 'x'.")
        let drop = try temporary.pair("bad", json: #"{"x":1}"#, refusal: refusal)
        let outcome = try #require(staging.take([drop]).first)
        guard case .refused = outcome else {
            Issue.record("not refused: \(outcome)")
            return
        }
        #expect(try temporary.bundles() == ["rejected/bad"])
        let bundle = Path("rejected/bad")
        #expect(
            try temporary.names(bundle)
                == ["bad.png", "lease", "reason.json", "request.json", "status.json"])
        let record = try temporary.record(bundle)
        #expect(record.view.status == .rejected)
        #expect(record.view.error == "Unknown field 'x'.")
        let reason = try #require(record.view.reason)
        #expect(reason.refusal == refusal)
        #expect(reason.retryAfterSeconds == nil)
        #expect(record.view.completedAt == reason.rejectedAt)
        let ended = Timestamp(nanoseconds: try temporary.status(bundle).modified)
        #expect(ended.rfc3339 == reason.rejectedAt.rfc3339)
        let file = try temporary.text(bundle / "reason.json")
        for line in [
            #""code" : "invalid_request""#, #""detail" : "Unknown field 'x'.""#,
            #""dropped_as" : "bad""#, #""http_status" : 400"#, #""job_id" : "bad""#,
            #""retry_after_seconds" : null"#, #""status" : "rejected""#,
        ] { #expect(file.contains(line), "\(file)") }
    }

    @Test func `a refusal that passes says when to come back`() throws {
        staging.retryAfterSeconds = { 42 }
        let drop = try temporary.pair("full", refusal: .queueFull(maximum: 10))
        _ = staging.take([drop])
        let reason = try #require(try temporary.record("rejected/full").view.reason)
        #expect(reason.retryAfterSeconds == 42)
        #expect(reason.retryAt == reason.rejectedAt.advanced(by: .seconds(42)))
    }

    @Test func `a folder is removed with its files, and stays when something else is in it`() throws
    {
        for name in ["plain", "junk"] {
            try temporary.makeDirectory(.incoming / "\(name)")
            try temporary.write(.incoming / "\(name)/a.json", #"{"instruction":"blur"}"#)
            try temporary.write(.incoming / "\(name)/a.png", Sample.png)
        }
        try temporary.write(.incoming / "junk/Thumbs.db", "x")
        let drops = try ["plain", "junk"].map { name in
            try temporary.drop(
                name,
                [
                    (.incoming / "\(name)/a.json", "request.json", .request),
                    (.incoming / "\(name)/a.png", "a.png", .image),
                ], folder: .incoming / "\(name)")
        }
        _ = staging.take(drops)
        #expect(try temporary.bundles() == ["queued/junk", "queued/plain"])
        #expect(try temporary.names(.incoming) == ["junk"])
        #expect(try temporary.names(.incoming / "junk") == ["Thumbs.db"])
    }

    // R12: a name that is taken is a bug or a foreign hand; nothing is overwritten.
    @Test func `a bundle that stands in queued is never overwritten`() throws {
        try temporary.makeDirectory("queued/a")
        try temporary.write("queued/a/theirs", "x")
        let drops = [try temporary.pair("a"), try temporary.pair("b")]
        let outcomes = staging.take(drops)
        guard case .admitted(let record) = outcomes.first, case .admitted = outcomes.last else {
            Issue.record("\(outcomes)")
            return
        }
        // It takes the next name: it would block its own for ever.
        #expect(record.view.id.text == "a~2")
        #expect(try temporary.bundles() == ["queued/a", "queued/a~2", "queued/b"])
        #expect(try temporary.names("queued/a") == ["theirs"])
        #expect(
            try temporary.names("queued/a~2") == ["a.png", "lease", "request.json", "status.json"])
    }

    @Test func `a drop whose staging cannot be made is left where it stood`() throws {
        let drop = try temporary.pair("a")
        try temporary.spool.root.removeDirectory(.hidden("staging"))
        let outcome = try #require(staging.take([drop]).first)
        guard case .left(let error) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(error.call == "mkdir")
        #expect(try temporary.names(.incoming) == ["a.json", "a.png"])
    }

    @Test(.enabled(if: Host.user == 0, "needs chattr"))
    func `a drop that the kernel does not let go is left where it stood`() throws {
        let drops = [try temporary.pair("a"), try temporary.pair("b")]
        let box = temporary.spool.path / "incoming"
        try run("/usr/bin/chattr", "+i", box / "a.json")
        defer { try? run("/usr/bin/chattr", "-i", box / "a.json") }
        let outcomes = staging.take(drops)
        guard case .left(let error) = outcomes.first, case .admitted = outcomes.last else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(error.isPermission)
        #expect(try temporary.bundles() == ["queued/b"])
        #expect(try temporary.names(.incoming) == ["a.json", "a.png"])
    }

    // There is no way back once the first file was taken: the sender is answered.
    @Test(.enabled(if: Host.user == 0, "needs chattr"))
    func `a drop of which only one file can be moved is refused`() throws {
        let drop = try temporary.pair("a")
        let image = temporary.spool.path / "incoming/a.png"
        try run("/usr/bin/chattr", "+i", image)
        defer { try? run("/usr/bin/chattr", "-i", image) }
        _ = staging.take([drop])
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.names(.incoming) == ["a.png"])
        let reason = try #require(try temporary.record("rejected/a").view.reason)
        #expect(reason.refusal.detail.contains("'a.png'"))
    }

    private func run(_ program: Path, _ arguments: Path...) throws {
        let result = try Command.run(program, arguments, timeout: .seconds(20))
        try #require(
            result.exit == .status(0), "\(String(decoding: result.output, as: UTF8.self))")
    }
}
