internal import CLinux
internal import Glibc

/// A process that is not ours to reap: tells when it is gone, and may be killed.
///
/// The pair of pid and start time names one process, whoever gets the pid later.
public final class ProcessWatch {
    private let descriptor: Descriptor
    private var registration: EventLoop.Registration?

    /// Watches the process `pid` that started at `start`; nil when it is gone.
    ///
    /// The corresponding system call is `pidfd_open`.
    public init?(
        pid: Int32, start: UInt64, on loop: EventLoop, ended: @escaping () -> Void
    ) throws(SystemError) {
        do throws(SystemError) {
            descriptor = Descriptor(owning: try retrying("pidfd_open") { clinux_pidfd_open(pid) })
        } catch {
            guard error.code == .noSuchProcess || error.code == .invalid else { throw error }
            return nil
        }
        // Looked up after the descriptor holds the process: the pid is not another's since.
        guard ProcessWatch.startTime(of: pid) == start else { return nil }
        registration = try loop.watch(descriptor) { [unowned self] in
            registration?.cancel()
            ended()
        }
    }

    deinit { registration?.cancel() }

    /// Sends a signal. The corresponding system call is `pidfd_send_signal`.
    public func signal(_ signal: Signal) {
        _ = clinux_pidfd_send_signal(descriptor.raw, signal.rawValue)
    }

    /// Whether a process is there and has not ended, reaped or not.
    public static func isRunning(_ pid: Int32) -> Bool {
        guard let fields = fields(of: pid), let state = fields.first else { return false }
        return state.first != UInt8(ascii: "Z") && state.first != UInt8(ascii: "X")
    }

    /// When a process started, in clock ticks since the machine did; nil when it is gone.
    public static func startTime(of pid: Int32) -> UInt64? {
        guard let fields = fields(of: pid), fields.count > 19 else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// The fields of `/proc/PID/stat` from the third on, the state.
    private static func fields(of pid: Int32) -> [ArraySlice<UInt8>]? {
        guard let bytes = try? Host.contents(of: "/proc" / Path("\(pid)/stat"), limit: 4096),
            // The second field, the program's name, may hold spaces and parentheses.
            let name = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        return bytes[(name + 1)...].split(separator: UInt8(ascii: " "))
    }
}
