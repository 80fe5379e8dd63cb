import Glibc
import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R9: orders are files that outlive the watcher.
@Suite struct OrdersTests {
    let temporary: TemporarySpool
    private let a: JobID

    init() throws {
        temporary = try TemporarySpool()
        a = try JobID("a")
    }

    @Test(arguments: JobOrder.allCases)
    func `an order is an empty file that stands until it is withdrawn`(_ order: JobOrder) throws {
        var orders = try Orders(temporary.spool)
        try orders.give(order, for: a)
        #expect(try temporary.names(.hidden(order.rawValue)) == ["a"])
        let file = try temporary.status(.hidden(order.rawValue) / "a")
        #expect(file.size == 0)
        #expect(file.mode == 0o600)
        for standing in [orders, try Orders(temporary.spool)] {
            for other in JobOrder.allCases {
                #expect(standing.stands(other, for: a) == (other == order))
                #expect(standing.ids(other) == (other == order ? [a] : []))
                #expect(try temporary.spool.isOrdered(other, a) == (other == order))
            }
        }
        try orders.withdraw(order, for: a)
        #expect(!orders.stands(order, for: a))
        #expect(orders.retries == [])
        #expect(try temporary.names(.hidden(order.rawValue)) == [])
        #expect(try !temporary.spool.isOrdered(order, a))
        #expect(try Orders(temporary.spool).ids(order) == [])
    }

    @Test(arguments: JobOrder.allCases)
    func `the same order again changes nothing`(_ order: JobOrder) throws {
        var orders = try Orders(temporary.spool)
        try orders.give(order, for: a)
        let before = try temporary.status(.hidden(order.rawValue) / "a")
        try orders.give(order, for: a)
        #expect(try temporary.status(.hidden(order.rawValue) / "a") == before)
        #expect(orders.retries == (order == .retry ? [a] : []))
        try orders.withdraw(order, for: a)
        #expect(orders.retries == [])
    }

    // The rename of a retry was there, the order too, and the job had run again.
    @Test func `a retry is carried out once its job was claimed since, over a restart too`() throws
    {
        var orders = try Orders(temporary.spool)
        try orders.give(.retry, for: a, claims: 2)
        for standing in [orders, try Orders(temporary.spool)] {
            #expect(!standing.isCarriedOut(a, claims: 2))
            #expect(standing.isCarriedOut(a, claims: 3))
        }
        // Cut off before its content was written.
        try temporary.spool.root.remove(".spool/retry/a")
        try temporary.write(".spool/retry/a", "")
        #expect(try !Orders(temporary.spool).isCarriedOut(a, claims: 3))
    }

    // A crash came between the order and what the watcher remembers of it.
    @Test func `an order whose file is there already is given all the same`() throws {
        var orders = try Orders(temporary.spool)
        try temporary.write(".spool/cancel/a", "")
        try orders.give(.cancel, for: a)
        #expect(orders.stands(.cancel, for: a))
    }

    @Test func `withdrawing what does not stand, or is gone, is no error`() throws {
        var orders = try Orders(temporary.spool)
        try orders.withdraw(.hold, for: a)
        try orders.give(.hold, for: a)
        try temporary.spool.root.remove(".spool/held/a")
        try orders.withdraw(.hold, for: a)
        #expect(!orders.stands(.hold, for: a))
    }

    @Test func `retries stand in the order in which they were asked for, over a restart too`()
        throws
    {
        var orders = try Orders(temporary.spool)
        for (age, name) in ["c", "a", "b"].enumerated() {
            try orders.give(.retry, for: try JobID(name))
            // The kernel's clock for files goes in steps of some milliseconds.
            try setModified(".spool/retry/\(name)", 1_700_000_000 + age)
        }
        #expect(orders.retries.map(\.text) == ["c", "a", "b"])
        var again = try Orders(temporary.spool)
        #expect(again.retries.map(\.text) == ["c", "a", "b"])
        try again.withdraw(.retry, for: a)
        #expect(again.retries.map(\.text) == ["c", "b"])
    }

    private func setModified(_ path: Path, _ seconds: Int) throws {
        let time = timespec(tv_sec: seconds, tv_nsec: 0)
        let result = utimensat(AT_FDCWD, "\(temporary.spool.path / path)", [time, time], 0)
        try #require(result == 0)
    }

    @Test func `a file whose name is no ID is no order`() throws {
        for name: Path in [".hidden", "-a", "a@1"] { try temporary.write(".spool/held" / name, "") }
        #expect(try Orders(temporary.spool).ids(.hold) == [])
    }
}
