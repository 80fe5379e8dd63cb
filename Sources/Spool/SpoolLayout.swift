// The directories of a spool: made, checked, upgraded.
//
// Making is idempotent: a crash in between leaves some directories, and the next `init` makes the
// rest (the next `run` too, once the states' directories stand). `.spool/version` is written last,
// so that its presence means that all others are there.

public import Linux
public import SpoolFormat

/// Why a directory cannot be used as a spool.
public enum LayoutProblem: Error, CustomStringConvertible {
    /// There is no spool.
    case missing(Path)
    /// A newer program made it.
    case newer(Path, version: String)
    /// A system call failed.
    case system(SystemError)

    /// What was found and what to do.
    public var description: String {
        switch self {
        case .missing(let path):
            "'\(path)' is not a spool. Make one with: gpuspool --spool '\(path)' init"
        case .newer(let path, let version):
            "the spool '\(path)' has layout \(version); this program knows \(SpoolLayout.version). "
                + "Use the newer program that made it."
        case .system(let error): "\(error)."
        }
    }
}

/// Makes and checks the layout of DESIGN §3.
public enum SpoolLayout {
    /// The layout this program knows.
    public static let version = 1

    /// Makes what is missing.
    ///
    /// Existing files and permissions stay as they are: an operator may have changed them.
    public static func make(at path: Path, settings: Settings) throws(LayoutProblem) {
        // A newer program's spool is left alone.
        try check(path, allowUnfinished: true)
        do throws(SystemError) {
            try makeParents(of: path)
            let root = try Directory(path)
            try makeDirectories(in: root)
        } catch { throw .system(error) }
        do throws(SystemError) {
            let root = try Directory(path)
            try write(SettingsTemplate.text, to: Path(SpoolFile.settings), in: root)
            try write("\(version)\n", to: .hidden(SpoolFile.Hidden.version), in: root)
            try root.directory(Path(SpoolFile.hidden)).sync()
            try root.sync()
        } catch { throw .system(error) }
    }

    /// Makes the rest of a spool whose state directories stand, as in a fresh checkout.
    ///
    /// Anything less is no spool: an empty directory may be a share that is not mounted yet.
    public static func complete(_ path: Path, settings: Settings) throws(LayoutProblem) {
        do throws(SystemError) {
            let root = try Directory(path)
            let version = Path.hidden(SpoolFile.Hidden.version)
            guard try root.status(of: version) == nil else { return }
            for name in JobState.allCases.map({ Path($0) }) + [.incoming]
            where try root.status(of: name)?.kind != .directory { return }
        } catch {
            // Other users may not look into `.spool/`.
            if error.isNotFound || error.code == .accessDenied { return }
            throw .system(error)
        }
        try make(at: path, settings: settings)
    }

    /// Checks that there is a spool of a known layout.
    public static func check(_ path: Path) throws(LayoutProblem) {
        try check(path, allowUnfinished: false)
    }

    private static func check(_ path: Path, allowUnfinished: Bool) throws(LayoutProblem) {
        let text: String?
        do throws(SystemError) {
            let root = try Directory(path)
            text = try String(
                decoding: root.open(.hidden(SpoolFile.Hidden.version)).contents(limit: 64),
                as: UTF8.self)
        } catch {
            // Other users may not look into `.spool/`, but a spool it is.
            if error.code == .accessDenied { return }
            guard error.isNotFound else { throw .system(error) }
            text = nil
        }
        guard let text else {
            if allowUnfinished { return }
            throw .missing(path)
        }
        let found = String(text.prefix { !$0.isWhitespace })
        guard let number = Int(found), number <= version else {
            throw .newer(path, version: found.excerpt)
        }
    }

    /// Makes a directory and all above it that are missing.
    public static func makeParents(of path: Path) throws(SystemError) {
        var parent = Path(path.isAbsolute ? "/" : ".")
        for part in path.bytes.split(separator: UInt8(ascii: "/")) {
            let directory = try Directory(parent)
            try makeDirectory(Path(part), 0o755, in: directory)
            parent = parent / Path(part)
        }
    }

    private static func makeDirectories(in root: borrowing Directory) throws(SystemError) {
        for state in JobState.allCases {
            try makeDirectory(Path(state), state.isFinished ? 0o755 : 0o700, in: root)
        }
        try makeDirectory(.incoming, 0o755, in: root)
        try makeDirectory(Path(SpoolFile.status), 0o755, in: root)
        try makeDirectory(Path(SpoolFile.hidden), 0o700, in: root)
        for name in SpoolFile.Hidden.directories {
            try makeDirectory(.hidden(name), 0o700, in: root)
        }
    }

    private static func makeDirectory(
        _ path: Path, _ mode: UInt32, in root: borrowing Directory
    ) throws(SystemError) {
        do throws(SystemError) {
            try root.makeDirectory(path, mode: mode)
        } catch {
            guard error.code == .exists else { throw error }
        }
    }

    /// As a whole or not at all: an empty version would be taken for an unknown one for ever.
    private static func write(_ text: String, to path: Path, in root: borrowing Directory)
        throws(SystemError)
    {
        guard try root.status(of: path) == nil else { return }
        let way = Path.temporary()
        let file = try root.create(way, mode: 0o644)
        try file.write(text.utf8)
        try file.sync()
        do throws(SystemError) {
            try root.rename(way, to: path)
        } catch {
            // Somebody else made it meanwhile.
            try? root.remove(way)
            guard error.code == .exists else { throw error }
        }
    }
}

/// What `init` writes to `spool.conf`.
enum SettingsTemplate {
    static let text = """
        # Settings of this spool: NAME=VALUE, one a line. The environment (GPUSPOOL_NAME) and the
        # command's --set NAME=VALUE go before it. All settings: README, "Settings".
        #MAX_INFLIGHT_JOBS=10
        #RESULT_TTL_SECONDS=3600

        """
}
