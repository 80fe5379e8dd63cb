internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

extension Subcommand {
    static let demo = Subcommand(
        "demo", summary: "show everything once: a temporary spool, a real photo, each step",
        discussion: "The spool stays for a look.",
        options: [
            Option("--install", nil, "install Pillow with apt-get if no Python has it"),
            Option("--instruction", "TEXT", "what to do with the photo"),
        ]
    ) { invocation in
        _ = try invocation.operands(0...0, of: "demo")
        return try Demo(invocation).run()
    }
}

/// A rocket launch, edited while you watch.
private final class Demo {
    private let invocation: Invocation
    private let instruction: String
    private let path: Path

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        instruction =
            try invocation.text("--instruction") ?? "Make the sky blue and add clouds"
        let parent = Host.variable("TMPDIR") ?? "/tmp"
        path = parent / Path("gpuspool-demo-\(Hexadecimal.text(of: Host.random(4)))")
    }

    func run() throws -> ExitCode {
        if invocation.has("--install") { try installPillow() }
        try tell("1. A spool is a folder.", "gpuspool --spool \(path) init")
        try invocation.checked { try SpoolLayout.make(at: path, settings: Settings()) }
        try tell(
            "2. One process serves it (its log: \(path)/gpuspool.log).",
            "gpuspool --spool \(path) run")
        let service = try startService()
        defer { stop(service) }
        let spool = try Spool(path, settings: Settings(), log: Log())
        try awaitWatcher(spool, service)
        try tell(
            "3. A station copies two files into incoming/.",
            "cp rocket.jpg rocket.json \(path)/incoming/")
        try StandardStream.output.write("     rocket.json: {\"instruction\": \"\(instruction)\"}\n")
        try drop(spool)
        try tell("4. status/rocket.json tells the station where its photo is.", nil)
        let view = try follow(spool, service)
        guard view.status == .completed, let result = view.resultPath else {
            throw Failure(view.exitCode, view.error ?? "the job ended as \(view.status.rawValue).")
        }
        let picture = spool.path / .bundle(.done, view.id) / Path(result)
        try tell("5. The edited photo stands in done/rocket/ for an hour:", nil)
        try StandardStream.output.write("\(picture)\n")
        return .done
    }

    private func tell(_ step: String, _ command: String?) throws {
        try StandardStream.output.write("\(step)\n" + (command.map { "     $ \($0)\n" } ?? ""))
    }

    private func installPillow() throws {
        if PythonSearch.hasPillow(Settings()) { return }
        let package = Path("python3-pil")
        try tell(
            "0. No Python here has Pillow.",
            "apt-get install -y --no-install-recommends \(package)")
        guard let apt = Host.find(program: "apt-get").first else {
            throw Failure(.systemError, "there is no apt-get; install Pillow for python3 by hand.")
        }
        _ = try Command.run(apt, ["update"], timeout: .seconds(300))
        let result = try Command.run(
            apt, ["install", "-y", "--no-install-recommends", package], timeout: .seconds(600))
        guard result.exit == .status(0) else {
            let output = String(decoding: result.output.suffix(500), as: UTF8.self)
            throw Failure(
                .systemError,
                "apt-get could not install \(package); are you root? It said:\n\(output)")
        }
    }

    private func startService() throws -> Child {
        let log = try Directory(path).create("gpuspool.log", mode: 0o644)
        let null = try Directory("/dev").open("null")
        let program = try Host.resolve("/proc/self/exe")
        return try Child(
            program, arguments: ["--spool", path, "run"],
            descriptors: [
                null.descriptor.number, log.descriptor.number, log.descriptor.number,
            ], in: try Directory("."))
    }

    private func stop(_ service: Child) {
        service.signal(.terminate)
        _ = service.reap()
    }

    private func awaitWatcher(_ spool: Spool, _ service: Child) throws {
        let deadline = Moment.now + .seconds(60)
        let isThere = try Follower(spool).wait(until: deadline) { [unowned self] () -> Bool? in
            try check(service)
            return try spool.root.status(of: .queueView) != nil ? true : nil
        }
        if isThere != true { throw Failure(.systemError, "the service did not start. \(logHint)") }
    }

    private func check(_ service: Child) throws {
        guard ProcessWatch.isRunning(service.pid) else {
            throw Failure(.systemError, "the service ended. \(logHint)")
        }
    }

    private var logHint: String {
        let log = (try? Directory(path).open("gpuspool.log").contents(limit: 4096)) ?? []
        return "Its log says:\n\(String(decoding: log, as: UTF8.self))"
    }

    private struct RequestFile: Encodable { let instruction: String }

    private func drop(_ spool: Spool) throws {
        let incoming = try spool.root.directory(.incoming)
        for (name, bytes) in [
            ("rocket.jpg", ShippedFile.photo),
            ("rocket.json", JSONText.line(RequestFile(instruction: instruction))),
        ] {
            try incoming.create(Path(name), mode: 0o644).write(bytes)
        }
    }

    private func follow(_ spool: Spool, _ service: Child) throws -> JobView {
        let id = try jobID("rocket")
        let lookup = JobLookup(spool)
        var last = ""
        let deadline = Moment.now + .seconds(120)
        let end = try Follower(spool).wait(until: deadline) { [unowned self] () -> JobView? in
            try check(service)
            guard let view = try lookup.view(of: id) else { return nil }
            if view.headline != last {
                last = view.headline
                try StandardStream.output.write("     \(view.headline)\n")
            }
            return view.hasEnded ? view : nil
        }
        guard let end else { throw Failure(.systemError, "the job did not end. \(logHint)") }
        return end
    }
}
