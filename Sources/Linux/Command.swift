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
        let deadline = Moment.now + timeout
        while true {
            let left = (deadline - .now).nanoseconds / 1_000_000
            guard left > 0 else { return Result(exit: nil, output: output) }
            var polled = [
                pollfd(fd: child.ended.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: reading.number, events: Int16(POLLIN), revents: 0),
            ]
            let milliseconds = Int32(clamping: left)
            try retrying("poll") { poll(&polled, 2, milliseconds) }
            let isOver = polled[0].revents != 0
            while output.count < 65_536, let bytes = try reading.read(upTo: 4096), !bytes.isEmpty {
                output += bytes
            }
            if isOver { return Result(exit: child.reap(), output: output) }
            // The reader's end stays readable after the last writer closed it: wait for the child.
            // Nor is what comes after the first bytes of interest.
            if polled[1].revents & Int16(POLLHUP) != 0 || output.count >= 65_536 {
                polled[1].fd = -1
                try retrying("poll") { poll(&polled, 1, milliseconds) }
            }
        }
    }

    private static func drop(_ descriptor: consuming Descriptor) {}
}
