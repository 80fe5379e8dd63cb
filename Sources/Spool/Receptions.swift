internal import SpoolFormat

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
