import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R6: staging only goes forward, from whatever point a crash left it at.
@Suite struct StagingRecoveryTests {
    let temporary: TemporarySpool
    private let bundle = Path.hidden("staging/a")

    init() throws { temporary = try TemporarySpool() }

    private func recover() throws -> [(id: JobID, outcome: Staging.Outcome)] {
        try Staging(temporary.spool, orders: [Int64]()).recover()
    }

    /// What a crash leaves once `prepare` is over, with these members taken.
    private func stage(_ drop: Drop, taken: Int) throws {
        try temporary.makeDirectory(bundle)
        try temporary.write(bundle / "lease", "")
        try temporary.write(bundle / ".members", JSONText.encode(Membership(drop)))
        for member in drop.members.prefix(taken) {
            try temporary.spool.root.rename(member.source, to: bundle / member.name)
        }
    }

    /// What `compose` and `seal` would have written.
    private func writeRecord(_ drop: Drop) throws {
        let staged = StagedBundle(drop)
        let record = try Inspection(of: staged, in: temporary.spool)
            .record(of: drop, order: 77, retryAfterSeconds: 300)
        if let reason = record.view.reason {
            let file = Reason.File(reason, of: record.view)
            try temporary.write(bundle / "reason.json", JSONText.encode(file))
        }
        try temporary.spool.write(record, in: bundle)
    }

    // MARK: Nothing was taken

    @Test(arguments: [[], ["lease"], ["lease", ".members"]])
    func `without a readable intention or a file of the station a bundle is removed`(
        _ files: [Path]
    ) throws {
        _ = try temporary.pair("a")
        try temporary.makeDirectory(bundle)
        for file in files { try temporary.write(bundle / file, file == "lease" ? "" : "{\"mem") }
        let outcomes = try recover()
        guard case .discarded = outcomes.first?.outcome, outcomes.first?.id.text == "a" else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(try temporary.bundles() == [])
        #expect(try temporary.names(.incoming) == ["a.json", "a.png"])
        #expect(try recover().isEmpty)
    }

    // It blocked its name for ever: every later drop of it was put off again and again.
    @Test(arguments: [false, true])
    func `a station's file beside a damaged intention is refused with an answer`(
        _ isDirectory: Bool
    ) throws {
        try temporary.makeDirectory(bundle)
        try temporary.write(bundle / "lease", "")
        if isDirectory {
            try temporary.makeDirectory(bundle / ".members")
        } else {
            try temporary.write(bundle / ".members", "{\"mem")
        }
        try temporary.write(bundle / "a.png", Sample.png)
        guard case .refused(let record)? = try recover().first?.outcome else {
            Issue.record("not refused")
            return
        }
        #expect(record.view.reason?.refusal.code == .incompleteBundle)
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.read("rejected/a/a.png") == Sample.png)
        #expect(
            try temporary.names("rejected/a") == ["a.png", "lease", "reason.json", "status.json"])
        #expect(try recover().isEmpty)
    }

    @Test func `what is no bundle is moved aside with a word why`() throws {
        try temporary.write(bundle, "x")
        guard case .discarded? = try recover().first?.outcome else {
            Issue.record("not discarded")
            return
        }
        #expect(try temporary.bundles() == [])
        let place = Path.hidden("aside") / Path(try #require(temporary.names(".spool/aside").first))
        #expect(try temporary.text(place / "a") == "x")
        #expect(
            try temporary.text(place / "why.txt")
                == "'.spool/staging/a' is no drop that was being taken.\n")
    }

    @Test func `a bundle that cannot be read holds no other up`() throws {
        try stage(try temporary.pair("a"), taken: 1)
        for name in ["b", "c"] {
            // A link that leads to itself in place of the record: nothing tells what it was.
            let other = Path.hidden("staging/\(name)")
            try temporary.makeDirectory(other)
            try temporary.link(other / "status.json", to: "status.json")
            try temporary.link(other / ".members", to: ".members")
        }
        _ = try recover()
        #expect(try temporary.bundles() == ["queued/a", "rejected/b", "rejected/c"])
    }

    /// R12: a name that stands in `queued/`, and of which nobody told.
    @Test func `a drop whose name something else has in the queue takes the next one`() throws {
        try stage(try temporary.pair("a"), taken: 2)
        try temporary.makeDirectory("queued/a")
        try temporary.write("queued/a/x", "x")
        guard case .admitted(let record)? = try recover().first?.outcome else {
            Issue.record("not admitted")
            return
        }
        #expect(record.view.id.text == "a~2")
        #expect(try temporary.bundles() == ["queued/a", "queued/a~2"])
        #expect(try temporary.names("queued/a") == ["x"])
    }

    // MARK: Forward

    enum Crash: CaseIterable {
        case intended, firstTaken, allTaken, copyLeft, recordHalf, recorded, sealed
    }

    @Test(arguments: Crash.allCases, [nil, Refusal(.invalidRequest, "wrong")])
    func `a drop goes forward from wherever the crash left it`(
        _ crash: Crash, _ refusal: Refusal?
    ) throws {
        let drop = try temporary.pair("a", refusal: refusal)
        try stage(drop, taken: crash == .intended ? 0 : crash == .firstTaken ? 1 : 2)
        switch crash {
        case .intended, .firstTaken, .allTaken: break
        case .copyLeft:
            // The member was replaced by a copy, which is another file.
            try temporary.rename(into: bundle / "a.png", Sample.png)
        case .recordHalf:
            try temporary.write(bundle / "status.0.tmp", "{\"job")
            try temporary.write(bundle / "reason.json", "{")
            if refusal == nil { try temporary.spool.root.remove(bundle / "reason.json") }
        case .recorded: try writeRecord(drop)
        case .sealed:
            try writeRecord(drop)
            try temporary.spool.root.remove(bundle / ".members")
        }

        let state = refusal == nil ? "queued" : "rejected"
        let outcomes = try recover()
        #expect(outcomes.map(\.id.text) == ["a"])
        #expect(try temporary.bundles() == ["\(state)/a"])
        #expect(try temporary.names(.incoming) == [])
        let reason = refusal == nil ? [] : ["reason.json"]
        #expect(
            try temporary.names("\(state)/a")
                == ["a.png", "lease"] + reason + ["request.json", "status.json"])
        let record = try temporary.record("\(state)/a")
        #expect(record.view.reason?.refusal == refusal)
        #expect(record.view.sha256 == SHA256.hex(of: Sample.png))
        if refusal == nil {
            #expect(try temporary.status("queued/a").modified == record.orderNanoseconds)
        }
        #expect(try recover().isEmpty)
        #expect(try temporary.bundles() == ["\(state)/a"])
    }

    @Test func `a bundle that only has to be published keeps its record`() throws {
        let drop = try temporary.pair("a")
        try stage(drop, taken: 2)
        try writeRecord(drop)
        try temporary.spool.root.remove(bundle / ".members")
        let before = try temporary.read(bundle / "status.json")
        _ = try recover()
        #expect(try temporary.read("queued/a/status.json") == before)
        #expect(try temporary.status("queued/a").modified == 77)
    }

    // MARK: Members that are not there

    @Test(arguments: [0, 1], [0, 1])
    func `a member that is gone makes the drop incomplete`(_ taken: Int, _ gone: Int) throws {
        let drop = try temporary.pair("a")
        try stage(drop, taken: taken)
        let member = drop.members[gone]
        try temporary.spool.root.remove(gone < taken ? bundle / member.name : member.source)
        _ = try recover()
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.names(.incoming) == [])
        let reason = try #require(try temporary.record("rejected/a").view.reason)
        #expect(reason.refusal.code == .incompleteBundle)
        #expect(reason.refusal.detail.hasPrefix("'\(member.source.lastComponent)' was removed"))
        #expect(try recover().isEmpty)
    }

    // The sender dropped the same name again after the crash: that is another drop.
    @Test func `a member that is another file by now is not taken`() throws {
        let drop = try temporary.pair("a")
        try stage(drop, taken: 1)
        try temporary.rename(into: .incoming / "a.png", Sample.png)
        _ = try recover()
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.names(.incoming) == ["a.png"])
        #expect(
            try temporary.record("rejected/a").view.reason?.refusal.code == .incompleteBundle)
    }

    // A disk may get another device number when the machine starts again.
    @Test func `members are found again under another device number`() throws {
        let found = try temporary.pair("a")
        let members = found.members.map { member in
            let inode = member.identity.inode
            return Drop.Member(
                source: member.source, name: member.name,
                identity: FileIdentity(device: 4711, inode: inode), role: member.role)
        }
        try stage(
            Drop(
                id: found.id, station: nil, droppedAs: found.droppedAs,
                createdAt: found.createdAt, folder: nil, members: members, refusal: nil), taken: 1)
        _ = try recover()
        #expect(try temporary.bundles() == ["queued/a"])
    }

    @Test func `a folder that became a link is not followed`() throws {
        try temporary.makeDirectory(.incoming / "a")
        try temporary.write(.incoming / "a/a.json", #"{"instruction":"blur"}"#)
        try temporary.write(.incoming / "a/a.png", Sample.png)
        let drop = try temporary.drop(
            "a",
            [
                (.incoming / "a/a.json", "request.json", .request),
                (.incoming / "a/a.png", "a.png", .image),
            ], folder: .incoming / "a")
        try stage(drop, taken: 0)
        try temporary.spool.root.rename(.incoming / "a", to: "elsewhere")
        try temporary.link(.incoming / "a", to: "../elsewhere")
        _ = try recover()
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.names("elsewhere") == ["a.json", "a.png"])
    }

    // A box that is empty may be removed: `station remove` after the crash.
    @Test func `a drop box that is gone since does not hold staging up`() throws {
        try temporary.makeDirectory(.incoming / "kiosk")
        try temporary.write(.incoming / "kiosk/a.json", #"{"instruction":"blur"}"#)
        try temporary.write(.incoming / "kiosk/a.png", Sample.png)
        let drop = try temporary.drop(
            "a",
            [
                (.incoming / "kiosk/a.json", "request.json", .request),
                (.incoming / "kiosk/a.png", "a.png", .image),
            ])
        try stage(drop, taken: 2)
        try temporary.spool.root.removeDirectory(.incoming / "kiosk")
        _ = try recover()
        #expect(try temporary.bundles() == ["queued/a"])
    }

    // The window between the look at the file and its rename.
    @Test(arguments: ["request.json", "a.png"])
    func `a member that became a link is refused and does not stick`(_ name: Path) throws {
        let drop = try temporary.pair("a")
        try stage(drop, taken: 2)
        try temporary.spool.root.remove(bundle / name)
        try temporary.link(bundle / name, to: "/etc/passwd")
        _ = try recover()
        #expect(try temporary.bundles() == ["rejected/a"])
        #expect(try temporary.record("rejected/a").view.sha256 != nil || name == "a.png")
    }

    // MARK: Counting

    @Test func `what is pending counts unless it will be refused`() throws {
        let staging = try Staging(temporary.spool, orders: [Int64]())
        #expect(try staging.pending().isEmpty)
        try stage(try temporary.pair("a"), taken: 1)
        #expect(try staging.pending().map(\.counts) == [true])
        try temporary.spool.root.removeTree(bundle)
        let refused = try temporary.pair("b", refusal: Refusal(.invalidRequest, "wrong"))
        try stage(refused, taken: 0)
        #expect(try staging.pending().map(\.counts) == [false])
        try temporary.spool.root.rename(.incoming / "b.json", to: bundle / "request.json")
        try temporary.spool.root.rename(.incoming / "b.png", to: bundle / "b.png")
        try writeRecord(refused)
        try temporary.spool.root.remove(bundle / ".members")
        #expect(try staging.pending().map(\.counts) == [false])
    }
}
