// R8: the FIFO key. Each admitted job gets a stamp that is later than every one given before, also
// when the clock was set back; it becomes the bundle's mtime.
//
// The last stamp is kept in `.spool/stamp` without a flush. After a power cut an older one may
// stand there: at start the maximum of it and of every kept record's order is taken. It is never
// derived from mtimes: one job due next week would put every later drop there.

internal import Linux
internal import SpoolFormat

/// Gives out order stamps; only the watcher has one.
struct OrderStamp {
    private(set) var last: Int64

    /// Starts behind every stamp that was given: the file's and those of the kept `records`.
    init(_ spool: Spool, records: some Sequence<Int64>) throws(SystemError) {
        let text = try spool.read(.hidden(SpoolFile.Hidden.stamp), limit: 32) ?? []
        let stored = Int64(String(decoding: text.prefix { $0 != 0x0a }, as: UTF8.self)) ?? 0
        last = max(stored, records.max() ?? 0)
    }

    /// The stamps of all kept records, those of rows that are being staged included.
    static func kept(in spool: Spool) throws(SystemError) -> [Int64] {
        var orders: [Int64] = []
        let staging = Path.hidden(SpoolFile.Hidden.staging)
        let states = JobState.allCases.map { Path($0) }
        for directory in states + [staging] + (try spool.stagedRows()) {
            for name in try spool.names(in: directory) {
                guard let id = AttemptName(name.bytes)?.id ?? (try? JobID(name.bytes)),
                    let record = try spool.knownRecord(in: directory / name, of: id)
                else { continue }
                orders.append(record.orderNanoseconds)
            }
        }
        return orders
    }

    /// The next stamp: the present, unless that was given already.
    mutating func next(now: Int64 = WallClock.nanoseconds) -> Int64 {
        last = max(now, last == .max ? last : last + 1)
        return last
    }

    /// Keeps the last stamp for the next start.
    func save(_ spool: Spool) throws(SystemError) {
        try spool.write(view: .hidden(SpoolFile.Hidden.stamp), Array("\(last)\n".utf8))
    }
}
