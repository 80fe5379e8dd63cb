import SpoolFormat
import Testing

@testable import Spool

@Suite struct QueueIndexTests {
    private var index = QueueIndex()

    private mutating func insert(_ name: String, _ stamp: Int64) throws {
        index.insert(try JobID(name), stamp: stamp)
    }

    private var names: [String] { index.entries.map(\.id.text) }

    @Test mutating func `the oldest stamp is first whatever the order of insertion`() throws {
        for (name, stamp) in [("b", 20), ("a", 30), ("c", 10)] { try insert(name, Int64(stamp)) }
        #expect(names == ["c", "b", "a"])
        #expect(index.count == 3)
    }

    @Test mutating func `equal stamps go by name`() throws {
        for name in ["b", "c", "a"] { try insert(name, 5) }
        #expect(names == ["a", "b", "c"])
    }

    @Test mutating func `a job stands in one place only`() throws {
        try insert("a", 10)
        try insert("b", 20)
        try insert("a", 30)
        #expect(names == ["b", "a"])
        index.remove(try JobID("a"))
        #expect(names == ["b"])
        #expect(!index.contains(try JobID("a")))
        #expect(index.contains(try JobID("b")))
        index.remove(try JobID("a"))
        #expect(index.count == 1)
    }

    @Test mutating func `thousands of jobs keep their order`() throws {
        for number in 0..<2000 { try insert("j\(number)", Int64(number * 7919 % 2000)) }
        for number in stride(from: 0, to: 2000, by: 3) { index.remove(try JobID("j\(number)")) }
        let stamps = index.entries.map(\.stamp)
        #expect(stamps == stamps.sorted())
        #expect(stamps.count == 1333)
    }
}
