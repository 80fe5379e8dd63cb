import Glibc
import Linux
import Testing

@Suite struct CommandTests {
    private func run(_ script: String, timeout: Duration = .seconds(60)) throws -> Command.Result {
        try Command.run("/bin/sh", ["-c", Path(script)], timeout: timeout)
    }

    static let commands: [(String, Child.Exit, String)] = [
        ("echo out; echo err >&2; exit 3", .status(3), "out\nerr\n"), (":", .status(0), ""),
        ("kill -9 $$", .signal(9), ""), ("printf 'no line'", .status(0), "no line"),
        // Without input, it reads nothing and ends.
        ("cat; echo end", .status(0), "end\n"),
        // It lives on without anything to read from it.
        ("echo first; exec >&- 2>&-; /bin/true; exit 7", .status(7), "first\n"),
        // Who keeps the output open does not keep us.
        ("sleep 1000 & echo started", .status(0), "started\n"),
    ]

    @Test(arguments: commands)
    func `a program's end and output are told`(
        script: String, exit: Child.Exit, output: String
    ) throws {
        let result = try run(script)
        #expect(result.exit == exit)
        #expect(String(decoding: result.output, as: UTF8.self) == output)
    }

    @Test(arguments: [65_536, 65_537, 1_000_000])
    func `a program that says much ends, and the first bytes are kept`(count: Int) throws {
        let result = try run("printf begin; head -c \(count - 5) /dev/zero; exit 4")
        #expect(result.exit == .status(4))
        #expect(result.output.count == 65_536)
        #expect(result.output.starts(with: "begin".utf8))
        #expect(result.output.dropFirst(5).allSatisfy { $0 == 0 })
    }

    @Test func `a program that does not start is an error`() {
        let error = failure { () throws(SystemError) in
            _ = try Command.run("/none", [], timeout: .seconds(60))
        }
        #expect(error?.code == .notFound)
    }

    /// Each process of the group holds the FIFO open: its end shows that none is left.
    @Test func `a program that takes too long is killed with all it started`() throws {
        try withTemporaryDirectory { directory in
            #expect(mkfifo("\(directory.path)/fifo", 0o600) == 0)
            let fifo = try directory.open("fifo")
            let script = "exec 5>'\(directory.path)/fifo'; echo busy; sleep 1000 & wait"
            let result = try run(script, timeout: .milliseconds(300))
            #expect(result.exit == nil)
            #expect(["busy\n", ""].contains(String(decoding: result.output, as: UTF8.self)))
            // Without a writer a FIFO is at its end, and never an event if it never had one.
            while try fifo.descriptor.read(upTo: 1) != nil {
                let loop = try EventLoop()
                let registration = try loop.watch(fifo.descriptor) { loop.stop() }
                try loop.runUntilStopped()
                registration.cancel()
            }
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .microseconds(1)])
    func `no time at all is too short`(timeout: Duration) throws {
        #expect(try run("sleep 1000", timeout: timeout).exit == nil)
    }
}
