/// The names of the spool's own directories and files; a state's directory is its raw value.
public enum SpoolFile {
    /// Where stations write.
    public static let incoming = "incoming"
    /// One view per job.
    public static let status = "status"
    /// The view of the whole queue.
    public static let queue = "queue.json"
    /// How to drop, for people.
    public static let howto = "HOWTO.txt"
    /// Settings.
    public static let settings = "spool.conf"
    /// What only the service reads.
    public static let hidden = ".spool"

    /// Names inside `hidden`.
    public enum Hidden {
        /// The number of the layout.
        public static let version = "version"
        /// Bundles being made.
        public static let staging = "staging"
        /// Bundles being removed.
        public static let trash = "trash"
        /// One file per declared station.
        public static let stations = "stations"
        /// One card per worker.
        public static let workers = "workers"
        /// A drop box for the service itself.
        public static let inlet = "inlet"
        /// Orders to cancel.
        public static let cancel = "cancel"
        /// Jobs held.
        public static let held = "held"
        /// Orders to retry.
        public static let retry = "retry"
        /// Locks that count running jobs per station.
        public static let slots = "slots"
        /// Leases of remote workers.
        public static let leases = "leases"
        /// Hashed keys.
        public static let keys = "keys"
        /// Temporary files on their way to another place in the spool.
        public static let temporary = "tmp"
        /// What `verify --repair` moved aside; made when it is needed.
        public static let aside = "aside"
        /// While it is there workers claim nothing.
        public static let paused = "paused"
        /// While it is there the door is closed.
        public static let draining = "draining"
        /// The last order stamp given.
        public static let stamp = "stamp"
        /// Counts of what was cleaned up.
        public static let totals = "totals"
        /// Locked by the one watcher.
        public static let watcherLock = "watcher.lock"
        /// Locked while `totals` is read and written.
        public static let totalsLock = "totals.lock"

        /// Directories that `init` makes.
        public static let directories = [
            staging, trash, stations, workers, inlet, cancel, held, retry, slots, leases, keys,
            temporary,
        ]
    }

    /// The view of a job.
    public static func view(of id: JobID) -> [UInt8] { id.bytes + ".json".utf8 }

    /// The job of a view's name.
    public static func id(ofView name: [UInt8]) -> JobID? {
        guard name.suffix(5).elementsEqual(".json".utf8) else { return nil }
        return try? JobID(name.dropLast(5))
    }
}
