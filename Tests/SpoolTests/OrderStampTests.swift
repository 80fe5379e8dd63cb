import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R8: the FIFO key never goes back.
@Suite struct OrderStampTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    @Test func `stamps follow the clock and never go back with it`() throws {
        var stamp = try OrderStamp(temporary.spool, records: [])
        let given = [100, 100, 50, 101, 500, 0].map { stamp.next(now: $0) }
        #expect(given == [100, 101, 102, 103, 500, 501])
    }

    @Test func `the last stamp is kept for the next start`() throws {
        var stamp = try OrderStamp(temporary.spool, records: [])
        _ = stamp.next(now: 1000)
        try stamp.save(temporary.spool)
        #expect(try temporary.text(".spool/stamp") == "1000\n")
        var next = try OrderStamp(temporary.spool, records: [])
        #expect(next.next(now: 10) == 1001)
    }

    @Test(arguments: [nil, "", "garbage\n", "7\n", "7"])
    func `a lost or older stamp is made good by the kept records`(_ text: String?) throws {
        if let text { try temporary.write(".spool/stamp", text) }
        var stamp = try OrderStamp(temporary.spool, records: [30, 2000, 5])
        #expect(stamp.next(now: 10) == 2001)
    }

    @Test func `a newer stamp goes before the records`() throws {
        try temporary.write(".spool/stamp", "3000\n")
        var stamp = try OrderStamp(temporary.spool, records: [2000])
        #expect(stamp.next(now: 10) == 3001)
    }

    @Test func `the end of time is no trap`() throws {
        var stamp = try OrderStamp(temporary.spool, records: [.max])
        #expect(stamp.next(now: 10) == .max)
    }
}
