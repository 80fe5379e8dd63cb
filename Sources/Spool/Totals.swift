// R14: the counts of what cleanup removed, so that totals stay exact after every crash.
//
// Cleanup renames a bundle to the trash, writes the counts and the names it counted here as one
// file, then unlinks. A crash before the write leaves trash entries that are not named: they are
// counted by the next sweep. A crash after it leaves entries that are named: unlinked, not counted.

public import Linux
internal import SpoolFormat

/// What was cleaned up since the spool was made.
public struct Totals: Codable, Hashable, Sendable {
    /// Jobs that had completed.
    public var completed = 0
    /// Jobs that had failed.
    public var failed = 0
    /// Drops that had been refused.
    public var rejected = 0
    /// Runs of these jobs that were followed by another one.
    public var retries = 0
    /// Trash entries that are counted above and may not be unlinked yet; hexadecimal names.
    var counted: [String] = []

    /// Nothing was cleaned up yet.
    public init() {}

    /// Reads what any version wrote.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        completed = try values.decode(Int.self, forKey: .completed)
        failed = try values.decode(Int.self, forKey: .failed)
        rejected = try values.decode(Int.self, forKey: .rejected)
        retries = try values.decodeIfPresent(Int.self, forKey: .retries) ?? 0
        counted = try values.decode([String].self, forKey: .counted)
    }

    /// Counts a job that ended in `state`.
    mutating func add(_ state: JobState, retries: Int) {
        self.retries += retries
        switch state {
        case .done: completed += 1
        case .failed: failed += 1
        case .rejected: rejected += 1
        case .queued, .running: break
        }
    }
}

extension Spool {
    /// The totals on disk.
    public func totals() throws(SystemError) -> Totals {
        guard let bytes = try read(.hidden(SpoolFile.Hidden.totals)) else { return Totals() }
        guard let totals = JSONText.decode(Totals.self, from: bytes) else {
            log.write(
                "'\(Path.hidden(SpoolFile.Hidden.totals))' is damaged; counting anew.", .error)
            return Totals()
        }
        return totals
    }

    /// Replaces the totals durably. The caller holds their lock.
    func write(_ totals: Totals) throws(SystemError) {
        let path = Path.hidden(SpoolFile.Hidden.totals)
        try write(over: path, by: .temporary(), JSONText.encode(totals))
        try flush(directory: Path(SpoolFile.hidden))
    }
}
