public import Linux
public import SpoolFormat

/// Where things stand, from the spool's root. The only place that builds paths of the spool.
extension Path {
    /// A job's ID as a name.
    public init(_ id: JobID) { self.init(id.bytes) }

    /// The directory of a state.
    public init(_ state: JobState) { self.init(state.rawValue) }

    /// The bundle of a job that is not running, by its state.
    public static func bundle(_ state: JobState, _ id: JobID) -> Path { Path(state) / Path(id) }

    /// The bundle of a claim.
    public static func bundle(_ attempt: AttemptName) -> Path {
        Path(.running) / Path(attempt.bytes)
    }

    /// The bundle that is being made for a job.
    public static func staging(_ id: JobID) -> Path { .hidden(SpoolFile.Hidden.staging) / Path(id) }

    /// A name in the private directory.
    public static func hidden(_ name: String) -> Path { Path(SpoolFile.hidden) / Path(name) }

    /// The view of a job.
    public static func view(of id: JobID) -> Path {
        Path(SpoolFile.status) / Path(SpoolFile.view(of: id))
    }

    /// The view of the queue.
    public static let queueView = Path(SpoolFile.queue)

    /// Where stations without a drop box of their own write.
    public static let incoming = Path(SpoolFile.incoming)

    /// A drop box that only the service and its operators can write to.
    public static let inlet = Path.hidden(SpoolFile.Hidden.inlet)

    /// The order of a kind for a job.
    static func order(_ order: JobOrder, _ id: JobID) -> Path {
        .hidden(order.rawValue) / Path(id)
    }

    /// The drop box of a station.
    public static func dropBox(of station: StationName) -> Path {
        incoming / Path(station.description)
    }

    /// The declaration of a station.
    public static func declaration(of station: StationName) -> Path {
        .hidden(SpoolFile.Hidden.stations) / Path(station.description)
    }

    /// A slot of a station, or of those without one: a station's name holds no dot.
    static func slot(of station: StationName?, _ number: Int) -> Path {
        .hidden(SpoolFile.Hidden.slots) / Path("\(station?.description ?? "").\(number)")
    }

    /// When a sender was served last.
    static func turn(of sender: StationName?) -> Path {
        .hidden(SpoolFile.Hidden.slots) / Path("\(sender?.description ?? "").turn")
    }

    /// Locked while it is chosen whose turn it is.
    static let turnsLock = Path.hidden(SpoolFile.Hidden.slots) / "turns.lock"

    /// The card of a worker.
    public static func card(ofWorker name: String) -> Path {
        .hidden(SpoolFile.Hidden.workers) / Path(name + ".json")
    }

    /// The lock a worker holds while it lives.
    public static func lock(ofWorker name: String) -> Path {
        .hidden(SpoolFile.Hidden.workers) / Path(name + ".lock")
    }

    /// A new name in the directory for temporary files.
    static func temporary() -> Path {
        let random = Hexadecimal.text(of: Host.random(6))
        return .hidden(SpoolFile.Hidden.temporary) / Path("\(Host.pid).\(random)")
    }

    /// A new name in the trash for what was called `name`: `NAME.NS.PID` (R12).
    static func trash(_ name: Path) -> Path {
        let suffix = ".\(WallClock.nanoseconds).\(Host.pid)"
        return .hidden(SpoolFile.Hidden.trash) / Path(name.bytes + Array(suffix.utf8))
    }
}

extension Timestamp {
    /// The present.
    public static var now: Timestamp { Timestamp(nanoseconds: WallClock.nanoseconds) }
}
