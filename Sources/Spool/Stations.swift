public import Linux
public import SpoolFormat

/// The declared senders: one file each in `.spool/stations/`, one drop box each in `incoming/`.
public struct Stations {
    private let spool: Spool

    /// The stations of `spool`.
    public init(_ spool: Spool) { self.spool = spool }

    /// All declared ones, by name.
    public func list() throws(SystemError) -> [StationName] {
        try spool.names(in: .hidden(SpoolFile.Hidden.stations))
            .compactMap { $0.text.flatMap { StationName($0) } }
            .sorted { $0.description < $1.description }
    }

    /// Declares a station and makes its drop box; its path. Again: changes nothing.
    ///
    /// The declaration comes first: a directory that a watcher sees before it is a folder bundle.
    public func add(_ name: StationName) throws(SystemError) -> Path {
        let declaration = Path.declaration(of: name)
        if try spool.root.status(of: declaration) == nil {
            let way = Path.temporary()
            try spool.write(new: way, Array("{}\n".utf8), mode: 0o600)
            try spool.root.replace(declaration, with: way)
            try spool.flush(directory: declaration.parent)
        }
        do throws(SystemError) {
            try spool.root.makeDirectory(.dropBox(of: name), mode: 0o755)
        } catch {
            guard error.code == .exists else { throw error }
        }
        return spool.path / .dropBox(of: name)
    }

    /// What came of removing a station.
    public enum Withdrawal: Sendable {
        /// It is gone, and its drop box too.
        case removed
        /// It was not declared.
        case unknown
        /// Its drop box holds these; nothing was removed.
        case holdsFiles([Path])
    }

    /// Removes an empty drop box, then its declaration.
    public func withdraw(_ name: StationName) throws(SystemError) -> Withdrawal {
        guard try spool.root.status(of: .declaration(of: name)) != nil else { return .unknown }
        do throws(SystemError) {
            try spool.root.removeDirectory(.dropBox(of: name))
        } catch {
            if error.code == .notEmpty {
                return .holdsFiles(try spool.names(in: .dropBox(of: name)))
            }
            guard error.isNotFound else { throw error }
        }
        try spool.root.remove(.declaration(of: name))
        try spool.flush(directory: .hidden(SpoolFile.Hidden.stations))
        return .removed
    }
}
