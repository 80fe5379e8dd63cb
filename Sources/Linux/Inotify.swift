internal import CLinux
internal import Glibc

/// Tells what happens to the names in directories. Events are hints; a listing is the truth.
public final class Inotify {
    /// Which watched directory.
    public struct Watch: Hashable, Sendable {
        let raw: Int32
    }

    /// What to be told.
    public struct Mask: OptionSet, Sendable {
        /// The kernel's bits.
        public let rawValue: UInt32
        /// From the kernel's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        private init(_ bits: Int32) { rawValue = UInt32(bitPattern: bits) }

        /// A name was made.
        public static let created = Mask(IN_CREATE)
        /// A file that was open for writing was closed.
        public static let written = Mask(IN_CLOSE_WRITE)
        /// Permissions, times or the number of links changed.
        public static let attributes = Mask(IN_ATTRIB)
        /// A name was renamed away.
        public static let movedFrom = Mask(IN_MOVED_FROM)
        /// A name was renamed to here.
        public static let movedTo = Mask(IN_MOVED_TO)
        /// A name was removed.
        public static let removed = Mask(IN_DELETE)
        /// The watched directory itself was removed.
        public static let selfRemoved = Mask(IN_DELETE_SELF)
        /// The watched directory itself was renamed.
        public static let selfMoved = Mask(IN_MOVE_SELF)
        /// The filesystem was unmounted.
        public static let unmounted = Mask(IN_UNMOUNT)
        /// The watch is gone.
        public static let ignored = Mask(IN_IGNORED)
        /// Events were lost; list everything anew.
        public static let overflow = Mask(IN_Q_OVERFLOW)
        /// With an event: the name is a directory's.
        public static let isDirectory = Mask(rawValue: 0x4000_0000)
    }

    /// Something that happened.
    public struct Event: Sendable {
        /// Where; nil for an overflow.
        public let watch: Watch?
        /// What.
        public let mask: Mask
        /// To which name; empty for the directory itself.
        public let name: Path
    }

    private let descriptor: Descriptor
    private var registration: EventLoop.Registration?

    /// Calls `handler` when events can be read. The corresponding system call is `inotify_init1`.
    public init(_ loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
        let flags = Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)
        descriptor = Descriptor(owning: try retrying("inotify_init1") { inotify_init1(flags) })
        registration = try loop.watch(descriptor, for: .arrivals, handler: handler)
    }

    deinit { registration?.cancel() }

    /// Watches a directory, not what is below it.
    ///
    /// Watching the same directory again, by whatever path, gives the same `Watch`.
    /// The corresponding system call is `inotify_add_watch(IN_ONLYDIR | IN_DONT_FOLLOW)`.
    public func add(_ path: Path, _ mask: Mask) throws(SystemError) -> Watch {
        let raw = descriptor.raw
        let bits = mask.rawValue | UInt32(IN_ONLYDIR) | UInt32(IN_DONT_FOLLOW)
        return Watch(
            raw: try retrying("inotify_add_watch", path) {
                path.withCString { inotify_add_watch(raw, $0, bits) }
            })
    }

    /// Ends a watch. The corresponding system call is `inotify_rm_watch`.
    public func remove(_ watch: Watch) {
        // It fails when the directory is gone, which ended the watch already.
        _ = inotify_rm_watch(descriptor.raw, watch.raw)
    }

    /// All events there are now, in the order they happened.
    public func drain() throws(SystemError) -> [Event] {
        var events: [Event] = []
        while let bytes = try descriptor.read(upTo: 65_536), !bytes.isEmpty {
            bytes.withUnsafeBytes { Inotify.parse($0, into: &events) }
        }
        return events
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer, into events: inout [Event]) {
        let header = MemoryLayout<inotify_event>.size
        var offset = 0
        while offset + header <= bytes.count {
            let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
            let end = min(offset + header + Int(event.len), bytes.count)
            let name = bytes[(offset + header)..<end].prefix { $0 != 0 }
            events.append(
                Event(
                    watch: event.wd < 0 ? nil : Watch(raw: event.wd),
                    mask: Mask(rawValue: event.mask), name: Path(name)))
            offset = end
        }
    }
}
