import Testing

@testable import SpoolFormat

@Suite struct AttemptNameTests {
    static let good: [(String, String, Int)] = [
        ("IMG_0001@1", "IMG_0001", 1), ("a@b@12", "a@b", 12), ("Kiosk 1.a~2@3", "Kiosk 1.a~2", 3),
        ("a@999999999", "a", 999_999_999),
    ]

    @Test(arguments: good)
    func `a claimed bundle's name holds the job and the number of the claim`(
        name: String, id: String, claim: Int
    ) throws {
        let attempt = try #require(AttemptName(Array(name.utf8)))
        #expect(attempt.id.text == id)
        #expect(attempt.claim == claim)
        #expect(attempt.bytes == Array(name.utf8))
        #expect(AttemptName(id: try JobID(id.utf8), claim: claim) == attempt)
    }

    /// A name that is read as another one would name another directory.
    @Test(
        arguments: [
            "", "a", "@1", "a@", "a@0", "a@-1", "a@+1", "a@1 ", "a@x", "a@01", "a@1@2", ".a@1",
            "-a@1", "a/b@1", "a\n@1", "a@1000000000", "a@9223372036854775807",
            "a@9223372036854775808",
            "a@99999999999999999999999", "a@\u{661}", "a@1\u{0}",
        ])
    func `a name that no worker makes is none`(name: String) {
        #expect(AttemptName(Array(name.utf8)) == nil)
    }

    @Test func `bytes that are no UTF-8 are no name`() {
        #expect(AttemptName([0xFF, 0x40, 0x31]) == nil)
    }
}
