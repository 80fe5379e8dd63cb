internal import FoundationEssentials

/// Why a station's JSON is no request.
public enum RequestProblem: Error, Hashable, Sendable {
    /// It is no JSON, which may be because it is still being written.
    case unparsable(String)
    /// It is JSON, and says something that is not allowed.
    case invalid(String)
}

/// What a station asks for.
public struct Request: Hashable, Sendable {
    /// What to do with the image.
    public let instruction: String
    /// The image's file name, if it is not the one with the drop's own stem.
    public let image: String?
    /// The seed, if the station chose one: 0…2^63−1.
    public let seed: Int64?
    /// The model, if the station chose one.
    public let model: ModelName?
    /// Replaces the model's own system prompt.
    public let systemPrompt: String?
    /// The image's SHA-256, lower-case hexadecimal.
    public let sha256: String?
    /// When the job may start at the earliest.
    public let notBefore: Timestamp?
    /// The station's own data, given back unchanged.
    public let metadata: JSONValue?

    /// The most bytes a station's JSON may have.
    ///
    /// Its `metadata` is copied into indented records: at worst, 32 000 elements 64 levels deep,
    /// 70 times as large, which is still far below what a record is read with.
    public static let maximumBytes = 65_536

    /// How far ahead `not_before` may be.
    public static let furthestStart: Duration = .seconds(7 * 86_400)

    /// The fields a request may have, and what each must be.
    static let fields: [(name: String, allowed: String)] = [
        ("instruction", "a string"),
        ("image", "a file name without a path, as a string"),
        ("seed", "an integer from 0 to 9223372036854775807"),
        ("model", "a string of \(ModelName.rule)"),
        ("system_prompt", "a string"),
        ("sha256", "64 hexadecimal digits, as a string"),
        ("not_before", "a time like \"2024-01-15T10:30:00Z\", at most 7 days ahead"),
        ("metadata", "an object"),
    ]

    /// Reads a station's JSON: UTF-8, or UTF-16 with a byte order mark.
    ///
    /// - Throws: `RequestProblem` with the field, what was found and what is allowed.
    public init(
        parsing bytes: [UInt8], maximumInstruction: Int, now: Timestamp
    ) throws(RequestProblem) {
        let members: [JSONMember]
        do throws(JSONProblem) {
            members = try StrictJSON.members(of: try StationText.utf8(bytes))
        } catch {
            let detail = "The JSON cannot be read: \(error)"
            let sentence = detail.hasSuffix(".") ? detail : detail + "."
            // The one problem of a text that is JSON to its end.
            throw error.kind == .duplicateKey ? .invalid(sentence) : .unparsable(sentence)
        }
        let values = try Request.known(members)
        instruction = try Request.instruction(values["instruction"], maximum: maximumInstruction)
        image = try Request.image(values["image"])
        seed = try Request.seed(values["seed"])
        model = try Request.model(values["model"])
        systemPrompt = try values["system_prompt"]?.string()
        sha256 = try Request.sha256(values["sha256"])
        notBefore = try Request.notBefore(values["not_before"], now: now)
        metadata = try Request.metadata(values["metadata"])
    }

    private static func known(_ members: [JSONMember]) throws(RequestProblem) -> [String:
        JSONMember]
    {
        var values: [String: JSONMember] = [:]
        let names = fields.map(\.name)
        for member in members {
            guard names.contains(member.name) else { throw unknown(member.name, names) }
            // null says the same as leaving the field out.
            if member.kind != .null { values[member.name] = member }
        }
        return values
    }

    private static func unknown(_ name: String, _ names: [String]) -> RequestProblem {
        let hint = Nearest.name(to: name, among: names).map { " Did you mean '\($0)'?" } ?? ""
        let list = names.joined(separator: ", ")
        return .invalid("Unknown field '\(name.excerpt)'.\(hint) Known fields: \(list).")
    }

    private static func instruction(_ value: JSONMember?, maximum: Int) throws(RequestProblem)
        -> String
    {
        guard let value else {
            throw .invalid(
                "The field 'instruction' is missing. Say what to do with the image in 1 to "
                    + "\(maximum) characters.")
        }
        let text = try value.string()
        let count = text.unicodeScalars.count
        guard count <= maximum else {
            throw .invalid(
                "The instruction has \(count) characters; 1 to \(maximum) are allowed.")
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw .invalid("The instruction is empty; 1 to \(maximum) characters are allowed.")
        }
        return text
    }

    private static func image(_ value: JSONMember?) throws(RequestProblem) -> String? {
        guard let value else { return nil }
        let name = try value.string()
        let isPlain =
            !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        guard isPlain else { throw value.refused }
        return name
    }

    private static func seed(_ value: JSONMember?) throws(RequestProblem) -> Int64? {
        guard let value else { return nil }
        guard value.kind == .number, let seed = Int64(value.source), seed >= 0,
            value.text.first != UInt8(ascii: "-")
        else { throw value.refused }
        return seed
    }

    private static func model(_ value: JSONMember?) throws(RequestProblem) -> ModelName? {
        guard let value else { return nil }
        guard let name = ModelName(try value.string()) else { throw value.refused }
        return name
    }

    private static func sha256(_ value: JSONMember?) throws(RequestProblem) -> String? {
        guard let value else { return nil }
        let digits = try value.string().lowercased()
        guard digits.utf8.count == 64, Hexadecimal.bytes(of: digits) != nil else {
            throw value.refused
        }
        return digits
    }

    private static func notBefore(_ value: JSONMember?, now: Timestamp) throws(RequestProblem)
        -> Timestamp?
    {
        guard let value else { return nil }
        guard let time = Timestamp(rfc3339: try value.string()),
            time <= now.advanced(by: furthestStart)
        else { throw value.refused }
        return time
    }

    private static func metadata(_ value: JSONMember?) throws(RequestProblem) -> JSONValue? {
        guard let value else { return nil }
        guard value.kind == .object else { throw value.refused }
        // Of what is JSON, only such a number is not decoded.
        guard let object: JSONValue = value.decoded() else {
            throw .invalid(
                "The field 'metadata' holds a number that is too large; write it as a string.")
        }
        return object
    }
}

extension JSONMember {
    /// The value as it was written.
    fileprivate var source: String { String(decoding: text, as: UTF8.self) }

    /// The value in words, cut to a readable length.
    private var found: String {
        switch kind {
        case .object, .array: kind.article
        case .string, .number, .boolean, .null: source.excerpt
        }
    }

    fileprivate var refused: RequestProblem {
        let allowed = Request.fields.first { $0.name == name }?.allowed ?? "something else"
        return .invalid("The field '\(name)' is \(found); it must be \(allowed).")
    }

    fileprivate func string() throws(RequestProblem) -> String {
        guard kind == .string, let text: String = decoded() else { throw refused }
        return text
    }

    fileprivate func decoded<Value: Decodable>() -> Value? {
        try? JSONDecoder().decode(Value.self, from: Data(text))
    }
}

extension String {
    /// At most 60 characters of it, without control characters.
    public var excerpt: String {
        let text = String(String.UnicodeScalarView(unicodeScalars.prefix(60))).oneLine
        return unicodeScalars.count > 60 ? text + "…" : text
    }
}
