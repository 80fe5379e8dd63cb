import Linux
import SpoolFormat
import Testing

@testable import Spool

/// An inbox on a clock of its own: what its files do is real, the time between is not.
final class Doorway {
    let temporary: TemporarySpool
    let loop: EventLoop
    let inbox: Inbox
    private let inotify: Inotify
    private(set) var now = Moment.now

    init(_ adjust: (inout Settings) -> Void = { _ in }) throws {
        temporary = try TemporarySpool(adjust)
        loop = try EventLoop()
        inotify = try Inotify(loop) {}
        inbox = try Inbox(temporary.spool, inotify: inotify)
    }

    /// Lets time go by, reads the events and judges all drops.
    func candidates(after duration: Duration = .zero) throws -> [Candidate] {
        now = now + duration
        for event in try inotify.drain() { _ = inbox.note(event) }
        let pass = inbox.pass(now: now)
        if let problem = pass.problem { throw problem }
        return pass.candidates.sorted { Path($0.key.stem) < Path($1.key.stem) }
    }

    /// What happened until now raised no event.
    func missEvents() throws { _ = try inotify.drain() }

    /// The same in words, as in `a: admit` or `a/: wait 300 ms for the end of 'a.png'`.
    func look(after duration: Duration = .zero) throws -> [String] {
        try candidates(after: duration).map { candidate in
            let name = "\(Path(candidate.key.stem))\(candidate.key.file == nil ? "/" : "")"
            return switch candidate.judgement {
            case .admit: "\(name): admit"
            case .refuse(let refusal): "\(name): refuse \(refusal.code.rawValue)"
            case .wait(let until, let what, _):
                "\(name): wait \((until - now).nanoseconds / 1_000_000) ms for \(what)"
            }
        }
    }

    /// The details of all refusals and errors that are shown meanwhile.
    func details(after duration: Duration = .zero) throws -> [String] {
        try candidates(after: duration).compactMap { candidate in
            switch candidate.judgement {
            case .admit: nil
            case .refuse(let refusal): refusal.detail
            case .wait(_, _, let error): error
            }
        }
    }

    // MARK: Files in incoming/

    func write(_ name: Path, _ bytes: [UInt8]) throws {
        try temporary.write(.incoming / name, bytes)
    }

    func write(_ name: Path, _ text: String) throws { try write(name, Array(text.utf8)) }

    func rename(into name: Path, _ bytes: [UInt8]) throws {
        try temporary.rename(into: .incoming / name, bytes)
    }

    func rename(into name: Path, _ text: String) throws {
        try rename(into: name, Array(text.utf8))
    }

    /// Renames into place, later than `other` by the kernel's clock, which goes in ticks.
    func rename(into name: Path, after other: Path, _ bytes: [UInt8]) throws {
        let status = try temporary.status(.incoming / other)
        let isLater = try eventually {
            try rename(into: name, bytes)
            return try temporary.status(.incoming / name).changed > status.changed
        }
        try #require(isLater)
    }

    func remove(_ name: Path) throws { try temporary.spool.root.remove(.incoming / name) }

    /// A good pair, renamed into place.
    func renamePair(_ stem: String, json: String = #"{"instruction":"blur"}"#) throws {
        try rename(into: "\(stem).png", Sample.png)
        try rename(into: "\(stem).json", json)
    }
}
