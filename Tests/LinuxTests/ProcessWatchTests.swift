import Glibc
import Linux
import Testing

@Suite struct ProcessWatchTests {
    private func sleeper() throws -> (child: Child, start: UInt64) {
        let child = try shell("exec sleep 1000", printingTo: 2)
        return (child, try #require(ProcessWatch.startTime(of: child.pid)))
    }

    @Test func `the end of a process is told once`() throws {
        let (child, start) = try sleeper()
        let loop = try EventLoop()
        var count = 0
        let watch = try #require(
            try ProcessWatch(pid: child.pid, start: start, on: loop) {
                count += 1
                loop.atEndOfTurn { loop.stop() }
            })
        watch.signal(.terminate)
        try loop.runUntilStopped()
        loop.atEndOfTurn { loop.stop() }
        try loop.runUntilStopped()
        #expect(count == 1)
        #expect(child.reap() == .signal(15))
    }

    @Test func `a process that started at another time is another one`() throws {
        let (child, start) = try sleeper()
        let watch = try ProcessWatch(pid: child.pid, start: start + 1, on: try EventLoop()) {}
        #expect(watch == nil)
    }

    @Test func `a process that is gone is not watched`() throws {
        let (child, start) = try sleeper()
        child.signal(.kill)
        _ = child.reap()
        for pid in [child.pid, 0, -1] {
            let watch = try ProcessWatch(pid: pid, start: start, on: try EventLoop()) {}
            #expect(watch == nil)
        }
        #expect(ProcessWatch.startTime(of: child.pid) != start)
    }

    @Test func `a process that ended and is not reaped does not run`() throws {
        let (child, start) = try sleeper()
        #expect(ProcessWatch.isRunning(child.pid))
        child.signal(.kill)
        try waitForEnd(of: child.pid, startedAt: start)
        #expect(!ProcessWatch.isRunning(child.pid))
        #expect(ProcessWatch.startTime(of: child.pid) == start)
        #expect(ProcessWatch.isRunning(getpid()))
        #expect(!ProcessWatch.isRunning(-1))
    }

    /// `/proc/PID/stat` gives the name in parentheses, unescaped.
    @Test func `a program's name does not mislead`() throws {
        try withTemporaryDirectory { directory in
            let name = "a) R 1 (b"
            #expect(symlink("/bin/sleep", "\(directory.path)/\(name)") == 0)
            let before = try #require(ProcessWatch.startTime(of: getpid()))
            let child = try Child(
                directory.path / Path(name), arguments: ["1000"], descriptors: [2, 2, 2],
                in: directory)
            let start = try #require(ProcessWatch.startTime(of: child.pid))
            #expect(start >= before)
            #expect(ProcessWatch.isRunning(child.pid))
        }
    }
}
