// How each kind of flaw is put right; `Repair` does it.

internal import Linux
internal import SpoolFormat

/// How something that is wrong is put right.
enum Mend: Hashable, Sendable {
    /// Makes the directories that are missing.
    case layout
    /// Moves the whole thing to `.spool/aside/`.
    case aside
    /// Moves one name in a bundle to `.spool/aside/`.
    case part(Path)
    /// Moves a damaged file of the station aside, and says in the record that it is gone.
    case withdraw(Path)
    /// Makes a lease; only where nobody can hold the old one.
    case lease
    /// Takes away the permissions that others have on a lease.
    case leaseMode
    /// Sets the mtime that the record tells.
    case stamp
    /// Writes what is plain from the state into the record.
    case record
    /// Writes the record of a refusal from `reason.json`.
    case recordFromReason
    /// Writes `reason.json` from the record.
    case reason
    /// Writes the number of claims that fits the name.
    case claim
    /// Moves the bundle to the state that its record tells.
    case move(JobState)
    /// Ends the job in `failed/` and tells its sender why.
    case end(String)
    /// The same for a job whose own files are damaged: it cannot be retried.
    case giveUp(String)
    /// Replaces a file by a copy that nobody else can write to.
    case copy(Path)
    /// Puts an order to retry back in its place.
    case retryOrder
    /// Moves the less plain of two bundles of one job aside.
    case double
    /// Refuses a staged drop, with its files.
    case refuse
    /// Removes a file of the service that stands for nothing.
    case remove
}

extension Mend: CustomStringConvertible {
    /// What it does, as in `--repair …`.
    var description: String {
        switch self {
        case .layout: "makes it"
        case .aside: "moves it to .spool/aside/"
        case .part(let name): "moves '\(name)' to .spool/aside/"
        case .withdraw(let name):
            "moves '\(name)' to .spool/aside/, and leaves the rest to its sender"
        case .lease: "makes a new one, while no watcher and no worker runs"
        case .leaseMode: "sets it to 600"
        case .stamp: "sets it"
        case .record: "corrects the record"
        case .recordFromReason: "writes it from reason.json"
        case .reason: "writes it from the record"
        case .claim: "corrects the record"
        case .move(let state): "moves it to \(state.rawValue)/"
        case .end, .giveUp: "ends the job in failed/, with this as its error"
        case .copy: "replaces it by a copy"
        case .retryOrder: "writes the order again"
        case .double: "moves one of the two to .spool/aside/"
        case .refuse: "moves it to rejected/, with this as the reason"
        case .remove: "removes it"
        }
    }
}
