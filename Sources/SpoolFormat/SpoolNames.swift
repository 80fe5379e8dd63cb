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

/// The names inside a bundle.
public enum BundleFile {
    /// The station's JSON, verbatim.
    public static let request = "request.json"
    /// The durable record.
    public static let record = "status.json"
    /// The lock of whoever moves or writes the bundle.
    public static let lease = "lease"
    /// Why a drop was refused.
    public static let reason = "reason.json"
    /// In staging: what is taken, and with which verdict.
    public static let members = ".members"

    /// The pipeline's output of the `claim`-th claim, until it is a whole image.
    public static func output(claim: Int) -> String { "out.\(claim).part" }

    /// A record on its way; `claim` is 0 outside `running/`.
    public static func temporaryRecord(claim: Int) -> String { "status.\(claim).tmp" }

    static let reserved: Set<String> = [request, record, lease, reason, members]

    static func isOutput(_ name: [UInt8]) -> Bool {
        name.starts(with: "out.".utf8) && name.suffix(5).elementsEqual(".part".utf8)
            || name.starts(with: "status.".utf8) && name.suffix(4).elementsEqual(".tmp".utf8)
    }

    /// The result: `MODEL_YYYYMMDD_HHMMSS_sSEED_HEX8.png`.
    public static func result(
        model: ModelName, completed: Timestamp, seed: Int64, random: [UInt8]
    ) -> String {
        "\(model)_\(completed.compact)_s\(seed)_\(Hexadecimal.text(of: random.prefix(4))).png"
    }
}

/// The name of a model: `[A-Za-z0-9._-]{1,64}`.
public struct ModelName: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public let description: String

    /// A model's name; nil when it has other characters or is too long.
    public init?(_ text: String) {
        let allowed = text.utf8.allSatisfy {
            switch $0 {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d: true
            default: false
            }
        }
        guard allowed, (1...64).contains(text.utf8.count) else { return nil }
        description = text
    }

    /// What a name may be, for messages.
    public static let rule = "1 to 64 of A-Z a-z 0-9 . _ -"
}
