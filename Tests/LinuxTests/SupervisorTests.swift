import TestSupport
import Testing

@testable import Linux

/// What a real socket receives.
@Suite struct SupervisorTests {
    @Test(arguments: ["path", "abstract"])
    func `lines reach a socket with a path and one with an abstract name`(_ kind: String) throws {
        try withTemporaryDirectory { directory in
            let address =
                kind == "path" ? directory.path / "notify" : Path("@\(directory.path)/notify")
            let socket = try ManagerSocket(at: address)
            let manager = try Supervisor(at: address, watchdog: nil)
            #expect(manager.tell(["READY=1", "STATUS=Idle"]))
            #expect(manager.tellReloading())
            let heard = socket.take()
            #expect(heard.first == "READY=1\nSTATUS=Idle")
            let lines = try #require(heard.last).split(separator: "\n")
            #expect(lines.first == "RELOADING=1")
            let time = try #require(lines.last.flatMap { Int64($0.dropFirst(15)) })
            #expect(lines.last?.hasPrefix("MONOTONIC_USEC=") == true && time > 0)
        }
    }

    @Test func `a manager that is gone, or does not read, stops nobody`() throws {
        try withTemporaryDirectory { directory in
            let address = directory.path / "notify"
            #expect(!(try Supervisor(at: address, watchdog: nil).tell(["READY=1"])))
            let socket = try ManagerSocket(at: address)
            socket.fill(from: address)
            let manager = try Supervisor(at: address, watchdog: nil)
            #expect(!manager.tell(["READY=1"]))
            socket.take()
            #expect(manager.tell(["READY=1"]))
            #expect(socket.take() == ["READY=1"])
        }
    }

    @Test(arguments: ["relative/notify", "vsock:2:1234", "/" + String(repeating: "n", count: 120)])
    func `what cannot be an address is refused`(_ address: String) throws {
        let error = failure { () throws(SystemError) in
            _ = try Supervisor(at: Path(address), watchdog: nil)
        }
        #expect(error?.code == .invalid)
        #expect(error?.paths == [Path(address)])
    }
}
