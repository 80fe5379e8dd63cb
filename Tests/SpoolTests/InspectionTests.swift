import Linux
import SpoolFormat
import Testing

@testable import Spool

/// The second look, once the files are out of their sender's reach.
@Suite struct InspectionTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    private func take(_ drop: Drop) throws -> Staging.Outcome {
        try #require(try Staging(temporary.spool, orders: [Int64]()).take([drop]).first)
    }

    @Test(arguments: ["a.json", "a.png"])
    func `a hard-linked file is replaced by a copy of ours`(_ name: Path) throws {
        let drop = try temporary.pair("a")
        try temporary.hardLink("theirs", to: .incoming / name)
        _ = try take(drop)
        let kept: Path = name == "a.json" ? "request.json" : name
        let (ours, theirs) = try (
            temporary.status("queued/a" / kept), temporary.status("theirs")
        )
        #expect(ours.identity != theirs.identity)
        #expect(ours.links == 1)
        #expect(ours.mode == 0o644)
        let before = try temporary.read("queued/a" / kept)
        try temporary.append("theirs", "late")
        #expect(try temporary.read("queued/a" / kept) == before)
        #expect(
            try temporary.names("queued/a") == ["a.png", "lease", "request.json", "status.json"])
    }

    @Test(.enabled(if: Host.user == 0, "chown needs root"), arguments: ["a.json", "a.png"])
    func `another user's file is replaced by a copy of ours`(_ name: Path) throws {
        let drop = try temporary.pair("a")
        try temporary.giveAway(.incoming / name, to: 4242)
        _ = try take(drop)
        #expect(try temporary.bundles() == ["queued/a"])
        let kept: Path = name == "a.json" ? "request.json" : name
        let status = try temporary.status("queued/a" / kept)
        #expect(status.owner == Host.user)
        #expect(status.mode == 0o644)
    }

    @Test func `whoever still has the image open cannot change what is edited`() throws {
        let drop = try temporary.pair("a")
        let writer = try temporary.spool.root.openOrCreate(.incoming / "a.png", mode: 0o644)
        _ = try take(drop)
        try writer.write([1, 2, 3])
        try writer.truncate(to: 3)
        #expect(try temporary.read("queued/a/a.png") == Sample.png)
        let record = try temporary.record("queued/a")
        #expect(record.view.sha256 == SHA256.hex(of: Sample.png))
    }

    @Test func `a file of ours that nobody has open is taken as it is`() throws {
        let drop = try temporary.pair("a")
        let before = try temporary.status(.incoming / "a.png").identity
        _ = try take(drop)
        #expect(try temporary.status("queued/a/a.png").identity == before)
    }

    // The copy's temporary name must not be one that a station may use.
    @Test(arguments: ["request.json.copy", "request.json.tmp2", "a.png.copy"])
    func `making a copy removes no other member`(_ image: Path) throws {
        try temporary.write(.incoming / "a.json", #"{"instruction":"blur","image":"\#(image)"}"#)
        try temporary.write(.incoming / image, Sample.png)
        try temporary.hardLink("theirs", to: .incoming / "a.json")
        let drop = try temporary.drop(
            "a",
            [
                (.incoming / "a.json", "request.json", .request),
                (.incoming / image, image, .image),
            ])
        _ = try take(drop)
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(try temporary.read("queued/a" / image) == Sample.png)
        #expect(try temporary.record("queued/a").image == image.description)
    }

    /// What was judged at the door may be something else when it was taken.
    @Test(arguments: [
        (#"{"instruction":"blur"}"#, Array("GIF89a".utf8), RefusalCode.invalidImage),
        (#"{"instruction":"blur"}"#, Array(Sample.png.dropLast(12)), .incompleteBundle),
        (#"{"instruction":"blur""#, Sample.png, .invalidRequest),
        (#"{"instruction":7}"#, Sample.png, .invalidRequest),
        (
            #"{"instruction":"blur","sha256":"\#(String(repeating: "0", count: 64))"}"#, Sample.png,
            .invalidImage
        ),
    ])
    func `what is wrong at the second look is refused`(
        _ json: String, _ image: [UInt8], _ code: RefusalCode
    ) throws {
        _ = try take(try temporary.pair("a", json: json, image: image))
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.record("rejected/a").view.reason?.refusal.code == code)
        #expect(try temporary.read("rejected/a/a.png") == image)
        #expect(try temporary.text("rejected/a/request.json") == json)
    }
}
