import Testing

@testable import SpoolFormat

@Suite struct StationTextTests {
    private static let text = "{\"instruction\": \"Grüße 😀\"}\r\n"

    private static func utf16(_ text: String, bigEndian: Bool) -> [UInt8] {
        text.utf16.flatMap { unit -> [UInt8] in
            let pair = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
            return bigEndian ? pair : pair.reversed()
        }
    }

    static let readable: [[UInt8]] = [
        Array(text.utf8), [0xEF, 0xBB, 0xBF] + Array(text.utf8),
        [0xFF, 0xFE] + utf16(text, bigEndian: false), [0xFE, 0xFF] + utf16(text, bigEndian: true),
    ]

    @Test(arguments: readable)
    func `UTF-8, and UTF-16 with its mark, become UTF-8 without one`(file: [UInt8]) throws {
        #expect(try StationText.utf8(file) == Array(Self.text.utf8))
    }

    /// Includes cuts inside a mark, a character, a pair of bytes and a pair of surrogates.
    @Test(arguments: readable)
    func `a cut file is whole text or unfinished`(file: [UInt8]) {
        for count in 0..<file.count {
            do {
                let text = try StationText.utf8(Array(file.prefix(count)))
                #expect(!text.isEmpty && Self.text.utf8.starts(with: text), "\(count) bytes")
            } catch {
                #expect(error.kind == .unfinished, "\(count) bytes: \(error)")
            }
        }
    }

    @Test(arguments: readable)
    func `a file whose tail is still zeros is unfinished`(file: [UInt8]) {
        for count in 0..<file.count {
            let zeros = Array(repeating: UInt8(0), count: 2 * (file.count - count))
            #expect(throws: JSONProblem.self) {
                try StationText.utf8(Array(file.prefix(count)) + zeros)
            }
        }
        let filled = file + [0, 0]
        #expect(problem(filled)?.kind == .unfinished)
        #expect(
            problem(filled)?.description == "line 2, column 1: the rest is filled with zeros so far"
        )
    }

    static let problems: [([UInt8], JSONProblem.Kind, String)] = [
        ([], .unfinished, "line 1, column 1: the file is empty"),
        ([0xEF, 0xBB, 0xBF], .unfinished, "line 1, column 1: the file is empty"),
        ([0xFF, 0xFE], .unfinished, "line 1, column 1: the file is empty"),
        ([0xFF], .unfinished, "line 1, column 1: only its first byte has arrived"),
        ([0, 0, 0], .unfinished, "line 1, column 1: it is filled with zeros so far"),
        (
            [0x7B, 0xC3], .unfinished,
            "line 1, column 2: the text stops in the middle of a character"
        ),
        (
            [0xFF, 0xFE, 0x7B, 0, 0x7D], .unfinished,
            "line 1, column 2: the UTF-16 text stops in mid-character"
        ),
        (
            [0xFE, 0xFF, 0, 0x0A, 0xD8, 0x3D], .unfinished,
            "line 2, column 1: the UTF-16 text stops in mid-character"
        ),
        (
            [0xFE, 0xFF, 0, 0x7B, 0xDE, 0], .notText,
            "line 1, column 2: half a character (a lone surrogate) stands in the UTF-16 text."
                + " Save it as UTF-8."
        ),
        (
            [0xFE, 0xFF, 0xD8, 0x3D, 0, 0x7B, 0xD8, 0x3D], .notText,
            "line 1, column 1: half a character (a lone surrogate) stands in the UTF-16 text."
                + " Save it as UTF-8."
        ),
        (
            utf16(text, bigEndian: false), .notText,
            "line 1, column 2: it seems to be UTF-16 or UTF-32. Save it as UTF-8."
        ),
        (
            utf16(text, bigEndian: true), .notText,
            "line 1, column 1: it seems to be UTF-16 or UTF-32. Save it as UTF-8."
        ),
        (
            [0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0, 0x7D, 0, 0, 0], .notText,
            "line 1, column 1: it seems to be UTF-16 or UTF-32. Save it as UTF-8."
        ),
        (
            Array("{\"a\"\0: 1}".utf8), .notText,
            "line 1, column 5: a NUL byte stands in the text. Save it as UTF-8."
        ),
        (
            Array("{\n\"é".utf8) + [0xE9, 0x22, 0x7D], .notText,
            "line 2, column 3: the byte E9 is not UTF-8. Save it as UTF-8."
        ),
        (
            [0x7B, 0xED, 0xA0, 0x80], .notText,
            "line 1, column 2: the byte ED is not UTF-8. Save it as UTF-8."
        ),
    ]

    @Test(arguments: problems)
    func `what is not readable text is named with its place`(
        file: [UInt8], kind: JSONProblem.Kind, words: String
    ) {
        #expect(problem(file)?.kind == kind)
        #expect(problem(file)?.description == words)
    }

    private func problem(_ file: [UInt8]) -> JSONProblem? {
        do {
            _ = try StationText.utf8(file)
            return nil
        } catch {
            return error
        }
    }
}
