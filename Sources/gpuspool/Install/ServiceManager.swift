internal import Linux
internal import SpoolFormat

/// systemd, by its own programs: the machine's, or one user's.
struct ServiceManager {
    let places: Places
    let isDry: Bool
    let report: StepReport

    /// How long a program may take; stopping waits for the job at hand.
    private static let patience = Duration.seconds(900)

    /// Whether it runs here (`sd_booted(3)`).
    private var isRunning: Bool {
        guard places.isForUser else { return isThere("/run/systemd/system") }
        return Host.variable("XDG_RUNTIME_DIR").map { isThere($0 / "systemd/private") } ?? false
    }

    private func isThere(_ path: Path) -> Bool {
        do throws(SystemError) {
            return try Directory(path.parent).status(of: path.lastComponent) != nil
        } catch { return false }
    }

    private var systemctl: [Path] { places.isForUser ? ["systemctl", "--user"] : ["systemctl"] }

    /// The same as a person types it.
    func command(_ words: String) -> String {
        (systemctl.map(\.description) + [words]).joined(separator: " ")
    }

    /// Makes the service's user and the directories of its spool, as far as they are missing.
    func declare() throws {
        guard let declarations = places.declarations else { return }
        let sysusers = declarations / "sysusers.d/gpuspool.conf"
        try run(
            ["systemd-sysusers", sysusers], missing: "make the user and group gpuspool by hand")
        let tmpfiles = declarations / "tmpfiles.d/gpuspool.conf"
        try run(
            ["systemd-tmpfiles", "--create", tmpfiles],
            missing: "make the spool by hand: gpuspool --spool \(places.spool) init")
    }

    /// Has it read the units.
    func reload() throws {
        guard isRunning else {
            return try report.tell(.skipped, command("daemon-reload"), "systemd does not run here")
        }
        try run(systemctl + ["daemon-reload"])
    }

    /// Whether the services were started.
    var isActive: Bool {
        isRunning && answer(systemctl + ["is-active", "gpuspool.target"])?.exit == .status(0)
    }

    /// Stops all services and has none start again.
    func retire(_ units: [Path]) throws {
        if isRunning {
            let active = activeUnits
            if !active.isEmpty { try run(systemctl + ["stop"] + active) }
        }
        guard !units.isEmpty, !Host.find(program: "systemctl").isEmpty else { return }
        // A template, too: all its instances.
        try run(systemctl + ["disable", "--quiet"] + units)
    }

    private var activeUnits: [Path] {
        let states = "--state=active,activating,reloading,deactivating"
        let words: [Path] = ["list-units", "--plain", "--no-legend", Path(states), "gpuspool*"]
        let output = answer(systemctl + words)?.output ?? []
        return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap {
            $0.split(separator: " ").first.map { Path(String($0)) }
        }
    }

    private func answer(_ words: [Path]) -> Command.Result? {
        guard let program = Host.find(program: words[0]).first else { return nil }
        return try? Command.run(program, Array(words[1...]), timeout: ServiceManager.patience)
    }

    /// Runs a program; `missing` is what to do on a machine that has none.
    private func run(_ words: [Path], missing: String = "it is not here") throws {
        let text = words.map(\.description).joined(separator: " ")
        guard let program = Host.find(program: words[0]).first else {
            return try report.tell(.skipped, text, "not found: \(missing)")
        }
        if !isDry {
            let rest = Array(words[1...])
            let result = try Command.run(program, rest, timeout: ServiceManager.patience)
            guard result.exit == .status(0) else {
                let output = String(decoding: result.output, as: UTF8.self)
                let exit = result.exit.map { "ended with \($0)" } ?? "did not end"
                throw Failure(
                    .systemError,
                    "\(text) \(exit). It said: \(String(output.oneLine.suffix(500))) Put that right "
                        + "and do the same again: what is done already stays.")
            }
        }
        try report.tell(.ran, text)
    }
}
