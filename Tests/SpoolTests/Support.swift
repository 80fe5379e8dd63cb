import Glibc
import Linux
import SpoolFormat
import Synchronization
import Testing

@testable import Spool

/// A spool in a directory of its own under `/tmp`, removed with the value.
final class TemporarySpool {
    let spool: Spool

    init(_ adjust: (inout Settings) -> Void = { _ in }) throws {
        var settings = Settings()
        settings.minFreeBytes = 0
        Signals.ignorePipeAndLease()
        adjust(&settings)
        let path = Path("/tmp/gpuspool-test.\(Host.pid).\(Hexadecimal.text(of: Host.random(6)))")
        try SpoolLayout.make(at: path, settings: settings)
        spool = try Spool(path, settings: settings, log: Log())
    }

    deinit {
        do {
            try Directory(spool.path.parent).removeTree(spool.path.lastComponent)
        } catch { Issue.record(error) }
    }

    // MARK: Files, by their path from the spool's root

    func write(_ path: Path, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        let file = try spool.root.create(path, mode: mode)
        try file.write(bytes)
        try file.setMode(mode)
        _ = consume file
        try waitUntilClosed(path)
    }

    /// A child that another test starts this moment has a copy of our descriptor until its exec.
    private func waitUntilClosed(_ path: Path) throws {
        let file = try spool.root.open(path)
        let isClosed = try eventually { try file.isClosedByWriters() != false }
        try #require(isClosed, "'\(path)' stays open")
    }

    func write(_ path: Path, _ text: String) throws { try write(path, Array(text.utf8)) }

    /// As a careful client does it: under a name that is never taken, then renamed.
    func rename(into path: Path, _ bytes: [UInt8]) throws {
        let way = Path(path.bytes + ".part".utf8)
        try write(way, bytes)
        try spool.root.replace(path, with: way)
    }

    func rename(into path: Path, _ text: String) throws {
        try rename(into: path, Array(text.utf8))
    }

    /// Appends as a sender does that has the file open.
    func append(_ path: Path, _ text: String) throws {
        let bytes = try read(path) + text.utf8
        let file = try spool.root.openOrCreate(path, mode: 0o644)
        try file.truncate(to: 0)
        try file.write(bytes)
        _ = consume file
        try waitUntilClosed(path)
    }

    func makeDirectory(_ path: Path) throws { try spool.root.makeDirectory(path, mode: 0o755) }

    func link(_ path: Path, to target: Path) throws {
        let result = Glibc.symlink("\(target)", "\(spool.path / path)")
        try #require(result == 0)
    }

    func hardLink(_ path: Path, to target: Path) throws {
        let result = Glibc.link("\(spool.path / target)", "\(spool.path / path)")
        try #require(result == 0)
    }

    func giveAway(_ path: Path, to user: UInt32) throws {
        let result = Glibc.chown("\(spool.path / path)", user, user)
        try #require(result == 0)
    }

    func read(_ path: Path) throws -> [UInt8] { try spool.root.open(path).contents(limit: 1 << 24) }

    func text(_ path: Path) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    func status(_ path: Path) throws -> FileStatus { try #require(try spool.root.status(of: path)) }

    func exists(_ path: Path) throws -> Bool { try spool.root.status(of: path) != nil }

    func names(_ path: Path) throws -> [String] {
        try spool.names(in: path).map(\.description).sorted()
    }

    /// The names in all five states and staging, as `STATE/NAME`.
    func bundles() throws -> [String] {
        try (JobState.allCases.map { Path($0) } + [.hidden("staging")]).flatMap { state in
            try names(state).map { "\(state.lastComponent)/\($0)" }
        }
    }

    func record(_ bundle: Path) throws -> JobRecord {
        try #require(JSONText.decode(JobRecord.self, from: try read(bundle / "status.json")))
    }

    /// What asking for a bundle's lease gives.
    func leaseState(_ bundle: Path) throws -> String {
        switch try spool.lease(bundle) {
        case .held: "held"
        case .busy: "busy"
        case .gone: "gone"
        }
    }

    /// Whether a bundle's lease is free; waits for children that have not reached their exec.
    func isFree(_ bundle: Path) throws -> Bool {
        try eventually { try leaseState(bundle) == "held" }
    }

    // MARK: Drops

    /// A drop of files that stand in `incoming/`.
    func drop(
        _ id: String, _ members: [(source: Path, name: Path, role: Drop.Member.Role)],
        folder: Path? = nil, refusal: Refusal? = nil
    ) throws -> Drop {
        Drop(
            id: try JobID(id), station: nil, droppedAs: Path(id),
            createdAt: Timestamp(nanoseconds: 1_705_314_600_000_000_000), folder: folder,
            members: try members.map {
                Drop.Member(
                    source: $0.source, name: $0.name, identity: try status($0.source).identity,
                    role: $0.role)
            }, refusal: refusal)
    }

    /// Writes a pair to `incoming/` and makes a drop of it.
    func pair(
        _ id: String, json: String = #"{"instruction": "blur"}"#, image: [UInt8] = Sample.png,
        refusal: Refusal? = nil
    ) throws -> Drop {
        try write(.incoming / "\(id).json", json)
        try write(.incoming / "\(id).png", image)
        return try pairDrop(id, refusal: refusal)
    }

    /// The drop of a pair that stands in `incoming/`.
    func pairDrop(_ id: String, refusal: Refusal? = nil) throws -> Drop {
        try drop(
            id,
            [
                (.incoming / "\(id).json", "request.json", .request),
                (.incoming / "\(id).png", "\(id).png", .image),
            ], refusal: refusal)
    }

    /// Jobs in `queued/`, in this order.
    func admit(_ ids: String..., json: String = #"{"instruction": "blur"}"#) throws {
        try admit(ids, json: json)
    }

    /// Queued jobs of a station, in this order.
    func admit(_ stems: String..., of station: String?) throws {
        let sender = try station.map { try #require(StationName($0)) }
        for stem in stems {
            let id = try JobID(stem: Array(stem.utf8), station: sender)
            let pair = try pair("\(Path(id))")
            let drop = Drop(
                id: id, station: sender, droppedAs: Path(stem), createdAt: pair.createdAt,
                folder: nil, members: pair.members, refusal: nil)
            guard case .admitted? = try Staging(spool, orders: [Int64]()).take([drop]).first else {
                Issue.record("not admitted: \(Path(id))")
                return
            }
        }
    }

    func admit(_ ids: [String], json: String = #"{"instruction": "blur"}"#) throws {
        let drops = try ids.map { try pair($0, json: json) }
        for outcome in try Staging(spool, orders: [Int64]()).take(drops) {
            guard case .admitted = outcome else {
                Issue.record("not admitted: \(outcome)")
                return
            }
        }
    }
}

/// Images and JSONs.
enum Sample {
    /// 40 × 30 and structurally whole; it does not decode.
    static let png =
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        + chunk("IHDR", [0, 0, 0, 40, 0, 0, 0, 30, 8, 2, 0, 0, 0])
        + chunk("IDAT", [0x78, 0x9C, 1, 2, 3]) + chunk("IEND", [])

    private static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
        let content = Array(type.utf8) + body
        return big(UInt32(body.count)) + content + big(checksum(content))
    }

    private static func big(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }

    /// CRC-32 of the PNG specification.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(0xFFFF_FFFF) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in
                sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1
            }
        }
    }

    /// A real photo of `Tests/Photos`.
    static func photo(_ name: Path) throws -> [UInt8] {
        let photos = Path(#filePath).parent.parent / "Photos"
        return try Directory(photos).open(name).contents(limit: 1 << 24)
    }
}

/// Asks again and again until it is so, for 10 s at most.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Moment.now + .seconds(10)
    while Moment.now < deadline {
        if try condition() { return true }
        sched_yield()
    }
    return try condition()
}

/// Runs `body` in as many threads at once; what they returned.
func inThreads<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
) throws -> [Result] {
    let results = Results<Result>()
    let threads = try (0..<count).map { index in
        let work = Work { results.add(Swift.Result { try body(index) }) }
        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        try #require(error == 0)
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
    return try results.all.map { try $0.get() }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private final class Results<Value: Sendable>: Sendable {
    private let values = Mutex<[Result<Value, any Error>]>([])

    func add(_ value: Result<Value, any Error>) { values.withLock { $0.append(value) } }

    var all: [Result<Value, any Error>] { values.withLock { $0 } }
}

extension JobID {
    init(_ text: String) throws { try self.init(Array(text.utf8)) }
}

extension Path: ExpressibleByStringInterpolation {}
