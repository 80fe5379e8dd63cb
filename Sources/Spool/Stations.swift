public import Linux
public import SpoolFormat

/// The declared senders: one file each in `.spool/stations/`, which holds the station's own terms,
/// and one drop box each in `incoming/`.
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

    /// A station's terms; nil when it is not declared.
    public func terms(of name: StationName) throws(SystemError) -> StationTerms? {
        guard let bytes = try spool.read(.declaration(of: name), limit: 65_536) else { return nil }
        if let terms = JSONText.decode(StationTerms.self, from: bytes) { return terms }
        spool.log.write(
            "The declaration of station '\(name)' is damaged; the settings' limits apply, and "
                + "nobody but the service reads its results. Write it anew: gpuspool station add "
                + "'\(name)' --group G|none", .warning)
        return .unknown
    }

    /// Declares a station and makes its drop box; its path. Durable when it returns.
    ///
    /// Again: changes what `change` changes of its terms, replaced as a whole; nil changes nothing.
    /// The declaration comes first: a directory that a watcher sees before it is a folder bundle. A
    /// crash between the two leaves a declared station, whose drop box the watcher makes, or lets in
    /// whom the declaration names.
    public func add(_ name: StationName, _ change: ((inout StationTerms) -> Void)? = nil)
        throws(SystemError) -> Path
    {
        let former = try self.terms(of: name)
        var terms = former ?? StationTerms()
        change?(&terms)
        // Until the box is open the declaration says that it is to be: a closed one tells nothing.
        let hadGroup = former.map { $0.group != nil || $0.opensDropBox } ?? false
        terms.opensDropBox = hadGroup && terms.group == nil
        if former == nil || change != nil || terms != former { try declare(name, terms) }
        // Also when it stands there: a crash may have come before the flush.
        try spool.flush(directory: .hidden(SpoolFile.Hidden.stations))
        try makeDropBox(of: name, terms)
        if terms.opensDropBox {
            terms.opensDropBox = false
            try declare(name, terms)
            try spool.flush(directory: .hidden(SpoolFile.Hidden.stations))
        }
        return spool.path / .dropBox(of: name)
    }

    private func declare(_ name: StationName, _ terms: StationTerms) throws(SystemError) {
        let way = Path.temporary()
        try spool.write(new: way, JSONText.encode(terms), mode: 0o600)
        try spool.root.replace(.declaration(of: name), with: way)
    }

    /// Makes a station's drop box, if it is not there, and lets in whom its terms name. With a group
    /// it is that group's: closed to all others from its first moment, so that a crash in between
    /// leaves nothing open. Without one a box that is there stays as somebody may have changed it.
    func makeDropBox(of name: StationName, _ terms: StationTerms) throws(SystemError) {
        let path = Path.dropBox(of: name)
        do throws(SystemError) {
            try spool.root.makeDirectory(path, mode: terms.group == nil ? 0o755 : 0o700)
        } catch {
            guard error.code == .exists else { throw error }
            guard terms.group != nil || terms.opensDropBox else { return }
        }
        guard let group = terms.group else { return try spool.root.directory(path).closeToGroups() }
        guard let number = Host.group(named: group) else {
            return try spool.root.directory(path).allow(.owner)
        }
        // Who removes what was taken is who the spool belongs to.
        let service = try spool.root.status(of: .incoming)?.owner ?? Host.user
        try spool.root.directory(path).open(toGroup: number, service: service)
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
        // Without a declaration, a box that a power cut brings back would be a drop.
        try spool.flush(directory: .incoming)
        try spool.root.remove(.declaration(of: name))
        try spool.flush(directory: .hidden(SpoolFile.Hidden.stations))
        return .removed
    }
}
