// What the spool's guarantees stand on, tried out where it stands: `gpuspool doctor`.
//
// Safe on a spool in use: what is tried happens in a directory of its own in `.spool/tmp/`, in
// names that are never taken for a drop, and by renames of what does not exist. Nothing is left;
// what a killed one left is removed by the watcher, like every temporary file.

public import Linux
public import SpoolFormat

/// What a look at one thing found.
public struct Check: Sendable, Hashable {
    /// What it means for the service.
    public enum Verdict: String, Sendable, Encodable {
        case ok, warning, fail
    }

    /// What was looked at, in one or two words.
    public let name: String
    /// What it means.
    public let verdict: Verdict
    /// What was found.
    public let finding: String
    /// What to do; nil when there is nothing to do.
    public let remedy: String?

    /// A finding, and what to do about it.
    public init(_ name: String, _ verdict: Verdict, _ finding: String, _ remedy: String? = nil) {
        self.name = name
        self.verdict = verdict
        self.finding = finding
        self.remedy = remedy
    }
}

/// Examines the place where a spool stands.
public struct Diagnosis {
    let spool: Spool

    /// What a disk must be like, as a remedy.
    static let goodDisk = "Put the spool on a disk of this machine: ext4, XFS, btrfs or tmpfs."

    /// Of a spool that may be in use.
    public init(_ spool: Spool) { self.spool = spool }

    /// All checks of the place, in the order of what depends on what.
    public func checks() -> [Check] {
        var checks =
            look("permissions") { () throws(SystemError) in try permissions() }
            + look("filesystem") { () throws(SystemError) in try filesystem() }
            + look("space") { () throws(SystemError) in try space() }
        let place = Path.temporary()
        checks += look("probe") { () throws(SystemError) in
            try spool.root.makeDirectory(place, mode: 0o700)
            return probes(try spool.root.directory(place))
        }
        do throws(SystemError) { try spool.root.removeTree(place) } catch {
            if !error.isNotFound { checks.append(Check("probe", .fail, "\(error)", error.remedy)) }
        }
        return checks + look("events") { () throws(SystemError) in try events() }
    }

    private func probes(_ place: borrowing Directory) -> [Check] {
        look("rename") { () throws(SystemError) in try rename(in: place) }
            + look("times") { () throws(SystemError) in try times(in: place) }
            + look("names") { () throws(SystemError) in try names(in: place) }
            + look("locks") { () throws(SystemError) in try locks(in: place) }
            + look("read leases") { () throws(SystemError) in try readLeases(in: place) }
            + look("clock") { () throws(SystemError) in try clock(in: place) }
    }

    private func look(_ name: String, _ body: () throws(SystemError) -> [Check]) -> [Check] {
        do throws(SystemError) { return try body() } catch {
            return [Check(name, .fail, "\(error)", error.remedy)]
        }
    }

    /// The workers of this machine that live, as their cards tell.
    public func workers() throws(SystemError) -> [WorkerCard] {
        var cards: [WorkerCard] = []
        for name in try spool.names(in: .hidden(SpoolFile.Hidden.workers)) {
            guard let text = name.text, text.hasSuffix(".json"),
                let bytes = try spool.read(.hidden(SpoolFile.Hidden.workers) / name),
                let card = JSONText.decode(WorkerCard.self, from: bytes),
                card.host == Host.name, card.state != .stopped,
                ProcessWatch.startTime(of: card.pid) == card.processStart
            else { continue }
            cards.append(card)
        }
        return cards
    }
}
