// `ORDER=fair`: the sender that was served least recently is next; within it, first in first out.
//
// A claim notes its sender's turn before its rename, as the mtime of `.spool/slots/STATION.turn`;
// the workers search and claim one after the other under `turns.lock` there, so that two that wake
// together serve two senders. A crash between note and rename costs the sender one turn; the notes
// outlive every process, and are not flushed: a power cut may forget the last ones. They only grow,
// also when the clock was set back.

internal import Linux
internal import SpoolFormat

/// When each sender was served last.
struct Turns {
    private var served: [StationName?: Int64] = [:]

    init(_ served: [StationName?: Int64] = [:]) { self.served = served }

    /// The turns of these senders, as the spool has them.
    init(of senders: some Sequence<StationName?>, in spool: Spool) throws(SystemError) {
        for sender in Set(senders) {
            served[sender] = try spool.root.status(of: .turn(of: sender))?.modified
        }
    }

    /// When a sender that is served now was served, later than all others.
    func next(at now: Int64) -> Int64 { max(now, (served.values.max() ?? 0) + 1) }

    /// All that is there, by the turns of the senders alone: whose first cannot be served is asked
    /// for its second. Items are in order of arrival.
    func bySender<Item>(_ items: [Item], sender: (Item) -> StationName?) -> [Item] {
        groups(items, sender).flatMap(\.items)
    }

    /// The order in which all would be served. Items are in order of arrival.
    func ordered<Item>(_ items: [Item], sender: (Item) -> StationName?) -> [Item] {
        // From one round to the next the senders keep their order; each is served once a round.
        let groups = groups(items, sender).map(\.items)
        let rounds = groups.map(\.count).max() ?? 0
        return (0..<rounds).flatMap { round in
            groups.compactMap { $0.count > round ? $0[round] : nil }
        }
    }

    private func groups<Item>(_ items: [Item], _ sender: (Item) -> StationName?)
        -> [(sender: StationName?, items: [Item])]
    {
        var places: [StationName?: Int] = [:]
        var groups: [(sender: StationName?, items: [Item])] = []
        for item in items {
            let owner = sender(item)
            if let place = places[owner] {
                groups[place].items.append(item)
            } else {
                places[owner] = groups.count
                groups.append((owner, [item]))
            }
        }
        // Of two that were never served the one that came first is first: the sort is stable.
        return groups.enumerated().sorted {
            let (left, right) = (served[$0.element.sender] ?? 0, served[$1.element.sender] ?? 0)
            return (left, $0.offset) < (right, $1.offset)
        }.map(\.element)
    }
}

extension Spool {
    /// Notes that a sender is served.
    func note(turn: Int64, of sender: StationName?) throws(SystemError) {
        try root.openOrCreate(.turn(of: sender), mode: 0o600).setModified(turn)
    }

    /// The right to choose whose turn it is, until it is let go; nil when somebody has it for longer
    /// than a choice takes: fairness is worth a moment, no standstill behind a stopped process.
    func lockTurns() throws(SystemError) -> HeldLock? {
        let file = try root.openOrCreate(.turnsLock, mode: 0o600)
        for _ in 0..<2000 {
            if try file.tryLock() { return HeldLock(file) }
            Moment.pause(.milliseconds(1))
        }
        return nil
    }
}
