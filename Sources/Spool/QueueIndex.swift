public import SpoolFormat

/// The queue in memory: who is next, and who stands where. Kept current by inotify, so that
/// neither a claim nor a position needs a scan of `queued/`.
public struct QueueIndex: Sendable {
    /// A bundle in `queued/`.
    public struct Entry: Hashable, Comparable, Sendable {
        /// The bundle's mtime: its order, or when it is due.
        public let stamp: Int64
        /// The job.
        public let id: JobID

        /// First in, first out; equal stamps by name.
        public static func < (left: Entry, right: Entry) -> Bool {
            (left.stamp, left.id) < (right.stamp, right.id)
        }
    }

    /// The entries in order.
    public private(set) var entries: [Entry] = []
    private var stamps: [JobID: Int64] = [:]

    /// An empty queue.
    public init() {}

    /// How many jobs are queued.
    public var count: Int { entries.count }

    /// Whether a job is queued.
    public func contains(_ id: JobID) -> Bool { stamps[id] != nil }

    /// Where a job stands; nil when it is not queued.
    public func stamp(of id: JobID) -> Int64? { stamps[id] }

    /// Puts a job where its stamp says, and nowhere else.
    public mutating func insert(_ id: JobID, stamp: Int64) {
        remove(id)
        let entry = Entry(stamp: stamp, id: id)
        entries.insert(entry, at: place(of: entry))
        stamps[id] = stamp
    }

    /// Takes a job out, if it is there.
    public mutating func remove(_ id: JobID) {
        guard let stamp = stamps.removeValue(forKey: id) else { return }
        entries.remove(at: place(of: Entry(stamp: stamp, id: id)))
    }

    /// The index of the first entry that is not before `entry`.
    private func place(of entry: Entry) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle] < entry { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
