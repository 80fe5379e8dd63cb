import Linux

/// The built program, and how a test runs it.
enum Program {
    /// `$GPUSPOOL_BINARY`, else the one beside the running test bundle.
    static let path: Path =
        Host.variable("GPUSPOOL_BINARY")
        ?? (try? Host.resolve("/proc/self/exe").parent / "gpuspool")
        ?? "gpuspool"

    /// This process's environment without our own variables, and with these changes.
    static func environment(_ changes: [String: String] = [:]) -> [Path] {
        var entries: [Path] = []
        for (name, value) in Host.environment
        where !name.bytes.starts(with: "GPUSPOOL_".utf8) && changes["\(name)"] == nil {
            entries.append(Path(name.bytes + "=".utf8 + value.bytes))
        }
        return entries + changes.map { Path("\($0.key)=\($0.value)") }
    }
}

/// What a command printed, and how it ended.
struct Outcome: Equatable, CustomStringConvertible {
    let exit: Child.Exit
    let output: String
    let error: String

    var status: Int32? {
        guard case .status(let status) = exit else { return nil }
        return status
    }

    var description: String { "\(exit)\n--- stdout\n\(output)--- stderr\n\(error)---" }
}

/// Waits for a moment or for a child's end; the only place where a test waits.
enum Waiting {
    /// Returns after `duration`.
    static func pause(_ duration: Duration) throws {
        let loop = try EventLoop()
        let timer = try Timer(loop) { loop.stop() }
        timer.set(.now + duration)
        try loop.run()
    }

    /// Whether `child` has ended when this returns, at the latest after `duration`.
    static func isOver(_ child: Child, within duration: Duration) throws -> Bool {
        let loop = try EventLoop()
        var isOver = false
        let registration = try loop.watch(child.ended) {
            isOver = true
            loop.stop()
        }
        defer { registration.cancel() }
        let timer = try Timer(loop) { loop.stop() }
        timer.set(.now + duration)
        try loop.run()
        return isOver
    }
}

/// A process that a test started; it is killed with its group when the test lets go of it.
final class Daemon {
    let child: Child
    let log: Path

    init(_ child: Child, log: Path) {
        self.child = child
        self.log = log
    }

    var pid: Int32 { child.pid }

    /// What it printed so far.
    func printed() throws -> String { String(decoding: try Disk.read(log) ?? [], as: UTF8.self) }

    /// Waits for its end by itself.
    func end(within duration: Duration = .seconds(60)) throws -> Child.Exit {
        guard try Waiting.isOver(child, within: duration) else {
            throw Failure("process \(pid) did not end within \(duration)")
        }
        return child.reap()
    }

    /// Asks it to end and waits for that.
    func stop() throws -> Child.Exit {
        child.signal(.terminate)
        return try end()
    }

    /// Ends it at once, as the kernel or a power button would.
    func kill() {
        child.signal(.kill)
        _ = child.reap()
    }
}

/// Why a test cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
