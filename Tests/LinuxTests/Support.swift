import Glibc
import Linux
import Testing

/// Gives `body` a directory of its own, and removes it with all that it holds.
func withTemporaryDirectory(
    in parent: Path = Host.variable("TMPDIR") ?? "/tmp",
    _ body: (borrowing Directory) throws -> Void
) throws {
    let parent = try Directory(parent)
    let digits = Host.random(8).map { String($0, radix: 36) }.joined()
    let name = Path("gpuspool-test-\(digits)")
    try parent.makeDirectory(name, mode: 0o755)
    let outcome = Result { try body(try parent.directory(name)) }
    try parent.removeTree(name)
    try outcome.get()
}

/// What a call that must fail throws; nil when it does not.
func failure(_ body: () throws(SystemError) -> Void) -> SystemError? {
    do throws(SystemError) {
        try body()
        return nil
    } catch { return error }
}

extension Directory {
    /// Makes a file with this content.
    borrowing func write(_ text: String, to name: Path) throws(SystemError) {
        let file = try create(name, mode: 0o644)
        try file.write(text.utf8)
    }

    /// The content of a file.
    borrowing func text(of name: Path) throws(SystemError) -> String {
        String(decoding: try open(name).contents(limit: 1 << 20), as: UTF8.self)
    }

    /// The names in it, sorted.
    borrowing func sortedNames() throws(SystemError) -> [Path] { try names().sorted() }
}

extension EventLoop {
    /// Runs until `stop`; records a failure when nobody stops it. No test comes near the limit.
    func runUntilStopped(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let deadline = try Timer(self) { [unowned self] in
            Issue.record("what was waited for did not happen", sourceLocation: sourceLocation)
            stop()
        }
        deadline.set(.now + .seconds(60))
        try run()
    }
}

/// Takes a descriptor, so that it is closed.
func close(_ descriptor: consuming Descriptor) {}

/// Takes an end out of a pipe.
func take(_ end: inout Descriptor?) throws -> Descriptor {
    guard let descriptor = end.take() else { throw TestProblem.endIsTaken }
    return descriptor
}

/// A mistake in a test itself.
enum TestProblem: Error { case endIsTaken }

/// Takes a file, so that it is closed.
func close(_ file: consuming File) {}

/// All that comes from a descriptor until its other side is closed.
func output(of reading: borrowing Descriptor) throws -> String {
    let loop = try EventLoop()
    var bytes: [UInt8] = []
    var isOpen = true
    try reading.makeNonBlocking()
    while isOpen {
        let registration = try loop.watch(reading) { loop.stop() }
        try loop.runUntilStopped()
        registration.cancel()
        let piece = try reading.read(upTo: 65_536)
        isOpen = piece != nil
        bytes += piece ?? []
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Starts `/bin/sh -c script`, with what it prints going to a descriptor.
func shell(_ script: String, printingTo output: Int32) throws(SystemError) -> Child {
    let null = try Directory("/dev").openOrCreate("null", mode: 0)
    return try Child(
        "/bin/sh", arguments: ["-c", Path(script)],
        descriptors: [null.descriptor.number, output, null.descriptor.number],
        in: Directory("/"))
}

/// Runs `/bin/sh -c script` to its end and gives what it prints.
func printed(by script: String) throws -> String {
    var pipe = try Pipe()
    let writing = try take(&pipe.writing)
    let child = try shell(script, printingTo: writing.number)
    close(writing)
    let reading = try take(&pipe.reading)
    let text = try output(of: reading)
    _ = child.reap()
    return text
}

/// Lets a process of a test's own die of SIGALRM when it hangs. No test comes near the limit, but
/// on a busy machine the tests beside it keep the one that reads its output waiting.
func dieWhenStuck() { alarm(300) }

/// Waits until a process has ended; at once if it is gone.
func waitForEnd(of pid: Int32, startedAt start: UInt64?) throws {
    let loop = try EventLoop()
    let watch = try ProcessWatch(pid: pid, start: start ?? 0, on: loop) { loop.stop() }
    if watch != nil { try loop.runUntilStopped() }
}
