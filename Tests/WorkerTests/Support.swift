import Linux
import SpoolFormat
import TestSupport
import Testing

@testable import Spool
@testable import Worker

/// A spool in a directory of its own under `/tmp`, removed with the value.
final class TemporarySpool {
    let spool: Spool
    let loop: EventLoop

    init(_ adjust: (inout Settings) -> Void = { _ in }) throws {
        Signals.ignorePipeAndLease()
        var settings = Settings()
        adjust(&settings)
        let path = Path("/tmp/gpuspool-test.\(Host.pid).\(Hexadecimal.text(of: Host.random(6)))")
        try SpoolLayout.make(at: path, settings: settings)
        spool = try Spool(path, settings: settings, log: Log())
        loop = try EventLoop()
    }

    deinit {
        do {
            try Directory(spool.path.parent).removeTree(spool.path.lastComponent)
        } catch { Issue.record(error) }
    }

    func write(_ path: Path, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        let file = try spool.root.create(path, mode: mode)
        try file.write(bytes)
        try file.setMode(mode)
    }

    func write(_ path: Path, _ text: String, mode: UInt32 = 0o644) throws {
        try write(path, Array(text.utf8), mode: mode)
    }

    func text(_ path: Path) throws -> String {
        String(decoding: try spool.root.open(path).contents(limit: 1 << 24), as: UTF8.self)
    }

    func names(_ path: Path) throws -> [String] {
        try spool.names(in: path).map(\.description).sorted()
    }

    /// The names in all five states, as `STATE/NAME`.
    func bundles() throws -> [String] {
        try JobState.allCases.flatMap { state in
            try names(Path(state)).map { "\(state.rawValue)/\($0)" }
        }
    }

    func card(_ name: String) throws -> WorkerCard {
        try #require(try cardIfPresent(name))
    }

    func cardIfPresent(_ name: String) throws -> WorkerCard? {
        try spool.read(.card(ofWorker: name)).flatMap {
            JSONText.decode(WorkerCard.self, from: $0)
        }
    }

    /// An executable shell script in the spool's directory.
    func script(_ name: Path, _ text: String) throws -> Path {
        try write(name, "#!/bin/sh\n" + text, mode: 0o755)
        return spool.path / name
    }

    /// A job in `queued/` with a real photo.
    func admit(_ id: String, _ json: String) throws {
        let tests = Path(#filePath).parent.parent
        let photo = try Directory(tests / "Photos").open("cat.png").contents(limit: 1 << 24)
        let sources: [(Path, Drop.Member.Role)] = [
            (.incoming / Path("\(id).json"), .request), (.incoming / Path("\(id).png"), .image),
        ]
        try write(sources[0].0, json)
        try write(sources[1].0, photo)
        let members = try sources.map { source, role in
            Drop.Member(
                source: source, name: role == .request ? "request.json" : source.lastComponent,
                identity: try #require(try spool.root.status(of: source)).identity, role: role)
        }
        let drop = Drop(
            id: try JobID(Array(id.utf8)), station: nil, droppedAs: Path(id), createdAt: .now,
            folder: nil, members: members, refusal: nil)
        guard case .admitted = try Staging(spool, orders: [Int64]()).take([drop]).first else {
            Issue.record("not admitted")
            return
        }
    }

    /// Runs the loop until it is so.
    func run(until condition: @escaping () throws -> Bool) throws {
        let isSo = try loop.run(until: condition)
        let bundles = try bundles()
        try #require(isSo, "not in time: \(bundles)")
    }
}

extension Command.Result {
    var text: String { String(decoding: output, as: UTF8.self) }
}
