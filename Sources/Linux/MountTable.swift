/// Tells when something was mounted, unmounted or mounted anew: watched directories that are
/// mounted over tell nothing of it themselves.
///
/// It tells of every mount of this process's namespace, and of nothing else: it costs nothing
/// while nobody mounts.
public final class MountTable {
    private let file: File
    private var registration: EventLoop.Registration?

    /// Calls `changed` after each change. What is waited for is `EPOLLPRI` of
    /// `/proc/self/mountinfo`.
    public init(_ loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
        file = try Directory("/proc/self").open("mountinfo")
        registration = try loop.watch(file.descriptor, for: .exceptions, handler: changed)
    }

    deinit { registration?.cancel() }
}
