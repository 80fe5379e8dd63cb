import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R6: the rows of a batch are built, then it is said that they are, then they are admitted.
@Suite struct ExpansionTests {
    let temporary: TemporarySpool
    private let staged = Path.hidden("staging/a.csv")

    init() throws { temporary = try TemporarySpool() }

    /// A batch of three rows and two images that stands in `incoming/`.
    private func drop(
        _ list: String = "image,instruction,seed\nx.png,blur,7\ny.png,sepia,\nx.png,sharpen,\n",
        refusal: Refusal? = nil
    ) throws -> Drop {
        try temporary.write("incoming/a.csv", list)
        try temporary.write("incoming/x.png", Sample.png)
        try temporary.write("incoming/y.png", Sample.png + [0])
        var drop = try temporary.drop(
            "a.csv",
            [
                ("incoming/a.csv", "batch.csv", .list), ("incoming/x.png", "x.png", .image),
                ("incoming/y.png", "y.png", .image),
            ], refusal: refusal)
        drop.rows = refusal == nil ? try ["a-0001", "a-0002", "a-0003"].map { try JobID($0) } : []
        return drop
    }

    private let rows = ["queued/a-0001", "queued/a-0002", "queued/a-0003"]

    private func take(_ drop: Drop) throws -> Staging.Outcome? {
        try Staging(temporary.spool, orders: [Int64]()).take([drop]).first
    }

    private func recover() throws -> [(id: JobID, outcome: Staging.Outcome)] {
        try Staging(temporary.spool, orders: [Int64]()).recover()
    }

    /// What a crash leaves once the members are taken.
    private func stage(_ drop: Drop, taken: Int = 3) throws {
        try temporary.makeDirectory(staged)
        try temporary.write(staged / "lease", "")
        try temporary.write(staged / ".members", JSONText.encode(Membership(drop)))
        for member in drop.members.prefix(taken) {
            try temporary.spool.root.rename(member.source, to: staged / member.name)
        }
    }

    private func expectRows() throws {
        #expect(try temporary.bundles() == rows)
        #expect(try temporary.names(.hidden("tmp")) == [])
        #expect(try temporary.names("incoming") == [])
        var last: Int64 = 0
        for (path, instruction) in zip(rows, ["blur", "sepia", "sharpen"]) {
            let record = try temporary.record(Path(path))
            #expect(record.view.instruction == instruction)
            #expect(record.view.batch == "a.csv")
            #expect(record.view.droppedAs == "a.csv")
            #expect(record.batchSize == 3)
            #expect(record.batchOrder == (try temporary.record("queued/a-0001")).orderNanoseconds)
            #expect(record.orderNanoseconds > last)
            #expect(try temporary.status(Path(path)).modified == record.orderNanoseconds)
            last = record.orderNanoseconds
            let image = try #require(record.image)
            #expect(try temporary.status(Path(path) / Path(image)).links == 1)
            #expect(
                SHA256.hex(of: try temporary.read(Path(path) / Path(image))) == record.view.sha256)
            #expect(
                try temporary.names(Path(path)) == ["lease", "request.json", "status.json", image])
        }
    }

    @Test func `each row becomes a job with a copy of its image`() throws {
        guard case .expanded(let records, _)? = try take(drop()) else {
            Issue.record("not expanded")
            return
        }
        #expect(records.map(\.view.id.text) == ["a-0001", "a-0002", "a-0003"])
        try expectRows()
        let first = try temporary.record("queued/a-0001")
        #expect(first.seed == 7)
        #expect(first.image == "x.png")
        let request = try Request(
            parsing: try temporary.read("queued/a-0001/request.json"), maximumInstruction: 500,
            now: .now)
        #expect(request.instruction == "blur")
        #expect(request.seed == 7)
        #expect(try temporary.isFree("queued/a-0001"))
        let finding = try Verification(temporary.spool).run().findings.first {
            $0.severity == .error
        }
        #expect(finding == nil)
    }

    @Test func `a refused batch is one bundle with all its files`() throws {
        let refusal = Refusal(.invalidRequest, "Line 2: no")
        guard case .refused(let record)? = try take(drop(refusal: refusal)) else {
            Issue.record("not refused")
            return
        }
        #expect(record.view.reason?.refusal == refusal)
        #expect(record.image == nil)
        #expect(try temporary.bundles() == ["rejected/a.csv"])
        #expect(
            try temporary.names("rejected/a.csv") == [
                "batch.csv", "lease", "reason.json", "status.json", "x.png", "y.png",
            ])
        #expect(try temporary.read("rejected/a.csv/y.png") == Sample.png + [0])
    }

    @Test(arguments: [
        "image,instruction\nx.png,blur\n", "image,instruction\nx.png,blur\ny.png,\nx.png,z\n",
        "image,instruction\nx.png,blur\nz.png,blur\nx.png,z\n", "no list at all",
    ])
    func `a list that was changed after the look is refused as a whole`(_ list: String) throws {
        let drop = try drop()
        try temporary.append("incoming/a.csv", "")
        let file = try temporary.spool.root.openOrCreate("incoming/a.csv", mode: 0o644)
        try file.truncate(to: 0)
        try file.write(list.utf8)
        _ = consume file
        guard case .refused(let record)? = try take(drop) else {
            Issue.record("not refused")
            return
        }
        #expect(record.view.reason?.refusal.code.httpStatus == 400)
        #expect(try temporary.bundles() == ["rejected/a.csv"])
        #expect(try temporary.read("rejected/a.csv/batch.csv") == Array(list.utf8))
    }

    @Test func `an image that was taken away meanwhile refuses all`() throws {
        let drop = try drop()
        try temporary.spool.root.remove("incoming/y.png")
        guard case .refused(let record)? = try take(drop) else {
            Issue.record("not refused")
            return
        }
        #expect(record.view.reason?.refusal.code == .incompleteBundle)
        #expect(try temporary.bundles() == ["rejected/a.csv"])
        #expect(try temporary.exists("rejected/a.csv/x.png"))
    }

    @Test func `nothing that a sender owns or has a name for gets into the queue`() throws {
        let drop = try drop()
        try temporary.hardLink("mine.png", to: "incoming/x.png")
        if Host.user == 0 { try temporary.giveAway("incoming/y.png", to: 12_345) }
        guard case .expanded? = try take(drop) else {
            Issue.record("not expanded")
            return
        }
        for image in ["a-0001/x.png", "a-0002/y.png", "a-0003/x.png"] {
            let status = try temporary.status("queued" / Path(image))
            #expect(status.owner == Host.user)
            #expect(status.links == 1)
        }
        #expect(try temporary.status("mine.png").links == 1)
    }

    /// R12: nobody told of it; its slot counted for ever.
    @Test func `a row whose name something else has takes the next one`() throws {
        let drop = try drop()
        try temporary.write("queued/a-0002", "no job")
        guard case .expanded(let records, let gone)? = try take(drop) else {
            Issue.record("not expanded")
            return
        }
        #expect(records.map(\.view.id.text) == ["a-0001", "a-0002~2", "a-0003"])
        #expect(gone.map(\.text) == ["a-0002"])
    }

    // MARK: After a crash

    @Test(arguments: [0, 1, 3])
    func `the members that were not taken are taken, then all goes on`(_ taken: Int) throws {
        try stage(try drop(), taken: taken)
        guard case .expanded? = try recover().first?.outcome else {
            Issue.record("not expanded")
            return
        }
        try expectRows()
        #expect(try recover().isEmpty)
    }

    /// Half a row, and rows that no `.expanded` vouches for.
    @Test func `rows that are not all there are thrown away and built anew`() throws {
        try stage(try drop())
        for row in ["a-0001", "a-0003"] {
            try temporary.spool.root.makeDirectories(staged / ".rows" / Path(row))
            try temporary.write(staged / ".rows" / Path(row) / "x.png", "half")
        }
        guard case .expanded? = try recover().first?.outcome else {
            Issue.record("not expanded")
            return
        }
        try expectRows()
    }

    /// Takes the batch apart again, as a crash leaves it with `.expanded` and `admitted` rows.
    private func leaveExpanded(admitted: Int) throws {
        let drop = try drop()
        _ = try take(drop)
        try stage(drop, taken: 0)
        try temporary.write(staged / ".expanded", "")
        try temporary.makeDirectory(staged / ".rows")
        for row in rows.dropFirst(admitted) {
            let name = Path(row).lastComponent
            try temporary.spool.root.rename(Path(row), to: staged / ".rows" / name)
        }
    }

    @Test(arguments: [0, 1, 3])
    func `rows that are all there are admitted as they are`(_ admitted: Int) throws {
        try leaveExpanded(admitted: admitted)
        let before = try temporary.spool.names(in: staged / ".rows").map {
            try temporary.record(staged / ".rows" / $0)
        }
        guard case .expanded(let records, _)? = try recover().first?.outcome else {
            Issue.record("not expanded")
            return
        }
        #expect(records.count == 3 - admitted)
        #expect(Set(records.map(\.orderNanoseconds)) == Set(before.map(\.orderNanoseconds)))
        try expectRows()
        #expect(try recover().isEmpty)
    }

    /// It was passed over, and went with what was left of the batch.
    @Test func `a row whose record cannot be read is admitted all the same`() throws {
        try leaveExpanded(admitted: 1)
        try temporary.append(staged / ".rows/a-0002/status.json", "{")
        guard case .expanded(let records, _)? = try recover().first?.outcome else {
            Issue.record("not expanded")
            return
        }
        #expect(records.map(\.view.id.text) == ["a-0003"])
        #expect(try temporary.bundles() == rows)
    }

    @Test func `what stands among the rows and is none is not removed with them`() throws {
        try leaveExpanded(admitted: 3)
        try temporary.write(staged / ".rows/.stranger", "x")
        guard case .stuck? = try recover().first?.outcome else {
            Issue.record("not stuck")
            return
        }
        #expect(try temporary.text(staged / ".rows/.stranger") == "x")
    }

    @Test func `a row that has ended meanwhile is not admitted again`() throws {
        try leaveExpanded(admitted: 2)
        try temporary.spool.root.rename("queued/a-0001", to: "done/a-0001")
        _ = try recover()
        #expect(try temporary.bundles() == ["queued/a-0002", "queued/a-0003", "done/a-0001"])
    }

    @Test func `the slots of all rows count before anything goes on`() throws {
        let drop = try drop()
        try stage(drop)
        let staging = try Staging(temporary.spool, orders: [Int64]())
        func pending() throws -> [String] {
            try staging.pending().map { "\($0.id) \($0.counts) \($0.batch?.text ?? "-")" }
        }
        let all = (1...3).map { "a-000\($0) true a.csv" }
        #expect(try pending() == ["a.csv false -"] + all)
        try temporary.write(staged / ".expanded", "")
        try temporary.spool.root.makeDirectories(staged / ".rows/a-0003")
        #expect(try pending() == ["a.csv false -", "a-0003 true a.csv"])
    }

    @Test func `a damaged intention with built rows loses no file of the sender`() throws {
        let drop = try drop()
        try stage(drop)
        try temporary.append(staged / ".members", "{")
        try temporary.spool.root.makeDirectories(staged / ".rows/a-0001")
        guard case .refused? = try recover().first?.outcome else {
            Issue.record("not refused")
            return
        }
        #expect(try temporary.bundles() == ["rejected/a.csv"])
        #expect(try !temporary.exists("rejected/a.csv/.rows"))
        #expect(try temporary.read("rejected/a.csv/y.png") == Sample.png + [0])
    }
}

extension Directory {
    /// With its parent.
    fileprivate func makeDirectories(_ path: Path) throws {
        if try status(of: path.parent) == nil { try makeDirectory(path.parent, mode: 0o755) }
        try makeDirectory(path, mode: 0o755)
    }
}
