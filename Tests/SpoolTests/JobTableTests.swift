import Linux
import SpoolFormat
import Testing

@testable import Spool

/// R5: who counts for the maximum.
@Suite struct JobTableTests {
    private var table = JobTable()
    private let a: JobID

    init() throws { a = try JobID("a") }

    private func record(_ id: JobID) -> JobRecord {
        JobRecord(view: JobView(id: id, status: .queued), image: nil, orderNanoseconds: 1)
    }

    @Test mutating func `a job is live from its verdict until it is seen to have ended`() {
        table.reserve(a)
        #expect(table.live == [a])
        #expect(table.runningCount == 0)
        table.queued(a, stamp: 5, record(a))
        #expect(table.live == [a])
        #expect(table.queue.entries.map(\.id) == [a])
        table.running(a, claim: 1)
        #expect(table.live == [a])
        #expect(table.runningCount == 1)
        #expect(table.queue.count == 0)
        #expect(table.jobs[a]?.record == record(a))
        table.queued(a, stamp: 5, nil)
        #expect(table.runningCount == 0)
        #expect(table.jobs[a]?.record == record(a))
        table.running(a, claim: 2)
        table.finished(a, .done, record(a))
        #expect(table.live == [])
        #expect(table.runningCount == 0)
        #expect(table.count(.done) == 1)
        #expect(table.contains(a))
        table.left(a, .done)
        #expect(!table.contains(a))
        #expect(table.count(.done) == 0)
    }

    @Test mutating func `a drop that will be refused takes no slot`() {
        table.stage(a)
        #expect(table.live == [])
        #expect(table.contains(a))
        table.finished(a, .rejected, record(a))
        #expect(table.count(.rejected) == 1)
    }

    @Test mutating func `a drop that was not taken gives its slot back`() {
        table.reserve(a)
        table.withdraw(a)
        #expect(table.live == [])
        #expect(!table.contains(a))
    }

    // An event of the older job must not count out the newcomer of its name.
    @Test(arguments: [JobState.done, .failed, .rejected])
    mutating func `a stale event that a bundle has left changes nothing`(_ state: JobState) {
        table.queued(a, stamp: 5, record(a))
        table.left(a, state)
        #expect(table.live == [a])
        #expect(table.queue.count == 1)
        table.running(a, claim: 1)
        table.left(a, state)
        #expect(table.runningCount == 1)
    }

    @Test mutating func `a job that ended elsewhere has not left`() {
        table.finished(a, .failed, record(a))
        table.left(a, .done)
        #expect(table.count(.failed) == 1)
        #expect(table.contains(a))
    }

    @Test mutating func `told twice, everything counts once`() {
        for _ in 1...2 { table.reserve(a) }
        for _ in 1...2 { table.queued(a, stamp: 5, record(a)) }
        #expect(table.live.count == 1)
        #expect(table.queue.count == 1)
        for _ in 1...2 { table.running(a, claim: 1) }
        #expect(table.runningCount == 1)
        for _ in 1...2 { table.finished(a, .done, record(a)) }
        #expect(table.count(.done) == 1)
        for _ in 1...2 { table.left(a, .done) }
        #expect(table.count(.done) == 0)
    }

    // Counted by nobody, it let one too many in.
    @Test mutating func `a job that has gone on since its event counts until it has ended`() {
        table.passed(a)
        #expect(table.live == [a])
        #expect(table.queue.count == 0)
        table.running(a, claim: 1)
        table.passed(a)
        #expect(table.runningCount == 1)
        table.finished(a, .done, nil)
        #expect(table.live == [])
        table.passed(a)
        #expect(table.live == [a])
        #expect(table.count(.done) == 0)
    }

    // With a clock that was set back its stamp was in the future: its station was shut out as long.
    @Test(arguments: [Int64.max, WallClock.nanoseconds + 3_600_000_000_000, 1])
    mutating func `a job was let in when its slot was reserved, whatever its stamp says`(
        _ order: Int64
    ) {
        let now = Moment.now
        table.reserve(a, for: "kiosk", at: now)
        #expect(table.admissions(of: "kiosk", since: now + .seconds(-60)) == [now])
        var record = record(a)
        record.orderNanoseconds = order
        record.view.station = "kiosk"
        table.queued(a, stamp: order, record)
        table.running(a, claim: 1)
        table.finished(a, .done, record)
        #expect(table.admissions(of: "kiosk", since: now + .seconds(-60)) == [now])
        #expect(table.admissions(of: "kiosk", since: now) == [])
        #expect(table.admissions(of: nil, since: now + .seconds(-60)) == [])
    }

    @Test mutating func `a job of a former watcher counts by its stamp, never as from the future`()
    {
        var record = record(a)
        record.orderNanoseconds = .max
        table.queued(a, stamp: 1, record)
        let admissions = table.admissions(of: nil, since: .now + .seconds(-60))
        #expect(admissions.count == 1 && admissions.allSatisfy { $0 <= .now })
        table.withdraw(a)
        record.orderNanoseconds = WallClock.nanoseconds - 61_000_000_000
        table.queued(a, stamp: 1, record)
        #expect(table.admissions(of: nil, since: .now + .seconds(-60)) == [])
    }

    @Test mutating func `a record may become known later`() {
        table.running(a, claim: 1)
        #expect(table.jobs[a]?.record == nil)
        table.describe(a, record(a))
        #expect(table.jobs[a]?.record == record(a))
    }

    // MARK: Rate and turns

    private func admissions(of seconds: Int) -> Int {
        table.admissions(of: nil, since: .now + .seconds(-seconds)).count
    }

    @Test mutating func `a job that was refused is none that was let in`() {
        table.reserve(a, at: .now)
        table.queued(a, stamp: 5, record(a))
        #expect(admissions(of: 60) == 1)
        #expect(table.lastOrders == [nil: 1])
        table.finished(a, .rejected, record(a))
        #expect(admissions(of: 60) == 0)
        #expect(table.lastOrders == [:])
    }

    /// Its record may be read late.
    @Test(arguments: [(age: 50, within: [0, 1]), (age: -500, within: [1, 1])])
    mutating func `a job that another watcher let in counts from its stamp, at the latest from now`(
        _ age: Int, _ within: [Int]
    ) {
        table.queued(a, stamp: 5, nil)
        #expect(admissions(of: 60) == 0)
        var record = record(a)
        record.orderNanoseconds = WallClock.nanoseconds - Int64(age) * 1_000_000_000
        table.describe(a, record)
        #expect([30, 60].map { admissions(of: $0) } == within)
        // In the future is no admission that lasts.
        #expect(table.admissions(of: nil, since: .now + .seconds(1)).isEmpty)
    }
}
