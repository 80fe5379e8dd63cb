internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let install = Subcommand(
        "install", summary: "install the program and its systemd units",
        discussion: """
            Puts this program, the units, completions and the manual page in their places, makes the
            service's user and its spool, /var/spool/gpuspool, and has systemd read the units. Starts
            nothing. Again, or from a newer version, it changes what has changed. What others put
            there is not replaced, settings that were edited are kept, no job is touched.

            With --user it is all in your home and needs no root; the spool is
            ~/.local/state/gpuspool. With DESTDIR in the environment everything goes below that
            directory and no program is run, as packages want it.
            """,
        options: [prefixOption, userOption, dryOption, forceOption]
    ) { invocation in
        let work = try InstallWork(invocation, "install")
        let installer = Installer(
            places: work.places, tree: work.tree, report: work.report,
            force: invocation.has("--force"))
        try installer.run()
        try work.prepare()
        return .done
    }

    static let uninstall = Subcommand(
        "uninstall", summary: "remove what install put there",
        discussion: """
            Stops the services first; a job that runs may go on for GRACE_SECONDS and is given back
            to its place then. Settings and units that were edited stay, and so do the spool with all
            its jobs and the service's user.
            """,
        options: [prefixOption, userOption, dryOption]
    ) { invocation in
        let work = try InstallWork(invocation, "uninstall")
        guard let manifest = try Manifest.read(from: work.places, in: work.tree) else {
            try work.report.close(
                next: [], notes: ["Nothing is installed in \(work.places.prefix)."])
            return .done
        }
        try work.remove(
            Remover(
                places: work.places, tree: work.tree, report: work.report, manifest: manifest))
        return .done
    }

    private static let prefixOption = Option(
        "--prefix", "DIR", "where to: /usr/local, or ~/.local with --user")
    private static let userOption = Option("--user", nil, "for you alone, without root")
    private static let dryOption = Option("--dry-run", nil, "only tell what would be done")
    private static let forceOption = Option("--force", nil, "replace also what is not ours")
}

/// What both commands need, checked.
private struct InstallWork {
    let places: Places
    let tree: Tree
    let report: StepReport
    let manager: ServiceManager

    init(_ invocation: Invocation, _ command: String) throws {
        _ = try invocation.operands(0...0, of: command)
        let isDry = invocation.has("--dry-run")
        let destination = Host.variable("DESTDIR") ?? ""
        let prefix = try invocation.path("--prefix").map { try InstallWork.checked($0, "--prefix") }
        if invocation.has("--user") {
            guard destination == "" else {
                throw Failure(.usage, "DESTDIR is for packages; it does not go with --user.")
            }
            let home = try InstallWork.home()
            places = .user(home: home, prefix: prefix, variable: Host.variable)
        } else {
            places = .machine(prefix: prefix ?? "/usr/local")
            guard Host.user == 0 || destination != "" || isDry else {
                throw Failure(
                    .usage,
                    "\(command) changes the machine: do it as root (sudo gpuspool \(command)), or "
                        + "for yourself alone: gpuspool \(command) --user")
            }
        }
        if destination != "" { _ = try InstallWork.checked(destination, "DESTDIR") }
        tree = Tree(root: destination, isDry: isDry)
        report = StepReport(invocation)
        manager = ServiceManager(places: places, isDry: isDry, report: report)
    }

    /// Absolute, and of characters that mean nothing else in a unit file.
    private static func checked(_ path: Path, _ name: String) throws -> Path {
        let allowed = Set("/._+-@".utf8)
        let isPlain = path.bytes.allSatisfy { byte in
            allowed.contains(byte) || (0x30...0x39).contains(byte)
                || (0x61...0x7A).contains(byte | 0x20)
        }
        let parts = path.bytes.split(separator: UInt8(ascii: "/")).map { Path($0) }
        guard path.isAbsolute, isPlain, !parts.contains(".."), !parts.isEmpty else {
            throw Failure(
                .usage,
                "\(name) is '\(path)'; it must be an absolute path of letters, digits and . _ + - @"
            )
        }
        return parts.reduce("/") { $0 / $1 }
    }

    private static func home() throws -> Path {
        guard let variable = Host.variable("HOME") else {
            throw Failure(.usage, "--user needs HOME in the environment.")
        }
        let home = try checked(variable, "HOME")
        let owner = try Directory(home).status().owner
        guard owner == Host.user else {
            throw Failure(
                .usage,
                "HOME is '\(home)' of the user \(Host.name(ofUser: owner)), and you are "
                    + "\(Host.name(ofUser: Host.user)). Do it as that user, without sudo.")
        }
        return home
    }

    private var isPackage: Bool { tree.root != "" }

    /// What is to be done once the files are there.
    func prepare() throws {
        if isPackage {
            return try report.close(
                next: [], notes: ["DESTDIR is set: no program was run, no user and no spool made."])
        }
        try manager.declare()
        if places.isForUser { try makeSpool() }
        try manager.reload()
        var next = [manager.command("enable --now gpuspool.target")]
        if manager.isActive {
            // Those that run go on with the old program until then.
            next = [manager.command("try-restart 'gpuspool-*.service'")]
        } else if places.isForUser {
            next.append("loginctl enable-linger   # to have it run while you are not logged in")
        }
        try report.close(next: next)
    }

    private func makeSpool() throws {
        let isThere = try tree.read(places.spool / .hidden(SpoolFile.Hidden.version)) != nil
        if !isThere, !tree.isDry { try SpoolLayout.make(at: places.spool, settings: Settings()) }
        try report.tell(isThere ? .unchanged : .made, "\(places.spool)")
    }

    func remove(_ remover: Remover) throws {
        if !isPackage { try manager.retire(remover.units) }
        try remover.run()
        if !isPackage { try manager.reload() }
        let user = places.isForUser ? "" : ", and the user and group gpuspool"
        try report.close(
            next: [], notes: ["Not touched: the spool \(places.spool) with all its jobs\(user)."])
    }
}
