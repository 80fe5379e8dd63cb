internal import Linux

/// What stands where after an install.
///
/// Only what systemd and the shells read by themselves is chosen, so that nothing has to be told
/// where to look: below `/usr` and `/usr/local` their `lib` and `share`; for any other prefix the
/// units go to `/etc`, and for one user to `~/.local/share/systemd/user` (`systemd.unit(5)`).
struct Places: Sendable {
    let prefix: Path
    /// Units of one user's own systemd, which need no root.
    let isForUser: Bool
    let units: Path
    /// Where `sysusers.d` and `tmpfiles.d` are; nil where a user's units need neither.
    let declarations: Path?
    /// The services' environment, which an administrator edits.
    let settings: Path
    let spool: Path

    private init(
        prefix: Path, isForUser: Bool, units: Path, declarations: Path?, settings: Path, spool: Path
    ) {
        self.prefix = prefix
        self.isForUser = isForUser
        self.units = units
        self.declarations = declarations
        self.settings = settings
        self.spool = spool
    }

    /// Those of a machine.
    static func machine(prefix: Path) -> Places {
        let isSearched = ["/usr", "/usr/local"].contains(prefix)
        return Places(
            prefix: prefix, isForUser: false,
            units: isSearched ? prefix / "lib/systemd/system" : "/etc/systemd/system",
            declarations: isSearched ? prefix / "lib" : "/etc", settings: Shipped.settings,
            spool: Shipped.spool)
    }

    /// Those of one user (XDG Base Directory Specification); without `prefix` in `~/.local`.
    static func user(home: Path, prefix: Path?, variable: (Path) -> Path?) -> Places {
        func directory(_ name: Path, _ standard: Path) -> Path {
            guard let value = variable(name), value.isAbsolute else { return home / standard }
            return value
        }
        return Places(
            prefix: prefix ?? home / ".local", isForUser: true,
            units: directory("XDG_DATA_HOME", ".local/share") / "systemd/user",
            declarations: nil, settings: directory("XDG_CONFIG_HOME", ".config") / "gpuspool.env",
            spool: directory("XDG_STATE_HOME", ".local/state") / "gpuspool")
    }

    var program: Path { prefix / "bin/gpuspool" }
    var share: Path { prefix / "share/gpuspool" }
    var manifest: Path { share / "manifest" }

    /// Where a file of `systemd/` goes; nil for those that one user has no use for.
    func place(of name: Path) -> Path? {
        switch name.fileExtension {
        case "sysusers": declarations.map { $0 / "sysusers.d" / name.renamed("conf") }
        case "tmpfiles": declarations.map { $0 / "tmpfiles.d" / name.renamed("conf") }
        case "env": settings
        case "service", "timer", "target", "socket", "path", "slice": units / name
        default: isForUser ? nil : share / name
        }
    }
}

/// What the files of `systemd/` say of where things are.
enum Shipped {
    static let program: Path = "/usr/local/bin/gpuspool"
    static let spool: Path = "/var/spool/gpuspool"
    static let settings: Path = "/etc/gpuspool.env"
}

extension Path {
    /// What stands behind the last dot of a file's name.
    fileprivate var fileExtension: String? {
        text?.split(separator: ".").last.map(String.init)
    }

    /// The name with another extension.
    fileprivate func renamed(_ fileExtension: String) -> Path {
        let dot = bytes.lastIndex(of: UInt8(ascii: ".")) ?? bytes.count
        return Path(bytes[..<dot] + ".\(fileExtension)".utf8)
    }
}
