import Linux
import TestSupport

/// What a service manager would give a process, and hears from it.
struct Manager {
    private let spool: TestSpool
    /// Where it listens.
    let address: Path
    let socket: ManagerSocket

    init(in spool: TestSpool) throws {
        self.spool = spool
        address = spool.folder / "notify"
        socket = try ManagerSocket(at: address)
    }

    /// The environment of a service.
    func environment(watchdog microseconds: Int? = nil) -> [String: String] {
        var variables = ["NOTIFY_SOCKET": "\(address)"]
        if let microseconds { variables["WATCHDOG_USEC"] = "\(microseconds)" }
        return variables
    }

    /// Waits until a line like this is told; those of its message.
    @discardableResult
    func wait(for line: String) throws -> [String] {
        try spool.wait(for: "'\(line)' among \(socket.heard)") {
            let message = socket.next { $0.split(separator: "\n").contains { $0.hasPrefix(line) } }
            return message?.split(separator: "\n").map(String.init)
        }
    }
}

extension Manager {
    /// How often it was told that the process lives.
    var lives: Int { socket.heard.count { $0 == "WATCHDOG=1" } }
}
