import Linux
import SpoolFormat
import TestSupport
import Testing

@testable import Spool

/// A watcher that serves a spool in this process, and what its senders and operators see of it.
final class Watching {
    let temporary: TemporarySpool
    private(set) var loop: EventLoop
    private(set) var watcher: Watcher?
    private var barriers = 0

    /// Starts the watcher at once, or with `start`.
    init(starts: Bool = true, _ adjust: (inout Settings) -> Void = { _ in }) throws {
        temporary = try TemporarySpool(adjust)
        loop = try EventLoop()
        if starts { try start() }
    }

    func start() throws { watcher = try Watcher.start(temporary.spool, on: loop) }

    /// As a crash does it between two turns.
    func kill() throws {
        watcher = nil
        loop = try EventLoop()
    }

    /// Runs the loop until it is so.
    func wait(until condition: @escaping () throws -> Bool) throws {
        let isSo = try loop.run(until: condition)
        let bundles = try temporary.bundles()
        try #require(isSo, "not in time: \(bundles)")
    }

    /// Waits until the bundles stand like this.
    func wait(for bundles: String...) throws {
        try wait { [temporary] in try temporary.bundles() == bundles }
    }

    // MARK: Orders

    /// Drops an order.
    func order(_ name: Path, in box: Path = .incoming) throws {
        try temporary.write(box / name, "")
    }

    /// Drops an order and waits until it was obeyed, or answered.
    func obeyed(_ name: Path, in box: Path = .incoming) throws {
        try order(name, in: box)
        try wait { [temporary] in try !temporary.exists(box / name) }
    }

    /// Waits until the watcher has looked at everything that stands in the drop boxes now.
    func pass() throws {
        barriers += 1
        try obeyed("nobody-\(barriers).release")
    }

    /// The orders that stand, as `held/a`.
    func orders() throws -> [String] {
        try JobOrder.allCases.flatMap { order in
            try temporary.names(.hidden(order.rawValue)).map { "\(order.rawValue)/\($0)" }
        }
    }

    // MARK: Drops

    /// A pair, renamed into place.
    func drop(_ stem: String, in box: Path = .incoming) throws {
        try temporary.rename(into: box / Path(stem + ".png"), Sample.png)
        try temporary.rename(into: box / Path(stem + ".json"), #"{"instruction":"blur"}"#)
    }

    /// The view of a job, as it is on disk.
    func view(_ id: String) throws -> JobView? {
        try temporary.spool.read(.view(of: try JobID(id))).flatMap {
            JSONText.decode(JobView.self, from: $0)
        }
    }

    /// The view of the queue, as it is on disk.
    func queue() throws -> QueueView? {
        try temporary.spool.read(.queueView).flatMap {
            JSONText.decode(QueueView.self, from: $0)
        }
    }
}
