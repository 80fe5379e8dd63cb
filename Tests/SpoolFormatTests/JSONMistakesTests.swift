import Testing

@testable import SpoolFormat

@Suite struct JSONMistakesTests {
    static let mistakes: [(String, String)] = [
        (#"{"a":1,}"#, "line 1, column 7: found ',' before '}': the last comma is too many"),
        (#"{"a":[1,2, ]}"#, "line 1, column 10: found ',' before ']': the last comma is too many"),
        (#"{,"a":1}"#, "line 1, column 2: found ',', expected a name in double quotes"),
        ("{\n \"a\": 1,\n \"b\" ,2}", "line 3, column 6: found ',', expected ':' after the name"),
        ("{\n\n\"seed\":,}", "line 3, column 8: found ',', expected a value"),
        (
            "{'a':1}",
            "line 1, column 2: found ''', expected a name in double quotes: use double quotes"
        ),
        (#"{"a":'x'}"#, "line 1, column 6: found ''', expected a value: use double quotes"),
        (
            "{seed: 42}",
            "line 1, column 2: found 'seed', expected a name in double quotes: write \"seed\""
        ),
        (#"{"price": 1,5}"#, "line 1, column 13: found '5', expected a name in double quotes"),
        (
            "{\"a\":1\r\n \"b\":2}",
            "line 2, column 2: found '\"', expected ',' or '}': is a comma missing before it?"
        ),
        (
            #"{"a":[{} {}]}"#,
            "line 1, column 10: found '{', expected ',' or ']': is a comma missing before it?"
        ),
        (
            #"{"a": "make "it" blue"}"#,
            #"line 1, column 14: found 'it', expected ',' or '}': "#
                + #"a double quote inside a text is written \""#
        ),
        (
            "{ // note\n}",
            "line 1, column 3: found '/', expected a name in double quotes: "
                + "comments are not allowed in JSON"
        ),
        (
            "{\"a\":1 # note\n}",
            "line 1, column 8: found '#', expected ',' or '}': comments are not allowed in JSON"
        ),
        (
            "{\"a\": \"make it\n blue\"}",
            "line 1, column 15: the text that begins in column 7 is not closed on its line: "
                + #"put '"' at its end, and write a line break as \n"#
        ),
        ("{\"a\": \"x\ty\"}", #"line 1, column 9: found a tab inside a text: write \t"#),
        (
            "{\"a\": \"x\u{1}\"}",
            "line 1, column 9: found U+0001, a control character, inside a text"
        ),
        (
            #"{"image": "C:\photos"}"#,
            #"line 1, column 14: found '\p' in a text: a backslash is written \\"#
        ),
        (
            #"{"image": "C:\users"}"#,
            #"line 1, column 14: found \u without four hexadecimal digits: a backslash is written \\"#
        ),
        (
            #"{“a”: 1}"#,
            "line 1, column 2: found '“' (U+201C), expected a name in double quotes: "
                + "use the plain double quote (\")"
        ),
        (
            #"{"é": „x“}"#,
            "line 1, column 7: found '„' (U+201E), expected a value: use the plain double quote (\")"
        ),
        (
            #"{"a": NaN}"#,
            "line 1, column 7: found 'NaN', expected a value: JSON has no such number"
        ),
        (#"{"a": -Infinity}"#, "line 1, column 8: found 'Infinity', expected a digit"),
        (#"{"a": True}"#, "line 1, column 7: found 'True', expected a value: write true"),
        (
            #"{"a": None}"#,
            "line 1, column 7: found 'None', expected a value: write null, or leave the name out"
        ),
        (
            #"{"a": blue}"#,
            "line 1, column 7: found 'blue', expected a value: a text stands in double quotes"
        ),
        (#"{"a": 007}"#, "line 1, column 7: found '0' before a digit: write it without"),
        (
            #"{"a": +1}"#,
            "line 1, column 7: found '+', expected a value: a number begins with a digit or '-'"
        ),
        (
            #"{"a": .5}"#,
            "line 1, column 7: found '.', expected a value: a number begins with a digit or '-'"
        ),
        (#"{"a": 5.}"#, "line 1, column 9: found '}', expected a digit"),
        (
            "{\u{FEFF}\"a\": 1}",
            "line 1, column 2: found U+FEFF, expected a name in double quotes: "
                + "a byte order mark may only stand at the very start"
        ),
        (
            "{\u{A0}\"a\": 1}",
            "line 1, column 2: found U+00A0, expected a name in double quotes: use a plain space"
        ),
        (
            "{}\n{}",
            "line 2, column 1: found '{', expected the end of the JSON: "
                + "only one object may stand in the file"
        ),
        ("{} thanks", "line 1, column 4: found 'thanks', expected the end of the JSON"),
        (#"{"a": 1"#, "line 1, column 8: the JSON ends here, expected ',' or '}'"),
        (#"{"a": "x"#, "line 1, column 9: the JSON ends inside a text in double quotes"),
        (#"{"a": "\"#, "line 1, column 9: the JSON ends after a backslash"),
        (#"{"a": "\u00"#, #"line 1, column 12: the JSON ends inside a \u escape"#),
        (#"{"a": tr"#, "line 1, column 9: the JSON ends here, expected a value"),
        ("", "line 1, column 1: the JSON ends here, expected an object in braces { }"),
        ("[1]", "line 1, column 1: found an array, expected an object in braces { }"),
        (
            "hello",
            "line 1, column 1: found 'hello', expected an object in braces { }: "
                + "a text stands in double quotes"
        ),
        (
            #"{"a": "\ud83d"}"#,
            #"line 1, column 8: found half a pair of \u surrogates: write the other half"#
        ),
        (#"{"a": "\u0000"}"#, #"line 1, column 8: found \u0000: NUL is not allowed in a text"#),
        (
            "{\"seed\":1,\n \"model\":2,\n \"seed\":3}",
            "line 3, column 2: the name \"seed\" stands twice, first on line 1"
        ),
    ]

    @Test(arguments: mistakes)
    func `a mistake is named with its place and its remedy`(text: String, words: String) {
        do {
            _ = try StrictJSON.members(of: Array(text.utf8))
            Issue.record("taken")
        } catch {
            #expect(error.description == words)
        }
    }

    @Test(arguments: [
        ("", 0, 1, 1), ("ab", 2, 1, 3), ("a\nb", 1, 1, 2), ("a\nb", 2, 2, 1),
        ("a\r\nb", 3, 2, 1), ("a\rb", 2, 2, 1), ("\n\r\n\r\n", 5, 4, 1), ("é😀x", 6, 1, 3),
    ])
    func `a position is counted as an editor counts it`(
        text: String, offset: Int, line: Int, column: Int
    ) {
        let position = TextPosition(of: offset, in: Array(text.utf8))
        #expect((position.line, position.column) == (line, column))
    }
}
