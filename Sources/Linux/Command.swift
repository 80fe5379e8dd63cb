internal import CLinux
internal import Glibc

/// Runs a program to its end and takes what it prints; for short questions only.
public enum Command {
    /// What came of it.
    public struct Result: Sendable {
        /// How it ended; nil when it was killed because it took too long.
        public let exit: Child.Exit?
        /// The first bytes of what it wrote to standard output and standard error.
        public let output: [UInt8]
    }

    /// Runs `program` without input, waiting for `timeout` at most.
    ///
    /// The corresponding system calls are `vfork`, `execve` and `poll`.
    public static func run(_ program: Path, _ arguments: [Path], timeout: Duration)
        throws(SystemError) -> Result
    {
        var pipe = try Pipe()
        guard let reading = pipe.reading.take(), let writing = pipe.writing.take() else {
            preconditionFailure("a new pipe has two ends")
        }
        let null = try Directory("/dev").open("null")
        let child = try Child(
            program, arguments: arguments,
            descriptors: [null.descriptor.number, writing.number, writing.number],
            in: try Directory("."))
        drop(writing)
        try reading.makeNonBlocking()
        var output: [UInt8] = []
        var isOpen = true
        let deadline = Moment.now + timeout
        while true {
            let left = (deadline - .now).nanoseconds / 1_000_000
            guard left > 0 else { return Result(exit: nil, output: output) }
            var polled = [
                pollfd(fd: child.ended.number, events: Int16(POLLIN), revents: 0),
                // Its end would be an event forever; a negative number is passed over.
                pollfd(fd: isOpen ? reading.number : -1, events: Int16(POLLIN), revents: 0),
            ]
            try retrying("poll") { poll(&polled, 2, Int32(clamping: left)) }
            let isOver = polled[0].revents != 0
            // As much as a pipe holds: nothing is left in it by a child that is over.
            if let bytes = try reading.read(upTo: kept) {
                output += bytes.prefix(kept - output.count)
            } else {
                isOpen = false
            }
            if isOver { return Result(exit: child.reap(), output: output) }
        }
    }

    /// How many bytes of a program's output are kept; the rest is read and forgotten.
    private static let kept = 65_536

    private static func drop(_ descriptor: consuming Descriptor) {}
}
