import Glibc
import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Jobs that have ended, as workers and the door end them.
extension TemporarySpool {
    enum Unready: Error { case nothingToClaim, busy }

    /// Claims the oldest job; its claim is durable.
    func claim() throws -> Claim {
        let queue = try JobQueue(spool, on: try EventLoop()) {}
        let deadline = Moment.now + .seconds(10)
        while Moment.now < deadline {
            // A child of another test may hold a copy of the lease until its exec.
            guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else {
                sched_yield()
                continue
            }
            _ = try claim.makeDurable()
            return claim
        }
        throw Unready.nothingToClaim
    }

    /// Jobs in `failed/` that ran once each.
    func admitAndFail(_ ids: String..., deadLetter: Bool = false) throws {
        for id in ids {
            try admit(id)
            let end = words(of: try claim().fail("Too dark.", deadLetter: deadLetter))
            try #require(end == "moved")
            try #require(try isFree("failed/\(id)"))
        }
    }

    /// A drop in `rejected/`.
    func refuse(_ id: String, _ code: RefusalCode = .queueFull, _ detail: String = "Full.") throws {
        let drop = try pair(id, refusal: Refusal(code, detail))
        guard case .refused = try Staging(spool, orders: [Int64]()).take([drop]).first else {
            Issue.record("not refused")
            return
        }
        try #require(try isFree("rejected/\(id)"))
    }

    /// Changes a record behind everybody's back.
    func change(_ bundle: Path, _ edit: (inout JobRecord) -> Void) throws {
        let modified = try status(bundle).modified
        var record = try record(bundle)
        edit(&record)
        try spool.write(record, in: bundle)
        try spool.root.directory(bundle).setModified(modified)
    }

    /// All files of a bundle, with their bytes and its mtime: equal when nothing was touched.
    func snapshot(_ bundle: Path) throws -> [String] {
        try names(bundle).map { name in
            "\(name) \(SHA256.hex(of: try read(bundle / Path(name))))"
        } + ["\(try status(bundle).modified)"]
    }

    /// Does it again while somebody else, who may be a child before its exec, holds a lease.
    func whileBusy<Result>(_ body: () throws -> Result?) throws -> Result {
        let deadline = Moment.now + .seconds(10)
        while Moment.now < deadline {
            if let result = try body() { return result }
            sched_yield()
        }
        throw Unready.busy
    }
}
