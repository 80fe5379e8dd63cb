internal import CLinux
internal import Glibc

/// A child process in a process group of its own. It dies with the thread that started it, and
/// inherits no descriptor but those it is given.
public final class Child {
    /// How a child ended.
    public enum Exit: Hashable, Sendable, CustomStringConvertible {
        /// By itself, with this status.
        case status(Int32)
        /// By this signal.
        case signal(Int32)

        /// In words: `exit status 3`, `signal 9 (Killed)`.
        public var description: String {
            switch self {
            case .status(let status): "exit status \(status)"
            case .signal(let number):
                "signal \(number) (\(strsignal(number).map { String(cString: $0) } ?? "?"))"
            }
        }
    }

    /// The process, and its group.
    public let pid: Int32
    /// Becomes readable when the process has ended; see `reap`.
    public let ended: Descriptor
    private var exit: Exit?

    /// Starts a program; `descriptors[i]` becomes its descriptor `i`.
    ///
    /// `program` is a path, not looked up. Throws what exec said, too. The corresponding system
    /// calls are `vfork`, `execve` and `pidfd_open`.
    public init(
        _ program: Path, arguments: [Path], environment: [Path]? = nil, descriptors: [Int32],
        in directory: borrowing Directory
    ) throws(SystemError) {
        let environment =
            environment
            ?? Host.environment.map { Path($0.key.bytes + [UInt8(ascii: "=")] + $0.value.bytes) }
        let directory = directory.descriptor.raw
        pid = try Child.withStrings([program] + arguments) { (argv) throws(SystemError) in
            try Child.withStrings(environment) { (envp) throws(SystemError) in
                try retrying("exec", program) {
                    program.withCString { path in
                        descriptors.withUnsafeBufferPointer {
                            var request = clinux_spawn()
                            request.path = path
                            request.argv = argv
                            request.envp = envp
                            request.descriptors = $0.baseAddress
                            request.descriptor_count = Int32($0.count)
                            request.directory = directory
                            return clinux_spawn(&request)
                        }
                    }
                }
            }
        }
        let pid = pid
        do throws(SystemError) {
            // It is our child and not reaped: the number cannot belong to another process.
            ended = Descriptor(owning: try retrying("pidfd_open") { clinux_pidfd_open(pid) })
        } catch {
            _ = Glibc.kill(-pid, SIGKILL)
            _ = Child.reap(pid)
            throw error
        }
    }

    deinit {
        signal(.kill)
        _ = reap()
    }

    /// Sends a signal to the child's whole group, as long as the child is not reaped.
    public func signal(_ signal: Signal) {
        guard exit == nil else { return }
        _ = Glibc.kill(-pid, signal.rawValue)
    }

    /// Waits for the end of the child and takes its status; kills what is left of its group.
    public func reap() -> Exit {
        if let exit { return exit }
        let exit = Child.reap(pid)
        self.exit = exit
        return exit
    }

    private static func reap(_ pid: Int32) -> Exit {
        var status: Int32 = 0
        // Before the pid is free for others: the group may outlive its leader.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        _ = Glibc.kill(-pid, SIGKILL)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }

    private static func withStrings<Result>(
        _ strings: [Path],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = []
        for string in strings { pointers.append(string.withCString { strdup($0) }) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        return try pointers.withUnsafeMutableBufferPointer { (buffer) throws(SystemError) in
            guard let start = buffer.baseAddress else {
                throw SystemError("exec", [], code: EINVAL)
            }
            return try body(start)
        }
    }
}
