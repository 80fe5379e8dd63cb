import Testing

@testable import SpoolFormat

@Suite struct StationNameTests {
    @Test(
        arguments: [
            "a", "Kiosk 1", "A-Z_0-9", "_", "0", "a  b", "a-", String(repeating: "x", count: 32),
        ])
    func `a station has a plain name`(text: String) {
        #expect(StationName(text)?.description == text)
    }

    @Test(
        arguments: [
            "", " ", " a", "a ", "-a", "-", "a.b", ".", "..", "a/b", "a@1", "a~", "é", "e\u{301}",
            "a\n", "a\tb", "a\u{0}", "Ａ", "\u{A0}", String(repeating: "x", count: 33),
        ])
    func `any other name is refused`(text: String) {
        #expect(StationName(text) == nil)
    }
}

@Suite struct ModelNameTests {
    @Test(
        arguments: [
            "qwen-4step", "rules", "A.b_c-9", ".", "-", String(repeating: "x", count: 64),
        ])
    func `a model has a plain name`(text: String) {
        #expect(ModelName(text)?.description == text)
    }

    @Test(
        arguments: [
            "", " ", "a b", "a/b", "a@1", "a:latest", "é", "a\n", "a\u{0}", "a\\b",
            String(repeating: "x", count: 65),
        ])
    func `any other name is refused`(text: String) {
        #expect(ModelName(text) == nil)
    }
}
