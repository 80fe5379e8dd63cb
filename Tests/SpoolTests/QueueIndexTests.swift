import SpoolFormat
import Testing

@testable import Spool

@Suite struct QueueIndexTests {
    @Test func `the oldest stamp is first whatever the order of insertion`() throws {
        var index = QueueIndex()
        for (name, stamp) in [("b", 20), ("a", 30), ("c", 10)] {
            index.insert(try JobID(Array(name.utf8)), stamp: Int64(stamp))
        }
        #expect(index.entries.map(\.id.text) == ["c", "b", "a"])
    }
}
