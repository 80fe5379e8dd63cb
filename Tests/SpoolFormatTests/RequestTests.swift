import Testing

@testable import SpoolFormat

@Suite struct RequestTests {
    private static let now = Timestamp(nanoseconds: 1_705_314_600_000_000_000)  // 10:30:00Z

    private func parse(_ bytes: [UInt8]) throws(RequestProblem) -> Request {
        try Request(parsing: bytes, maximumInstruction: 500, now: Self.now)
    }

    /// The request whose other fields are right.
    private func parse(_ name: String, _ value: String) throws(RequestProblem) -> Request {
        try parse(Array("{\"instruction\": \"x\", \"\(name)\": \(value)}".utf8))
    }

    private func refusal(_ body: () throws(RequestProblem) -> Request) -> RequestProblem? {
        do throws(RequestProblem) {
            _ = try body()
            return nil
        } catch { return error }
    }

    @Test func `every field is read`() throws {
        let text = #"""
            {"instruction": "Make the sky\nblue 😀", "image": "IMG 1.jpg", "seed": 42,
             "model": "qwen-4step", "system_prompt": "Be careful.", "not_before":
             "2024-01-15T11:31:25.5+01:00", "metadata": {"order": [7, {"a": null}], "é": 1.5},
             "sha256": "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}
            """#
        let request = try parse(Array(text.utf8))
        #expect(request.instruction == "Make the sky\nblue 😀")
        #expect(request.image == "IMG 1.jpg")
        #expect(request.seed == 42)
        #expect(request.model?.description == "qwen-4step")
        #expect(request.systemPrompt == "Be careful.")
        #expect(request.notBefore == Timestamp(rfc3339: "2024-01-15T10:31:25.5Z"))
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(request.sha256 == empty)
        let metadata = JSONValue.object([
            "order": .array([.int(7), .object(["a": .null])]), "é": .double(1.5),
        ])
        #expect(request.metadata == metadata)
    }

    @Test func `null says the same as leaving a field out`() throws {
        let names = Request.fields.map(\.name).filter { $0 != "instruction" }
        let nulls = names.map { ", \"\($0)\": null" }.joined()
        let request = try parse(Array("{\"instruction\": \"x\"\(nulls)}".utf8))
        #expect(request == (try parse(Array(#"{"instruction":"x"}"#.utf8))))
        #expect(request.seed == nil)
        #expect(request.metadata == nil)
        #expect(
            refusal { () throws(RequestProblem) in try parse("instruction", "null") } != nil)
    }

    static let good: [(String, [String])] = [
        ("image", [#""a""#, #"" .jpg""#, #""a\"b""#, #""...""#, #""é""#, #""\#(long(255))""#]),
        ("seed", ["0", "1", "9223372036854775807"]),
        ("model", [#""rules""#, #""A.b_c-9""#]),
        ("system_prompt", [#""""#, #""\n""#, #""\#(long(10_000))""#]),
        ("sha256", [#""\#(String(repeating: "0", count: 64))""#, #""\#(hash)""#]),
        (
            "not_before",
            [
                #""2024-01-22T10:30:00Z""#, #""2024-01-22T11:30:00+01:00""#,
                #""1970-01-01T00:00:00Z""#, #""2024-01-15T10:29:59.999Z""#,
            ]
        ),
        ("metadata", ["{}", #"{"":{"a":[]}}"#, #"{"n":18446744073709551615}"#]),
    ]

    private static let hash = String(repeating: "0123456789abcdef", count: 4)
    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test(arguments: good)
    func `right values are taken`(field: String, values: [String]) throws {
        for value in values {
            let problem = refusal { () throws(RequestProblem) in try parse(field, value) }
            #expect(problem == nil, "\(value)")
        }
    }

    static let bad: [(String, [String])] = [
        ("instruction", ["1", "true", "[]", "{}", #"["x"]"#]),
        (
            "image",
            [
                #""""#, #"".""#, #""..""#, #""a/b""#, #""/a""#, #""a\\b""#, #""C:\\a.jpg""#, "1",
                "false", "[]", "{}", #""\#(long(256))""#, #""a/""#,
            ]
        ),
        (
            "seed",
            [
                "-1", "-0", "1.0", "1e3", "1E3", "0.5", "9223372036854775808",
                "123456789012345678901234567890", #""1""#, "true", "[]", "{}",
            ]
        ),
        ("model", [#""""#, #""a b""#, #""a/b""#, #""é""#, "1", "true", "[]", "{}"]),
        ("system_prompt", ["1", "true", "[]", "{}"]),
        (
            "sha256",
            [
                #""""#, #""\#(hash.dropLast())""#, #""\#(hash)0""#, #""\#(hash.dropLast())g""#,
                #""\#(hash.dropLast()) ""#, "1", "true", "[]", "{}",
            ]
        ),
        (
            "not_before",
            [
                #""2024-01-22T10:30:00.001Z""#, #""2025-01-15T10:30:00Z""#, #""tomorrow""#, #""""#,
                #""2024-01-15""#, #""2024-01-15T10:30:00""#, #""2024-02-30T10:30:00Z""#,
                "1705314600", "true", "[]", "{}",
            ]
        ),
        ("metadata", ["[]", #""a""#, "1", "true"]),
    ]

    @Test(arguments: bad)
    func `a wrong value is refused with its field, itself and what is allowed`(
        field: String, values: [String]
    ) throws {
        let allowed = try #require(Request.fields.first { $0.name == field }?.allowed)
        for value in values {
            let text = field == "instruction" ? "{\"instruction\": \(value)}" : nil
            let problem = refusal { () throws(RequestProblem) in
                if let text { return try parse(Array(text.utf8)) }
                return try parse(field, value)
            }
            guard case .invalid(let words) = problem else {
                Issue.record("\(value): \(String(describing: problem))")
                continue
            }
            #expect(words.hasPrefix("The field '\(field)' is "), "\(words)")
            #expect(words.hasSuffix("; it must be \(allowed)."), "\(words)")
        }
    }

    static let texts: [(String, String)] = [
        (
            #"{"instruction": "x", "seed": -5}"#,
            "The field 'seed' is -5; it must be an integer from 0 to 9223372036854775807."
        ),
        (
            #"{"instruction": "x", "image": "../a\n.jpg"}"#,
            #"The field 'image' is "../a\n.jpg"; it must be a file name without a path,"#
                + " as a string."
        ),
        (
            #"{"instruction": ["x"]}"#,
            "The field 'instruction' is an array; it must be a string."
        ),
        (
            #"{"instruction": "x", "model": "\#(long(100))"}"#,
            "The field 'model' is \"\(long(59))…; it must be a string of "
                + "1 to 64 of A-Z a-z 0-9 . _ -."
        ),
        (
            #"{"instruction": "x", "metadata": {"a": 1e400}}"#,
            "The field 'metadata' holds a number that is too large; write it as a string."
        ),
        (
            "{}",
            "The field 'instruction' is missing. Say what to do with the image in 1 to 500"
                + " characters."
        ),
        (#"{"instruction": ""}"#, "The instruction is empty; 1 to 500 characters are allowed."),
        (
            #"{"instruction": " \n\t\u00a0"}"#,
            "The instruction is empty; 1 to 500 characters are allowed."
        ),
        (
            #"{"instruction": "x", "Seeds": 1}"#,
            "Unknown field 'Seeds'. Did you mean 'seed'? Known fields: instruction, image, seed,"
                + " model, system_prompt, sha256, not_before, metadata."
        ),
        (
            #"{"instruction": "x", "strength\n": null}"#,
            "Unknown field 'strength '. Known fields: instruction, image, seed, model,"
                + " system_prompt, sha256, not_before, metadata."
        ),
        (
            #"{"seed": 1, "instruction": "x", "se\u0065d": 1}"#,
            "The JSON cannot be read: line 1, column 33: the name \"seed\" stands twice,"
                + " first on line 1."
        ),
    ]

    @Test(arguments: texts)
    func `what is wrong for good is told in words`(json: String, words: String) {
        let problem = refusal { () throws(RequestProblem) in try parse(Array(json.utf8)) }
        #expect(problem == .invalid(words))
    }

    /// Characters are Unicode scalars: "é" in two is two, a flag is two, a family many.
    @Test(arguments: ["x", "é", "e\u{301}", "😀", "🇩🇪", "👩‍👩‍👧", "\u{1F469}\u{200D}"])
    func `an instruction may have 500 characters and no more`(character: String) throws {
        let size = character.unicodeScalars.count
        let filler = String(repeating: "x", count: 500 % size)
        let text = String(repeating: character, count: 500 / size) + filler
        let longest = try parse(Array("{\"instruction\": \"\(text)\"}".utf8))
        #expect(longest.instruction.unicodeScalars.elementsEqual(text.unicodeScalars))
        let problem = refusal { () throws(RequestProblem) in
            try parse(Array("{\"instruction\": \"\(text)x\"}".utf8))
        }
        #expect(
            problem == .invalid("The instruction has 501 characters; 1 to 500 are allowed."))
    }

    @Test func `the longest instruction is a setting`() {
        let text = Array(#"{"instruction": "1234"}"#.utf8)
        #expect(throws: RequestProblem.self) {
            try Request(parsing: text, maximumInstruction: 3, now: Self.now)
        }
        #expect(throws: Never.self) {
            try Request(parsing: text, maximumInstruction: 4, now: Self.now)
        }
    }

    @Test func `a byte order mark and UTF-16 are fine`() throws {
        let text = #"{"instruction": "Grüße 😀"}"#
        let little = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let big = text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        let files: [[UInt8]] = [
            [0xEF, 0xBB, 0xBF] + text.utf8, [0xFF, 0xFE] + little, [0xFE, 0xFF] + big,
        ]
        for file in files { #expect(try parse(file).instruction == "Grüße 😀") }
    }

    static let unparsable: [(String, String)] = [
        ("", "The JSON cannot be read: line 1, column 1: the file is empty."),
        (
            #"{"instruction": "x""#,
            "The JSON cannot be read: line 1, column 20: the JSON ends here,"
                + " expected ',' or '}'."
        ),
        (
            "{\n \"instruction\": 'x'}",
            "The JSON cannot be read: line 2, column 17: found ''', expected a value:"
                + " use double quotes."
        ),
        (
            "[1]",
            "The JSON cannot be read: line 1, column 1: found an array,"
                + " expected an object in braces { }."
        ),
        (
            "{\"instruction\": \"\u{0}x\"}",
            "The JSON cannot be read: line 1, column 18: a NUL byte stands in the text."
                + " Save it as UTF-8."
        ),
    ]

    @Test(arguments: unparsable)
    func `what may become right as bytes arrive is told apart`(text: String, words: String) {
        let problem = refusal { () throws(RequestProblem) in try parse(Array(text.utf8)) }
        #expect(problem == .unparsable(words))
    }

    @Test func `metadata is given back as it was`() throws {
        let object = #"{"a":[1,-2.5,true,null,"x/y\u2028"],"b":{"c":{}},"é":18446744073709551615}"#
        let request = try parse("metadata", object)
        let encoded = JSONText.line(try #require(request.metadata))
        #expect(JSONText.decode(JSONValue.self, from: encoded) == request.metadata)
        let text = String(decoding: encoded, as: UTF8.self)
        #expect(text == object.replacing("\\u2028", with: "\u{2028}") + "\n")
    }

    @Test func `an excerpt is short and on one line`() {
        #expect("a\nb\u{2028}".excerpt == "a b ")
        #expect(String(repeating: "é", count: 60).excerpt == String(repeating: "é", count: 60))
        #expect(
            String(repeating: "é", count: 61).excerpt == String(repeating: "é", count: 60) + "…")
    }
}
