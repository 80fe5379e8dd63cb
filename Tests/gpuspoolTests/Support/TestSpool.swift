import FoundationEssentials
import Linux
import SpoolFormat
import Testing

/// A spool of its own under /tmp, the processes that serve it, and what a station does to it.
///
/// Processes die with the thread that started them, so tests that use it are synchronous.
final class TestSpool {
    /// Holds `spool/` and everything else that a test needs.
    let folder: Path
    /// The spool itself.
    let path: Path
    /// Given to every command by `--set`.
    var settings: [String]
    private var daemons: [Daemon] = []
    /// Where its processes see mounts that nobody else does.
    private var mounts: Mounts?

    /// The photographs of the repository.
    static let photos = Path(#filePath).parent.parent.parent / "Photos"

    private init(_ settings: [String]) throws {
        folder = try Disk.temporaryDirectory()
        path = folder / "spool"
        self.settings = ["PYTHON=/usr/bin/python3"] + settings
    }

    /// Makes a spool, calls `body`, ends its processes and removes it.
    ///
    /// `mounting` is a shell script that mounts something at `spool` before the spool is made.
    static func use(
        _ settings: String..., mounting script: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation, body: (TestSpool) throws -> Void
    ) throws {
        let spool = try TestSpool(settings)
        defer { spool.remove() }
        Evidence.$folder.withValue(spool.folder) {
            do {
                if let script {
                    spool.mounts = try Mounts(in: spool.folder)
                    try spool.mount("mkdir spool\n" + script)
                }
                let made = try spool.run("init")
                guard made.status == 0 else { throw Failure("init: \(made)") }
                try body(spool)
            } catch is ExpectationFailedError {
                // Recorded already.
            } catch {
                // Recorded here, where the evidence still stands.
                Issue.record(error, sourceLocation: sourceLocation)
            }
        }
    }

    private func remove() {
        for daemon in daemons { daemon.kill() }
        daemons = []
        mounts = nil
        try? Directory(folder.parent).removeTree(folder.lastComponent)
    }

    // MARK: Processes

    private func words(_ command: [String]) -> [Path] {
        let before = settings.flatMap { ["--set", $0] }.map { Path($0) }
        return ["--spool", path] + before + command.map { Path($0) }
    }

    /// Runs the command to its end.
    func run(_ command: String..., environment: [String: String] = [:]) throws -> Outcome {
        try execute(Program.path, words(command), environment: environment)
    }

    /// Runs the command with exactly these words.
    func runPlain(_ words: String..., environment: [String: String] = [:]) throws -> Outcome {
        try execute(Program.path, words.map { Path($0) }, environment: environment)
    }

    func runWords(_ words: [String], environment: [String: String] = [:]) throws -> Outcome {
        try execute(Program.path, words.map { Path($0) }, environment: environment)
    }

    /// Starts a command that goes on; its output goes to a log.
    func start(_ command: String..., environment: [String: String] = [:]) throws -> Daemon {
        try start(words: command, environment: environment)
    }

    func start(words command: [String], environment: [String: String] = [:]) throws -> Daemon {
        let log = folder / Path("\(daemons.count)-\(command[0]).log")
        let daemon = try spawn(Program.path, words(command), environment: environment, log: log)
        daemons.append(daemon)
        return daemon
    }

    /// Starts a shell script in the spool that goes on.
    func startShell(_ script: String) throws -> Daemon {
        let log = folder / Path("\(daemons.count)-shell.log")
        let daemon = try spawn("/bin/sh", ["-c", Path(script)], environment: [:], log: log)
        daemons.append(daemon)
        return daemon
    }

    /// Runs a shell script in the spool; `$PHOTOS` has the photographs.
    func shell(_ script: String) throws {
        let outcome = try execute("/bin/sh", ["-e", "-c", Path(script)], environment: [:])
        guard outcome.status == 0 else { throw Failure("\(script): \(outcome)") }
    }

    /// Runs a shell script as `shell` does, beside the spool instead of in it.
    func mount(_ script: String) throws {
        let outcome = try execute("/bin/sh", ["-e", "-c", Path(script)], isBeside: true)
        guard outcome.status == 0 else { throw Failure("\(script): \(outcome)") }
    }

    /// Waits until nobody uses the disk images that lie beside the spool.
    func waitForFreeDisk() throws {
        _ = try wait(for: "the disk to be free") {
            try isTrue("! losetup -n -O BACK-FILE | grep -q '^\(folder)/'") ? true : nil
        }
    }

    /// Whether a shell script, run beside the spool, ends with status 0.
    func isTrue(_ script: String) throws -> Bool {
        try execute("/bin/sh", ["-c", Path(script)], isBeside: true).status == 0
    }

    /// Runs a Python program that has Pillow; what it prints.
    func python(_ program: String) throws -> String {
        let outcome = try execute("/usr/bin/python3", ["-c", Path(program)], environment: [:])
        guard outcome.status == 0 else { throw Failure("python: \(outcome)") }
        return outcome.output
    }

    private func spawn(
        _ program: Path, _ words: [Path], environment: [String: String], log: Path
    ) throws -> Daemon {
        let file = try Directory(folder).create(log.lastComponent, mode: 0o644)
        let null = try Directory("/dev").open("null")
        let (input, output) = (null.descriptor.number, file.descriptor.number)
        let entry = command(program, words, in: folder)
        let child = try Child(
            entry.program, arguments: entry.words, environment: self.environment(environment),
            descriptors: [input, output, output], in: try Directory(path.parent))
        return Daemon(child, log: log)
    }

    /// The same command among the mounts, if there are any.
    private func command(_ program: Path, _ words: [Path], in place: Path)
        -> (program: Path, words: [Path])
    {
        guard let mounts else { return (program, words) }
        return ("/usr/bin/nsenter", mounts.entry(in: place) + [program] + words)
    }

    private func execute(
        _ program: Path, _ words: [Path], environment: [String: String] = [:],
        isBeside: Bool = false
    ) throws -> Outcome {
        let here = try Directory(folder)
        let name = Hexadecimal.text(of: Host.random(4))
        let output = try here.create(Path("\(name).out"), mode: 0o644)
        let error = try here.create(Path("\(name).err"), mode: 0o644)
        let null = try Directory("/dev").open("null")
        let place = try isBeside || Disk.status(seen) == nil ? folder : path
        let entry = command(program, words, in: place)
        let child = try Child(
            entry.program, arguments: entry.words, environment: self.environment(environment),
            descriptors: [
                null.descriptor.number, output.descriptor.number, error.descriptor.number,
            ], in: try Directory(place))
        guard try Waiting.isOver(child, within: .seconds(30)) else {
            throw Failure("\(program) \(words) did not end within 30 s")
        }
        let outcome = Outcome(
            exit: child.reap(), output: try text(output), error: try text(error))
        try here.remove(Path("\(name).out"))
        try here.remove(Path("\(name).err"))
        return outcome
    }

    private func text(_ file: borrowing File) throws -> String {
        String(decoding: try file.contents(limit: 1 << 24), as: UTF8.self)
    }

    private func environment(_ changes: [String: String]) -> [Path] {
        Program.environment(
            ["PHOTOS": "\(TestSpool.photos)"].merging(changes) { _, new in new })
    }

    // MARK: Waiting

    /// Looks until there is something, for 60 s at most.
    func wait<Found>(
        for what: String, _ look: () throws -> Found?
    ) throws -> Found {
        let deadline = Moment.now + .seconds(60)
        while true {
            if let found = try look() { return found }
            guard Moment.now < deadline else { throw Failure("waited 60 s for \(what)") }
            try Waiting.pause(.milliseconds(20))
        }
    }

    /// Waits until a name stands in a directory of the spool.
    func wait(for name: Path, in directory: Path) throws {
        _ = try wait(for: "\(directory)/\(name)") { try status(directory / name) }
    }

    /// Waits until the view of a job has one of these statuses; the view.
    func view(of id: String, is wanted: String...) throws -> JSONValue {
        try wait(for: "\(id) to be \(wanted)") {
            guard let view = try json("status" / Path(id + ".json")),
                let status = view["status"]?.text, wanted.contains(status)
            else { return nil }
            return view
        }
    }

    /// Waits until a watcher says that a worker is ready.
    func waitForWorker() throws {
        _ = try wait(for: "an idle worker") {
            try json("queue.json")?["workers"]?.elements.first?["state"]?.text == "idle"
                ? true : nil
        }
    }

    // MARK: Looking

    /// The spool as this process can name it.
    private var seen: Path { mounts.map { $0.root / path } ?? path }

    func status(_ name: Path) throws -> FileStatus? { try Disk.status(seen / name) }
    func read(_ name: Path) throws -> [UInt8]? { try Disk.read(seen / name) }
    func names(_ name: Path) throws -> [Path] { try Disk.names(seen / name) }
    func json(_ name: Path) throws -> JSONValue? { try Disk.json(seen / name) }

    /// The names in a state, in the order of their mtimes.
    func namesByAge(_ state: Path) throws -> [Path] {
        try names(state).map { (try status(state / $0)?.modified ?? 0, $0) }
            .sorted { $0 < $1 }.map(\.1)
    }

    // MARK: Dropping

    /// Writes a file into the spool.
    func put(_ name: Path, _ text: String) throws { try Disk.write(seen / name, text.utf8) }
    func put(_ name: Path, _ bytes: [UInt8]) throws { try Disk.write(seen / name, bytes) }

    /// Drops a photograph and its JSON, in this order; what the JSON says.
    @discardableResult
    func drop(
        _ stem: String, _ instruction: String = "rotate 90", photo: String = "cat.png",
        box: Path = "incoming"
    ) throws -> [UInt8] {
        let image = try TestSpool.photo(photo)
        let suffix = photo.split(separator: ".").last.map { ".\($0)" } ?? ""
        try put(box / Path(stem + suffix), image)
        let request = Array("{\"instruction\": \"\(instruction)\"}".utf8)
        try put(box / Path(stem + ".json"), request)
        return request
    }

    static func photo(_ name: String) throws -> [UInt8] {
        guard let bytes = try Disk.read(photos / Path(name)) else {
            throw Failure("no photo \(name)")
        }
        return bytes
    }
}
