// R9: the orders for live jobs, one file `.spool/KIND/ID` each; empty, but a retry holds the number of
// claims the job had then: one that was claimed since has run again already. Only the watcher writes and
// removes them; workers, recovery and cleanup look at them after locking the job.
//
// An order is durable before the control drop that asked for it is unlinked, and goes when the
// bundle stands where it belongs; a crash between the two is made good at the next start, when
// orders of jobs that are not there any more are removed. Before a newcomer gets a name, old orders
// of that name go, durably: an old order must not hit a new job.

internal import Linux
internal import SpoolFormat

/// What can be ordered for a job; the raw value is the directory's name in `.spool/`.
enum JobOrder: String, CaseIterable {
    /// It must not run, or not go on.
    case cancel
    /// It must not run until it is released.
    case hold = "held"
    /// It failed or was refused, and is to run again.
    case retry
}

/// The orders that stand; only the watcher has one.
struct Orders {
    private let spool: Spool
    private var standing: [JobOrder: Set<JobID>] = [:]
    /// Retries in the order in which they were asked for.
    private(set) var retries: [JobID] = []
    /// How often jobs had been claimed when their retry was ordered.
    private var claims: [JobID: Int] = [:]

    /// Reads what stands in the spool.
    init(_ spool: Spool) throws(SystemError) {
        self.spool = spool
        for order in JobOrder.allCases {
            let names = try spool.names(in: .hidden(order.rawValue))
            standing[order] = Set(names.compactMap { try? JobID($0.bytes) })
        }
        var ages: [(Int64, JobID)] = []
        for id in standing[.retry] ?? [] {
            do throws(SystemError) {
                let status = try spool.root.status(of: .order(.retry, id))
                ages.append((status?.modified ?? 0, id))
                let text = try spool.read(.order(.retry, id), limit: 16) ?? []
                claims[id] = Int(String(decoding: text, as: UTF8.self))
            } catch {
                // It stands all the same; at worst the job runs once more than was asked.
                if error.isGeneral { throw error }
                spool.log.write(error, while: "Reading the order to retry job \(id.short)", job: id)
                if ages.last?.1 != id { ages.append((0, id)) }
            }
        }
        retries = ages.sorted { $0 < $1 }.map(\.1)
    }

    /// The jobs for which an order stands.
    func ids(_ order: JobOrder) -> Set<JobID> { standing[order] ?? [] }

    /// Whether an order stands for a job.
    func stands(_ order: JobOrder, for id: JobID) -> Bool { ids(order).contains(id) }

    /// Whether a job that was claimed so often has run again since its retry was ordered.
    func isCarriedOut(_ id: JobID, claims: Int) -> Bool {
        self.claims[id].map { $0 < claims } ?? false
    }

    /// Gives an order, durably; again: changes nothing. `claims` is for a retry.
    mutating func give(_ order: JobOrder, for id: JobID, claims: Int? = nil) throws(SystemError) {
        do throws(SystemError) {
            let text = claims.map { Array("\($0)".utf8) } ?? []
            try spool.write(new: .order(order, id), text, mode: 0o600)
            self.claims[id] = claims
        } catch {
            guard error.code == .exists else { throw error }
        }
        try spool.flush(directory: .hidden(order.rawValue))
        guard standing[order, default: []].insert(id).inserted else { return }
        if order == .retry { retries.append(id) }
    }

    /// Takes an order back, durably, if it stands.
    mutating func withdraw(_ order: JobOrder, for id: JobID) throws(SystemError) {
        guard stands(order, for: id) else { return }
        let path = Path.order(order, id)
        do throws(SystemError) { try spool.removeIfPresent(path) } catch {
            guard error.code == .isADirectory else { throw error }
            try spool.setAside(path, because: "is no order")
        }
        try spool.flush(directory: .hidden(order.rawValue))
        standing[order]?.remove(id)
        guard order == .retry else { return }
        retries.removeAll { $0 == id }
        claims[id] = nil
    }
}

extension Spool {
    /// Whether an order stands for a job, as the disk tells. Ask after locking it.
    func isOrdered(_ order: JobOrder, _ id: JobID) throws(SystemError) -> Bool {
        try root.status(of: .order(order, id)) != nil
    }
}
