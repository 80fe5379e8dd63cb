import FoundationEssentials
import SpoolFormat
import Testing

@Suite struct JSONValueTests {
    static let unchanged = [
        "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808",
        "9223372036854775808", "18446744073709551615", "0.1", "-1.5", "1e+300", #""""#,
        #""a \"quoted\" \\ é 😀""#, "[]", "{}", #"[1,"a",null,[true]]"#,
        #"{"a":{"b":[{"c":1.25}]},"n":null,"order":"7"}"#,
    ]

    @Test(arguments: unchanged)
    func `a value comes back as it was`(text: String) throws {
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(String(decoding: try encoder.encode(value), as: UTF8.self) == text)
    }

    static let kinds: [(String, JSONValue)] = [
        ("null", .null), ("true", .bool(true)), ("1", .int(1)), ("0", .int(0)), ("1.0", .int(1)),
        ("9223372036854775808", .unsigned(1 << 63)), ("0.5", .double(0.5)), (#""1""#, .string("1")),
        ("18446744073709551616", .double(18_446_744_073_709_551_616)),
        (#"[1,{"a":false}]"#, .array([.int(1), .object(["a": .bool(false)])])),
    ]

    @Test(arguments: kinds)
    func `a value gets the narrowest kind`(text: String, value: JSONValue) throws {
        #expect(try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) == value)
    }

    @Test func `a number beyond Double is refused`() {
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(JSONValue.self, from: Data("[1e400]".utf8))
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(context.debugDescription == "a number is too large")
    }
}
