internal import CLinux
internal import Glibc

/// One thread, one `epoll`: waits for descriptors, timers, signals and children, and calls
/// whoever asked. With nothing to wait for but events it makes no system call (I9).
public final class EventLoop {
    private struct Watched {
        let descriptor: Int32
        let handler: () -> Void
    }

    private let epoll: Descriptor
    private var watched: [UInt64: Watched] = [:]
    private var nextKey: UInt64 = 1
    private var requested: [() -> Void] = []
    private var isStopped = false
    /// Called when all that happened in a turn has been handled.
    public var turnEnded: () -> Void = {}

    /// An empty loop. The corresponding system call is `epoll_create1`.
    public init() throws(SystemError) {
        epoll = Descriptor(
            owning: try retrying("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    /// What to wait for on a descriptor; `exceptions` are those of `/proc/self/mountinfo`.
    ///
    /// With `arrivals` what has come is told once: who does not read to its end, as after an error,
    /// has to come back by itself.
    public enum Interest { case reading, arrivals, writing, exceptions }

    /// A wait that lasts until it is cancelled; cancel it before its descriptor is closed.
    public final class Registration {
        private weak var loop: EventLoop?
        private let key: UInt64

        fileprivate init(_ loop: EventLoop, _ key: UInt64) {
            self.loop = loop
            self.key = key
        }

        /// Ends the wait; the handler is not called any more, even if its event already came.
        public func cancel() { loop?.remove(key) }
    }

    /// Calls `handler` whenever `descriptor` is ready. The system call is `epoll_ctl`.
    public func watch(
        _ descriptor: borrowing Descriptor, for interest: Interest = .reading,
        handler: @escaping () -> Void
    ) throws(SystemError) -> Registration {
        let raw = descriptor.raw
        let key = nextKey
        nextKey += 1
        var event = epoll_event()
        event.events =
            switch interest {
            case .reading: UInt32(EPOLLIN.rawValue)
            case .arrivals: UInt32(EPOLLIN.rawValue) | UInt32(EPOLLET.rawValue)
            case .writing: UInt32(EPOLLOUT.rawValue)
            case .exceptions: UInt32(EPOLLPRI.rawValue)
            }
        event.data.u64 = key
        let epoll = epoll.raw
        try retrying("epoll_ctl") { epoll_ctl(epoll, EPOLL_CTL_ADD, raw, &event) }
        watched[key] = Watched(descriptor: raw, handler: handler)
        return Registration(self, key)
    }

    private func remove(_ key: UInt64) {
        guard let watched = watched.removeValue(forKey: key) else { return }
        var event = epoll_event()
        // The descriptor may be closed already, which removed it.
        _ = epoll_ctl(epoll.raw, EPOLL_CTL_DEL, watched.descriptor, &event)
    }

    /// Calls `body` once all events of this turn have been handled.
    ///
    /// What many events ask for is so done once; see `Deferred`.
    public func atEndOfTurn(_ body: @escaping () -> Void) { requested.append(body) }

    /// Handles events until `stop`. The corresponding system call is `epoll_wait`.
    public func run() throws(SystemError) {
        isStopped = false
        while !isStopped { try turn(timeout: requested.isEmpty ? -1 : 0) }
    }

    /// Makes `run` return when this turn's events have been handled.
    public func stop() { isStopped = true }

    /// Waits until something happens, or at most `timeout` milliseconds, and handles it.
    private func turn(timeout: Int32) throws(SystemError) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        let raw = epoll.raw
        let count = try retrying("epoll_wait") {
            epoll_wait(raw, &events, Int32(events.count), timeout)
        }
        for event in events.prefix(Int(count)) { watched[event.data.u64]?.handler() }
        while !requested.isEmpty {
            let bodies = requested
            requested = []
            for body in bodies { body() }
        }
        turnEnded()
    }
}

/// Work that many events of one turn may ask for and that is then done once, at its end.
public final class Deferred {
    private let loop: EventLoop
    private let body: () -> Void
    private var isRequested = false

    /// Work that is done on `loop`.
    public init(_ loop: EventLoop, body: @escaping () -> Void) {
        self.loop = loop
        self.body = body
    }

    /// Asks for the work; asking again before it is done adds nothing.
    public func request() {
        guard !isRequested else { return }
        isRequested = true
        // Whoever let go of it meanwhile does not want it done any more.
        loop.atEndOfTurn { [weak self] in
            self?.isRequested = false
            self?.body()
        }
    }
}
