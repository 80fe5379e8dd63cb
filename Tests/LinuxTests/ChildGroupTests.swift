import Glibc
import Linux
import Testing

/// Nothing that a child started may go on when it should not.
@Suite struct ChildGroupTests {
    /// Starts a shell that prints the pid of a sleeper in its group.
    private func startSleeper(_ script: String) throws -> (child: Child, pid: Int32, start: UInt64)
    {
        var pipe = try Pipe()
        let writing = try take(&pipe.writing)
        let child = try shell(script, printingTo: writing.number)
        let reading = try take(&pipe.reading)
        let bytes = try #require(try reading.read(upTo: 100))
        let pid = try #require(Int32(String(decoding: bytes.dropLast(), as: UTF8.self)))
        return (child, pid, try #require(ProcessWatch.startTime(of: pid)))
    }

    @Test func `what is left of the group ends when the child is reaped`() throws {
        let (child, pid, start) = try startSleeper("sleep 1000 & echo $!; exit 3")
        #expect(child.reap() == .status(3))
        try waitForEnd(of: pid, startedAt: start)
    }

    @Test func `a signal goes to the whole group`() throws {
        let (child, pid, start) = try startSleeper("sleep 1000 & echo $!; wait")
        child.signal(.terminate)
        #expect(child.reap() == .signal(15))
        try waitForEnd(of: pid, startedAt: start)
    }

    @Test func `a child that nobody keeps is killed with its group`() throws {
        let pid: Int32
        let start: UInt64
        let own: Int32
        do {
            let sleeper = try startSleeper("sleep 1000 & echo $!; wait")
            (own, pid, start) = (sleeper.child.pid, sleeper.pid, sleeper.start)
        }
        try waitForEnd(of: pid, startedAt: start)
        #expect(ProcessWatch.startTime(of: own) != start, "it is reaped")
    }

    @Test func `a child tells its end to the loop`() throws {
        let (child, _, _) = try startSleeper("echo $$; exec sleep 1000")
        let loop = try EventLoop()
        let registration = try loop.watch(child.ended) { loop.stop() }
        child.signal(.kill)
        try loop.runUntilStopped()
        registration.cancel()
        #expect(child.reap() == .signal(9))
    }

    /// A worker that is killed must not leave a pipeline on the GPU.
    @Test func `a child dies with the process that started it`() async throws {
        let result = await #expect(
            processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
        ) {
            dieWhenStuck()
            let file = try Directory("/dev").open("null")
            let null = file.descriptor.number
            let child = try Child(
                "/bin/sleep", arguments: ["1000"], descriptors: [null, null, null],
                in: try Directory("/"))
            let start = try #require(ProcessWatch.startTime(of: child.pid))
            try StandardStream.output.write("sleeper \(child.pid) \(start) \n")
            kill(getpid(), SIGKILL)
        }
        let text = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        let place = try #require(words.firstIndex(of: "sleeper"))
        let pid = try #require(Int32(words[place + 1]))
        try waitForEnd(of: pid, startedAt: UInt64(words[place + 2]))
    }
}
