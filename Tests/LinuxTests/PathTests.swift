import Linux
import Testing

@Suite struct PathTests {
    @Test func `names that differ only in Unicode form are different paths`() {
        #expect(Path("e\u{301}") != Path("\u{e9}"))
    }
}
