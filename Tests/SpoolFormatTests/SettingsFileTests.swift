import Testing

@testable import SpoolFormat

@Suite struct SettingsFileTests {
    private func settings(_ bytes: [UInt8]) throws(SettingProblem) -> Settings {
        var settings = Settings()
        try SettingsFile.apply(bytes, named: "spool.conf", to: &settings)
        return settings
    }

    @Test(
        arguments: [
            "", "\n\n", "# all by default", "   # indented\n\t#\n", "\u{FEFF}",
            "\u{FEFF}# Notepad\n",
        ])
    func `a file may say nothing`(text: String) throws {
        #expect(try settings(Array(text.utf8)) == Settings())
    }

    @Test(
        arguments: [
            "MAX_ATTEMPTS=5", "MAX_ATTEMPTS=5\n", "MAX_ATTEMPTS=5\r\n", " MAX_ATTEMPTS = 5 \t\n",
            "# a\n\nMAX_ATTEMPTS=5\n# b", "MAX_ATTEMPTS=\"5\"", "MAX_ATTEMPTS='5'",
            "MAX_ATTEMPTS=4\nMAX_ATTEMPTS=5", "\u{FEFF}MAX_ATTEMPTS=5", "\rMAX_ATTEMPTS=5\r",
        ])
    func `a line sets a value`(text: String) throws {
        var expected = Settings()
        expected.maxAttempts = 5
        #expect(try settings(Array(text.utf8)) == expected)
    }

    static let values: [(String, String)] = [
        ("ssh box run", "ssh box run"), ("\"ssh box run\"", "ssh box run"), ("' a '", " a "),
        ("a=b", "a=b"), ("a # b", "a # b"), ("\"'a'\"", "'a'"), ("\"a", "\"a"), ("\"", "\""),
        ("'a\"", "'a\""), ("it's", "it's"),
        (
            "\"/opt/my tools/run\" --name \"a b\"",
            "\"/opt/my tools/run\" --name \"a b\""
        ), ("é", "é"),
    ]

    @Test(arguments: values)
    func `quotes around a whole value are not part of it`(text: String, value: String) throws {
        #expect(try settings(Array("PIPELINE=\(text)\n".utf8)).pipeline == value)
    }

    @Test func `empty is a value`() throws {
        let text = "MAX_PENDING_JOBS=3\nMAX_PENDING_JOBS=\nPYTHON=a\nPYTHON=''\n"
        #expect(try settings(Array(text.utf8)) == Settings())
    }

    static let problems: [(String, String)] = [
        (
            "MAX_ATTEMPTS 5",
            "spool.conf, line 1: 'MAX_ATTEMPTS 5' has no '='. Write NAME=VALUE, or # in front of"
                + " a comment."
        ),
        (
            "# a\r\n\r\nMAX_ATTEMPTS=5\r\nMAX_ATTEMPS=5\r\n",
            "spool.conf, line 4: unknown setting 'MAX_ATTEMPS'. Did you mean MAX_ATTEMPTS?"
                + " The README lists all settings."
        ),
        (
            "\n\nMAX_ATTEMPTS=five # tries\nWRONG=1",
            "spool.conf, line 3: MAX_ATTEMPTS is 'five # tries'; it must be a whole number from"
                + " 1 to 1000."
        ),
        (
            "=5",
            "spool.conf, line 1: unknown setting ''. Remove it. The README lists all settings."
        ),
        (
            "\u{FEFF}WRONG=1\n",
            "spool.conf, line 1: unknown setting 'WRONG'. Remove it. The README lists all settings."
        ),
    ]

    @Test(arguments: problems)
    func `the first wrong line is told with its number and the remedy`(text: String, words: String)
    {
        #expect(throws: SettingProblem(description: words)) { try settings(Array(text.utf8)) }
    }

    @Test func `a file that is no text is refused`() {
        let words = "spool.conf is not UTF-8. Save it as UTF-8."
        for bytes: [UInt8] in [[0xFF, 0xFE, 0x41, 0x00], Array("MAX_ATTEMPTS=5 # ".utf8) + [0xE9]] {
            #expect(throws: SettingProblem(description: words)) { try settings(bytes) }
        }
    }

    @Test func `settings that nothing obeys yet are named`() throws {
        #expect(Settings().withoutEffect == [])
        let text = "ORDER=fair\nMAX_INFLIGHT_JOBS=3\nAUTH=none\n"
        #expect(try settings(Array(text.utf8)).withoutEffect == ["AUTH"])
    }
}
