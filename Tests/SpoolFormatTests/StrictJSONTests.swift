import FoundationEssentials
import Testing

@testable import SpoolFormat

@Suite struct StrictJSONTests {
    @Test func `the members come in order, with their kinds and their own bytes`() throws {
        let text = #"  { "b" : "x\n" ,"a":[1, {"a":2}],"c":-1.5e+3 , "d":true,"e":null,"f":{} }  "#
        let members = try StrictJSON.members(of: Array(text.utf8))
        let seen = members.map {
            [$0.name, $0.kind.rawValue, String(decoding: $0.text, as: UTF8.self)]
        }
        let expected = [
            ["b", "string", #""x\n""#], ["a", "array", #"[1, {"a":2}]"#],
            ["c", "number", "-1.5e+3"], ["d", "boolean", "true"], ["e", "null", "null"],
            ["f", "object", "{}"],
        ]
        #expect(seen == expected)
    }

    @Test func `a name has its escapes resolved`() throws {
        let text = #"{"\u0073eed\/\"\\\b\f\n\r\t\u00e9\ud83d\uDE00é": 1}"#
        let members = try StrictJSON.members(of: Array(text.utf8))
        #expect(members.map(\.name) == ["seed/\"\\\u{8}\u{C}\n\r\té😀é"])
    }

    /// Swift's String would call the two names equal.
    @Test func `names are compared as bytes`() throws {
        let members = try StrictJSON.members(of: Array("{\"\u{e9}\":1,\"e\u{301}\":2}".utf8))
        #expect(members.count == 2)
    }

    static let values = [
        "0", "-0", "1", "-12", "1.5", "0.0", "10", "1e3", "1E+3", "1e-03", "-0.0e0",
        "123456789012345678901234567890", "true", "false", "null", #""""#, #""a""#, #""\u0001""#,
        #""\/\\\"""#, #""\ud83d\ude00""#, "\"\u{7f}é😀\u{2028}\"", "[]", "[ ]", "[1]",
        "[[],[[]]]", "[1 ,\t2\r\n]", "{}", "{ }", #"{"a":{"a":{}}}"#, #"{"":0}"#, #"{"a":1,"b":2}"#,
    ]

    @Test(arguments: values)
    func `RFC 8259's values are taken, wherever they stand`(value: String) throws {
        for text in ["{\"v\":\(value)}", "{\"v\": [\(value) ,\(value)], \"w\":0}"] {
            let members = try StrictJSON.members(of: Array(text.utf8))
            #expect(members.first?.name == "v", "\(text)")
        }
        let member = try #require(try StrictJSON.members(of: Array("{\"v\":\(value)}".utf8)).first)
        _ = try JSONDecoder().decode(JSONValue.self, from: Data(member.text))
    }

    static let broken = [
        "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1_000", "--1", "1,5x", "NaN",
        "-Infinity", "tru", "True", "nul", "nullx", "'a'", "\"a", #""\x""#, #""\u12""#,
        #""\u12g4""#,
        #""\ud83d""#, #""\ud83d\n""#, #""\ud83dx""#, #""\ud83dxude00""#, #""\ud83d\u0041""#,
        #""\ude00""#, #""\u0000""#,
        "\"\t\"", "\"\n\"", "\"\u{1}\"", "[1,]", "[,1]", "[1 2]", "[1", "[1}", "{,}", #"{"a"}"#,
        #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a":1 "b":2}"#, #"{"a" 1}"#, #"{1:1}"#, "1 // c",
        "/* c */ 1", "\u{FEFF}1", "1\u{A0}", "1\u{0}", "\u{B}1",
    ]

    @Test(arguments: broken)
    func `anything else is refused, wherever it stands`(value: String) {
        for text in [
            "{\"v\":\(value)}", "{\"v\": [\(value)]}", "{\"u\":1, \"v\":\(value), \"w\":0}",
        ] {
            #expect(throws: JSONProblem.self, "\(text)") {
                try StrictJSON.members(of: Array(text.utf8))
            }
        }
    }

    static let kinds: [(String, JSONProblem.Kind)] = [
        ("", .unfinished), (" \n", .unfinished), ("[]", .notAnObject), ("\"a\"", .notAnObject),
        ("-1", .notAnObject), ("7", .notAnObject), ("null", .notAnObject), ("true", .notAnObject),
        ("hello", .malformed), ("{}{}", .malformed), ("{} x", .malformed), ("}", .malformed),
        (#"{"a":1,"a":2}"#, .duplicateKey), (#"{"a":1,"b":0,"\u0061":2}"#, .duplicateKey),
    ]

    @Test(arguments: kinds)
    func `a caller can tell the kinds of problems apart`(text: String, kind: JSONProblem.Kind) {
        #expect(problem(Array(text.utf8))?.kind == kind)
    }

    @Test func `every beginning of a right text is unfinished`() {
        let text = #"{"a\n":"\u00e9\ud83d\ude00", "b":[-1.5e+3, true, null, {"c":0}]}"#
        for count in 0..<text.utf8.count {
            let problem = problem(Array(text.utf8.prefix(count)))
            #expect(problem?.kind == .unfinished, "\(count) bytes: \(String(describing: problem))")
        }
    }

    @Test func `64 levels are taken and 65 are not`() {
        func nested(_ levels: Int) -> [UInt8] {
            let arrays = levels - 1
            return Array(
                ("{\"a\":" + String(repeating: "[", count: arrays)
                    + String(repeating: "]", count: arrays) + "}").utf8)
        }
        #expect(problem(nested(64)) == nil)
        #expect(
            problem(nested(65))?.description == "line 1, column 69: more than 64 levels of brackets"
        )
        #expect(
            problem(Array(#"{"a":"#.utf8) + Array(repeating: 0x5B, count: 1_000_000))?.kind
                == .tooDeep)
    }

    static let notUTF8: [[UInt8]] = [
        [0xFF], [0x80], [0xC0, 0x80], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
        [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80], [0xE2, 0x82],
    ]

    @Test(arguments: notUTF8)
    func `bytes that are not UTF-8 are refused even where nobody reads them`(bad: [UInt8]) {
        let text = Array(#"{"a":["#.utf8) + [0x22] + bad + Array(#""]}"#.utf8)
        #expect(problem(text)?.kind == .notText)
        #expect(problem(text)?.column == 8)
    }

    @Test func `a changed text never crashes, and the decoder reads what is taken`() throws {
        let text = Array(#"{"a\n":"\u00e9\ud83d\ude00é", "b":[-1.5e+3, true, null, {"c":0}]}"#.utf8)
        let alphabet = Array(#"{}[]",:\u0123dDeE+-.truefalsn é"#.utf8) + [0, 9, 10, 13, 0xC3, 0xFF]
        var random = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            var changed = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                changed[place] = alphabet.randomElement(using: &random) ?? 0
            }
            guard let members = try? StrictJSON.members(of: changed) else { continue }
            for member in members {
                _ = try JSONDecoder().decode(JSONValue.self, from: Data(member.text))
            }
        }
    }

    @Test func `a kind has its article`() {
        let kinds: [JSONKind] = [.object, .array, .string, .number, .boolean, .null]
        let words = ["an object", "an array", "a string", "a number", "a boolean", "null"]
        #expect(kinds.map(\.article) == words)
    }

    private func problem(_ text: [UInt8]) -> JSONProblem? {
        do {
            _ = try StrictJSON.members(of: text)
            return nil
        } catch {
            return error
        }
    }
}
