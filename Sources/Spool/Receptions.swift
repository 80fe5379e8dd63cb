internal import Linux
internal import SpoolFormat

extension Watcher {
    /// A drop that is being received: its ID stands from the first sight of its first file.
    struct Reception {
        var id: JobID
        /// What it would be called if nobody else had the name.
        let base: JobID
        let firstSeen: Timestamp
        /// Its name, as its view tells it.
        let droppedAs: String

        init(_ candidate: Candidate, id: JobID, base: JobID) {
            self.id = id
            self.base = base
            firstSeen = candidate.firstSeen
            droppedAs = Path(candidate.key.stem).description
        }
    }
}

/// The drops that are being received, and the IDs they go by; found from both sides, for there may
/// be thousands.
struct Receptions {
    private var byKey: [DropKey: Watcher.Reception] = [:]
    private var byID: [JobID: Set<DropKey>] = [:]

    var all: [DropKey: Watcher.Reception] { byKey }

    subscript(key: DropKey) -> Watcher.Reception? {
        get { byKey[key] }
        set {
            if let old = byKey[key] {
                byID[old.id]?.remove(key)
                if byID[old.id]?.isEmpty == true { byID[old.id] = nil }
            }
            byKey[key] = newValue
            if let id = newValue?.id { byID[id, default: []].insert(key) }
        }
    }

    /// Which drops go by an ID.
    func drops(called id: JobID) -> Set<DropKey> { byID[id] ?? [] }
}
