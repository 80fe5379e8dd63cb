internal import CLinux
internal import Glibc

/// A signal that a process handles or sends.
public enum Signal: Int32, Sendable {
    /// Reread the settings.
    case hangUp = 1
    /// Stop, from the keyboard.
    case interrupt = 2
    /// Die at once.
    case kill = 9
    /// A process group's pipe has no reader any more.
    case pipe = 13
    /// Stop.
    case terminate = 15
    /// A lease is being broken, or input is possible.
    case io = 29
    /// The terminal has another size.
    case windowChanged = 28
}

/// Turns signals into events of the loop.
public final class Signals {
    private let descriptor: Descriptor
    private var registration: EventLoop.Registration?

    /// Blocks `signals` for this thread and calls `handler` for each that comes.
    ///
    /// The corresponding system call is `signalfd`.
    public init(
        _ signals: [Signal], on loop: EventLoop, handler: @escaping (Signal) -> Void
    ) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal.rawValue) }
        sigprocmask(SIG_BLOCK, &set, nil)
        let flags = Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK)
        descriptor = Descriptor(owning: try retrying("signalfd") { signalfd(-1, &set, flags) })
        registration = try loop.watch(descriptor) { [unowned self] in
            while let signal = next() { handler(signal) }
        }
    }

    deinit { registration?.cancel() }

    private func next() -> Signal? {
        let size = MemoryLayout<signalfd_siginfo>.size
        guard let bytes = try? descriptor.read(upTo: size), bytes.count == size else { return nil }
        let number = bytes.withUnsafeBytes { $0.loadUnaligned(as: signalfd_siginfo.self).ssi_signo }
        return Signal(rawValue: Int32(number))
    }

    /// Lets writes to closed pipes fail with EPIPE, and leases break, without killing us.
    public static func ignorePipeAndLease() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGIO, SIG_IGN)
    }
}
