internal import Linux
internal import SpoolFormat

/// What the files of a drop hold, as far as they have arrived.
enum Contents {
    /// A judgement that may change while bytes arrive, or not.
    enum Verdict<Whole, Wrong> {
        case whole(Whole)
        case unfinished(String)
        case wrong(Wrong)
    }

    /// Judges a station's JSON; never reads more than its limit.
    static func request(_ path: Path, in spool: Spool) throws(SystemError)
        -> Verdict<Request, String>
    {
        let file = try spool.root.openUnmasking(path)
        let size = try file.status().size
        guard size <= Request.maximumBytes else {
            return .wrong(tooLarge(request: size))
        }
        let bytes = try file.contents(limit: Request.maximumBytes)
        do throws(RequestProblem) {
            let maximum = spool.settings.maxInstructionChars
            return .whole(try Request(parsing: bytes, maximumInstruction: maximum, now: .now))
        } catch {
            switch error {
            case .unparsable(let detail): return .unfinished(detail)
            case .invalid(let detail): return .wrong(detail)
            }
        }
    }

    /// Judges the list of a batch; never reads more than its limit.
    static func list(_ path: Path, in spool: Spool) throws(SystemError)
        -> Verdict<BatchList, String>
    {
        let file = try spool.root.openUnmasking(path)
        let size = try file.status().size
        guard size <= BatchList.maximumBytes else { return .wrong(tooLarge(list: size)) }
        let bytes = try file.contents(limit: BatchList.maximumBytes)
        do throws(RequestProblem) {
            let maximum = spool.settings.maxInstructionChars
            return .whole(try BatchList(parsing: bytes, maximumInstruction: maximum, now: .now))
        } catch {
            switch error {
            case .unparsable(let detail): return .unfinished(detail)
            case .invalid(let detail): return .wrong(detail)
            }
        }
    }

    /// What a list with too many bytes is answered.
    static func tooLarge(list size: Int64) -> String {
        "The CSV file has \(size) bytes; at most \(BatchList.maximumBytes) are allowed. "
            + "Split it into smaller ones."
    }

    /// What a JSON with too many bytes is answered.
    static func tooLarge(request size: Int64) -> String {
        "The JSON has \(size) bytes; at most \(Request.maximumBytes) are allowed."
    }

    /// Judges an image; never reads one that has too many bytes.
    static func image(_ path: Path, in spool: Spool) throws(SystemError)
        -> Verdict<ImageHeader, Refusal>
    {
        let file = try spool.root.openUnmasking(path)
        let size = try file.status().size
        let limit = spool.settings.maxImageBytes
        guard size <= limit else { return .wrong(.tooLarge(bytes: size, maximum: limit)) }
        let bytes = try file.contents(limit: limit)
        return verdict(
            ImageProbe.examine(bytes), name: path.lastComponent, side: spool.settings.maxImageSide)
    }

    /// The SHA-256 of a file in hexadecimal; nil for one that has too many bytes for an image.
    ///
    /// Not made for every look: it takes longer than all else at the door.
    static func sha256(_ path: Path, in spool: Spool) throws(SystemError) -> String? {
        let file = try spool.root.openUnmasking(path)
        let limit = spool.settings.maxImageBytes
        let bytes = try file.contents(limit: limit + 1)
        return bytes.count > limit ? nil : SHA256.hex(of: bytes)
    }

    private static func verdict(_ verdict: ImageVerdict, name: Path, side: Int)
        -> Verdict<ImageHeader, Refusal>
    {
        let header: ImageHeader? =
            switch verdict {
            case .whole(let header): header
            case .unfinished(let header, _): header
            case .damaged: nil
            }
        if let header, header.width > side || header.height > side {
            return .wrong(.tooLarge(header, maximumSide: side))
        }
        return switch verdict {
        case .whole(let header): .whole(header)
        case .unfinished(_, let detail): .unfinished(detail)
        case .damaged(let detail): .wrong(Refusal(.invalidImage, "'\(name)': \(detail)"))
        }
    }

    /// What a wrong hash is answered.
    static func hashMismatch(_ expected: String, _ found: String) -> String {
        "The image's SHA-256 is \(found), but the JSON says \(expected). "
            + "Upload the image again, or correct 'sha256'."
    }
}
