internal import Linux
internal import Spool
internal import SpoolFormat

/// The files below `$DESTDIR`, by the paths they have without it; changes nothing in a dry run.
struct Tree {
    /// Empty: the machine itself.
    let root: Path
    let isDry: Bool

    /// What is found at a path.
    enum Found {
        case nothing
        case file
        /// No regular file: it is never ours.
        case other(FileStatus.Kind)
    }

    /// Where a path is on this machine.
    func actual(_ path: Path) -> Path { Path(root.bytes + path.bytes) }

    func find(_ path: Path) throws(SystemError) -> Found {
        do throws(SystemError) {
            let directory = try Directory(actual(path.parent))
            guard let status = try directory.status(of: path.lastComponent) else { return .nothing }
            return status.kind == .file ? .file : .other(status.kind)
        } catch {
            guard error.isNotFound else { throw error }
            return .nothing
        }
    }

    /// The whole of a small file; nil when it is not there.
    func read(_ path: Path) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try open(path).contents(limit: 1 << 22)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    private func open(_ path: Path) throws(SystemError) -> File {
        let actual = actual(path)
        return try Directory(actual.parent).open(actual.lastComponent)
    }

    /// Whether a file that is there holds this.
    func holds(_ path: Path, _ content: InstalledFile.Content) throws(SystemError) -> Bool {
        switch content {
        case .text(let bytes): return try read(path) == bytes
        case .program:
            let present = try open(path)
            let own = try Tree.openProgram()
            guard try present.status().size == own.status().size else { return false }
            while let bytes = try own.read(upTo: 1 << 20) {
                guard try present.read(upTo: bytes.count) == bytes else { return false }
            }
            return true
        }
    }

    private static func openProgram() throws(SystemError) -> File {
        let path = try Host.resolve("/proc/self/exe")
        return try Directory(path.parent).open(path.lastComponent)
    }

    /// Makes a file or replaces it, as a whole: a program that runs goes on with its own.
    func write(_ path: Path, _ content: InstalledFile.Content, mode: UInt32) throws(SystemError) {
        if isDry { return }
        let actual = actual(path)
        let directory = try Directory(actual.parent)
        let way = Tree.way(to: path)
        try removeLeftover(path)
        let file = try directory.create(way, mode: 0o600)
        switch content {
        case .text(let bytes): try file.write(bytes)
        case .program: try file.copy(from: Tree.openProgram())
        }
        try file.setMode(mode)
        try file.sync()
        try directory.replace(actual.lastComponent, with: way)
    }

    /// What a file is called until it is whole.
    private static func way(to path: Path) -> Path {
        Path(".gpuspool-install.".utf8 + path.lastComponent.bytes)
    }

    /// Removes what an install that was killed left on the way to a file.
    func removeLeftover(_ path: Path) throws(SystemError) {
        let way = path.parent / Tree.way(to: path)
        if case .file = try find(way) { try remove(way) }
    }

    /// Removes a file that is there.
    func remove(_ path: Path) throws(SystemError) {
        if isDry { return }
        try Directory(actual(path.parent)).remove(path.lastComponent)
    }

    /// Makes a directory and those above it, open to everybody; which ones were not there.
    func makeDirectory(_ path: Path) throws(SystemError) -> [Path] {
        guard !exists(path) else { return [] }
        // `$DESTDIR` itself is nothing that an uninstall removes.
        if path == "/" {
            if !isDry { try SpoolLayout.makeParents(of: root) }
            return []
        }
        let above = try makeDirectory(path.parent)
        if !isDry {
            let actual = actual(path)
            try Directory(actual.parent).makeDirectory(actual.lastComponent, mode: 0o755)
            // Whatever the umask is: others must find the programs and units in it.
            try Directory(actual).setMode(0o755)
        }
        return above + [path]
    }

    private func exists(_ path: Path) -> Bool {
        do throws(SystemError) {
            _ = try Directory(actual(path)).status()
            return true
        } catch { return false }
    }

    /// Removes a directory if nothing is in it.
    func removeDirectory(_ path: Path) throws(SystemError) {
        do throws(SystemError) {
            let actual = actual(path)
            if !isDry { try Directory(actual.parent).removeDirectory(actual.lastComponent) }
        } catch {
            guard error.isNotFound || error.code == .notEmpty || error.code == .exists else {
                throw error
            }
        }
    }
}
