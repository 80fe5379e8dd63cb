// `submit` drops like any station: both files under temporary names, then renamed, the JSON last.
// It finds its job by the drop's name, the image's hash and a view that was not there before.

internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let submit = Subcommand(
        "submit", "IMAGE INSTRUCTION", summary: "drop a photo and wait for the door's answer",
        discussion: """
            Prints the job's ID and its position. Exit status 65: refused for good; 75: try later.
            """,
        options: [
            Option("--seed", "N", "repeatable chance: 0 to 9223372036854775807"),
            Option("--model", "MODEL", "the model, if not the default one"),
            Option("--system-prompt", "TEXT", "replaces the model's own"),
            Option("--name", "NAME", "the drop's name (default: the image's)"),
            Option("--station", "STATION", "drop into this station's box"),
            Option("--wait", nil, "wait for the result and print its path"),
            Option("--retry", nil, "when told to come back later, do so"),
            Option("--output", "FILE", "copy the result to FILE (implies --wait)"),
        ]
    ) { invocation in
        let submission = try Submission(invocation)
        while true {
            let view = try submission.dropAndAwaitVerdict()
            guard view.exitCode == .tryLater, invocation.has("--retry"),
                let seconds = view.reason?.retryAfterSeconds
            else { return try submission.report(view) }
            try submission.pause(seconds, view)
        }
    }
}

/// One photo on its way in.
private final class Submission {
    /// What the station's JSON says.
    private struct RequestFile: Encodable {
        let instruction: String
        let image: String
        let seed: Int64?
        let model: String?
        let systemPrompt: String?
        let sha256: String

        enum CodingKeys: String, CodingKey {
            case instruction, image, seed, model
            case systemPrompt = "system_prompt"
            case sha256
        }
    }

    private let invocation: Invocation
    private let spool: Spool
    private let photo: [UInt8]
    private let hash: String
    private let box: Path
    private let stem: Path
    private let imageName: Path
    private let request: [UInt8]

    /// A larger file is not even offered to the door.
    private static let largestFile = 1 << 28

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        let operands = try invocation.operands(2...2, of: "submit")
        spool = try invocation.spool()
        guard try JobLookup(spool).hasWatcher() != false else {
            throw Failure(
                .tryLater,
                "no watcher serves '\(spool.path)', so nobody would take the drop. "
                    + "Start one: gpuspool --spool '\(spool.path)' run")
        }
        photo = try Submission.read(operands[0])
        hash = SHA256.hex(of: photo)
        (stem, imageName) = try Submission.names(
            operands[0].lastComponent, invocation.path("--name"), photo)
        box = try Submission.box(invocation, spool)
        request = try Submission.request(invocation, operands[1], imageName, hash)
    }

    /// The drop's own name and its image's, both such as the door takes.
    private static func names(_ file: Path, _ name: Path?, _ photo: [UInt8]) throws
        -> (stem: Path, image: Path)
    {
        let own = DropName.stem(of: file.bytes)
        let stem = name?.bytes ?? own
        var suffix = ".jpg"
        if case .whole(let header) = ImageProbe.examine(photo), header.format == .png {
            suffix = ".png"
        }
        guard !stem.contains(UInt8(ascii: "/")), case .image = DropName(stem + suffix.utf8) else {
            throw Failure(
                .usage,
                "'\(Path(stem))' is no name for a drop: the door never takes it. "
                    + "Give the drop another one with --name.")
        }
        // `photo.jpg.part` and `photo.tmp` would wait for the end of their upload for ever.
        let image = stem + file.bytes.dropFirst(own.count)
        if case .image = DropName(image) { return (Path(stem), Path(image)) }
        return (Path(stem), Path(stem + suffix.utf8))
    }

    private static func read(_ path: Path) throws -> [UInt8] {
        let resolved = try Host.resolve(path)
        let file = try Directory(resolved.parent).open(resolved.lastComponent)
        let status = try file.status()
        guard status.kind == .file else {
            throw Failure(.usage, "'\(path)' is a \(status.kind.rawValue), not a photo.")
        }
        guard status.size <= largestFile else {
            throw Failure(
                .refused,
                Refusal.tooLarge(bytes: status.size, maximum: Settings().maxImageBytes).detail)
        }
        return try file.contents(limit: largestFile)
    }

    private static func box(_ invocation: Invocation, _ spool: Spool) throws -> Path {
        guard let text = try invocation.text("--station") else { return .incoming }
        guard let station = StationName(text),
            try spool.root.status(of: .dropBox(of: station))?.kind == .directory
        else {
            throw Failure(
                .notFound,
                "there is no station '\(text)'. Declare it: gpuspool station add '\(text)'")
        }
        return .dropBox(of: station)
    }

    private static func request(
        _ invocation: Invocation, _ instruction: Path, _ image: Path, _ hash: String
    ) throws -> [UInt8] {
        guard let instruction = instruction.text, let image = image.text else {
            throw Failure(.usage, "the instruction and the image's name must be UTF-8.")
        }
        var seed: Int64?
        if let text = try invocation.text("--seed") {
            guard let number = Int64(text), number >= 0 else {
                throw Failure(
                    .usage,
                    "--seed is '\(text)'; it must be an integer from 0 to 9223372036854775807.")
            }
            seed = number
        }
        return JSONText.encode(
            RequestFile(
                instruction: instruction, image: image, seed: seed,
                model: try invocation.text("--model"),
                systemPrompt: try invocation.text("--system-prompt"), sha256: hash))
    }

    /// Drops both files and waits until the door has answered.
    func dropAndAwaitVerdict() throws -> JobView {
        let before = Set(try views().map(\.createdAt))
        try drop(photo, as: imageName)
        do {
            try drop(request, as: Path(stem.bytes + ".json".utf8))
        } catch {
            try? spool.root.directory(box).remove(imageName)
            throw error
        }
        let patience = Moment.now + .seconds(30)
        let verdict = try Follower(spool).wait(until: patience) { [unowned self] () -> JobView? in
            try views().first {
                !before.contains($0.createdAt) && $0.status != .receiving
                    && $0.status != .throttled
                    // A refused one may have been too large to be hashed.
                    && ($0.sha256 == hash || $0.sha256 == nil && $0.status == .rejected)
            }
        }
        guard let verdict else {
            throw Failure(
                .tryLater,
                "the door gave no answer within 30 s; the drop is in '\(spool.path / box)'. "
                    + "Look: gpuspool status '\(stem)'")
        }
        return verdict
    }

    /// The views of all jobs that were dropped by this name.
    private func views() throws -> [JobView] {
        let names = try spool.names(in: Path(SpoolFile.status))
        let mine = names.filter {
            // ID, STATION.ID, ID~k hold the drop's own name; what cannot be an ID is drop-XXXXXXXX.
            $0.description.contains(stem.description) || $0.description.hasPrefix("drop-")
        }
        let lookup = JobLookup(spool)
        return try mine.compactMap { name in
            do throws(SystemError) {
                let view = try lookup.view(at: Path(SpoolFile.status) / name)
                return view?.droppedAs == stem.description ? view : nil
            } catch {
                // Another drop's; ours can be read, for it is new.
                if error.isGeneral { throw error }
                return nil
            }
        }
    }

    private func drop(_ bytes: [UInt8], as name: Path) throws {
        let directory = try spool.root.directory(box)
        let way = Path(".\(Host.pid).\(Hexadecimal.text(of: Host.random(4))).part")
        let file = try directory.create(way, mode: 0o644)
        do throws(SystemError) {
            try file.write(bytes)
            try file.sync()
            try directory.rename(way, to: name)
        } catch {
            try? directory.remove(way)
            guard error.code == .exists else { throw error }
            throw Failure(
                .tryLater,
                "'\(name)' stands in '\(box)' already, waiting to be taken. "
                    + "Give this drop another name with --name.")
        }
    }

    /// Waits as long as the door said.
    func pause(_ seconds: Int, _ view: JobView) throws {
        try StandardStream.error.write(
            "gpuspool: \(view.error ?? "") Trying again in \(seconds) s.\n")
        _ = try Follower(spool).wait(until: .now + .seconds(seconds)) { nil as Bool? }
    }

    /// Prints the verdict, and with `--wait` how the job ends.
    func report(_ verdict: JobView) throws -> ExitCode {
        if verdict.status == .rejected {
            try invocation.print(verdict, or: "")
            let again = verdict.reason?.retryAfterSeconds.map { " Come back in \($0) s." }
            try StandardStream.error.write("gpuspool: \(verdict.error ?? "")\(again ?? "")\n")
            return verdict.exitCode
        }
        guard invocation.has("--wait") || invocation.has("--output") else {
            try invocation.print(verdict, or: "\(verdict.line)")
            return .done
        }
        let progress = Progress(invocation)
        let end = try Follower(spool).follow(verdict.id) { try progress.show($0) }
        guard let end else { throw Failure(.notFound, "job \(verdict.id) was cleaned up.") }
        guard end.status == .completed, let name = end.resultPath else {
            try invocation.print(end, or: "")
            try StandardStream.error.write("gpuspool: \(end.error ?? end.status.rawValue)\n")
            return end.exitCode
        }
        var result = spool.path / .bundle(.done, end.id) / Path(name)
        if let output = invocation.path("--output") {
            try copy(result, to: output)
            result = output
        }
        try invocation.print(end, or: "\(result)\n")
        return .done
    }

    private func copy(_ result: Path, to output: Path) throws {
        let source = try Directory(result.parent).open(result.lastComponent)
        let directory = try Directory(output.parent)
        let way = Path(output.lastComponent.bytes + ".\(Host.pid).part".utf8)
        let file = try directory.create(way, mode: 0o644)
        do throws(SystemError) {
            try file.copy(from: source)
            try directory.replace(output.lastComponent, with: way)
        } catch {
            try? directory.remove(way)
            throw error
        }
    }
}
