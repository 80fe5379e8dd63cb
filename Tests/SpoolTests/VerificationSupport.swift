import Linux
import SpoolFormat
import Testing

@testable import Spool

/// A spool with a job in each state, made by the service's own verbs: `d` done, `f` failed, `r`
/// rejected, `n` running with a dead worker, `p` and `q` queued.
final class Wreck {
    let temporary: TemporarySpool
    var spool: Spool { temporary.spool }

    static let places = [
        "queued/p", "queued/q", "running/n@1", "done/d", "failed/f", "rejected/r",
    ]

    init() throws {
        temporary = try TemporarySpool()
        let staging = try Staging(spool, orders: [Int64]())
        let refusal = Refusal(.invalidRequest, "No.")
        let drops = try ["d", "f", "n", "p", "q"].map { try temporary.pair($0) }
        _ = staging.take(drops + [try temporary.pair("r", refusal: refusal)])
        let queue = try JobQueue(spool, on: try EventLoop()) {}
        try run(queue) { claim in
            try temporary.write("running/d@1/out.1.part", Sample.png)
            return claim.complete(model: try #require(ModelName("m")), seed: 1)
        }
        try run(queue) { $0.fail("It went wrong.") }
        guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else { return }
        _ = try claim.makeDurable()
        _ = consume claim
        let isFree = try temporary.isFree("running/n@1")
        try #require(isFree)
        let places = try temporary.bundles()
        try #require(places == Wreck.places)
    }

    private func run(_ queue: JobQueue, _ end: (consuming Claim) throws -> Claim.End) throws {
        guard case .claimed(var claim) = try queue.next(offers: { _ in true }) else { return }
        _ = try claim.makeDurable()
        guard case .moved = try end(claim) else {
            Issue.record("not ended")
            return
        }
    }

    // MARK: Damage

    /// Replaces a record, keeping the mtime that the bundle had.
    func change(_ bundle: Path, _ edit: (inout JobRecord) -> Void) throws {
        let modified = try temporary.status(bundle).modified
        var record = try temporary.record(bundle)
        edit(&record)
        try replace(bundle / "status.json", JSONText.encode(record))
        try spool.root.directory(bundle).setModified(modified)
    }

    /// Writes other bytes into a file of a bundle.
    func replace(_ path: Path, _ bytes: [UInt8]) throws {
        let file = try spool.root.open(path)
        let identity = try file.status().identity
        let out = try spool.root.openOrCreate(path, mode: 0o644)
        try out.truncate(to: 0)
        try out.write(bytes)
        let same = try out.status().identity == identity
        try #require(same)
    }

    /// Turns one bit in the middle of a file.
    func damage(_ path: Path) throws {
        var bytes = try temporary.read(path)
        bytes[bytes.count / 2] ^= 1
        try replace(path, bytes)
    }

    /// Removes a file without a trace in the bundle's mtime.
    func remove(_ path: Path) throws {
        let modified = try temporary.status(path.parent).modified
        try spool.root.remove(path)
        try spool.root.directory(path.parent).setModified(modified)
    }

    /// Does something in a bundle without a trace in its mtime.
    func unnoticed(_ bundle: Path, _ body: () throws -> Void) throws {
        let modified = try temporary.status(bundle).modified
        try body()
        try spool.root.directory(bundle).setModified(modified)
    }

    /// A bundle as `cp -a` makes it.
    func copy(_ bundle: Path, to other: Path) throws {
        try temporary.makeDirectory(other)
        for name in try spool.names(in: bundle) {
            let mode = try temporary.status(bundle / name).mode
            try temporary.write(other / name, try temporary.read(bundle / name), mode: mode)
        }
        try spool.root.directory(other).setModified(try temporary.status(bundle).modified)
    }

    var result: Path {
        get throws { Path(try #require(try temporary.record("done/d").view.resultPath)) }
    }

    // MARK: What is found

    /// The breaks, as `I3 done/d`.
    func breaks(_ report: Verification.Report) -> [String] {
        report.findings.filter { $0.severity == .error }
            .map { "\($0.invariant.map(\.rawValue) ?? "") \($0.path)" }
    }

    func check() throws -> Verification.Report { try Verification(spool).run() }

    func repair() throws -> Verification.Report { try Verification(spool).repair() }

    var aside: [String] {
        get throws {
            try temporary.names(.hidden("aside")).flatMap {
                try temporary.names(.hidden("aside") / Path($0)).filter { $0 != "why.txt" }
            }
        }
    }
}

extension TemporarySpool {
    /// Every file's bytes in the spool but the service's own, sorted: what stations sent and what
    /// pipelines made.
    func station(_ directory: Path = ".") throws -> [[UInt8]] {
        let own = [BundleFile.record, BundleFile.reason, BundleFile.lease, "why.txt"]
        var contents: [[UInt8]] = []
        for name in try spool.names(in: directory) where !own.contains("\(name)") {
            let path = directory == "." ? name : directory / name
            switch try status(path).kind {
            case .directory where path != "status": contents += try station(path)
            case .file where directory != "." && directory != .hidden("tmp"):
                contents.append(try read(path))
            default: continue
            }
        }
        return contents.filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
