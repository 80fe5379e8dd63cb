import Testing

@testable import SpoolFormat

@Suite struct BatchNameTests {
    private func name(_ stem: String, _ station: String? = nil) throws(NameProblem) -> BatchName {
        try BatchName(stem: Array(stem.utf8), station: station.flatMap { StationName($0) })
    }

    @Test func `rows are numbered, the batch is called after its file`() throws {
        let name = try name("summer")
        #expect(name.id.text == "summer.csv")
        #expect(name.rows(2).map(\.text) == ["summer-0001", "summer-0002"])
        #expect(name.row(9999).text == "summer-9999")
        #expect(name.variant(2).id.text == "summer~2.csv")
        #expect(name.variant(2).row(1).text == "summer~2-0001")
    }

    @Test func `a station's batch has its prefix`() throws {
        let name = try name("summer", "kiosk")
        #expect(name.id.text == "kiosk.summer.csv")
        #expect(name.row(1).text == "kiosk.summer-0001")
    }

    @Test func `an ID tells whether it is a batch's`() throws {
        #expect(BatchName(try JobID("summer.csv".utf8)) == (try name("summer")))
        #expect(BatchName(try JobID("summer".utf8)) == nil)
        #expect(BatchName(try JobID("csv".utf8)) == nil)
    }

    @Test func `every name of the longest batch is one`() throws {
        let stem = String(repeating: "x", count: 105)
        let name = try name(stem).variant(99)
        for id in [name.id, name.row(9999)] { #expect((try? JobID(id.bytes)) != nil, "\(id)") }
        #expect(throws: NameProblem.tooLong(106, allowed: 105)) { try self.name(stem + "x") }
    }
}
