import Testing

@testable import SpoolFormat

@Suite struct NearestTests {
    static let known = Request.fields.map(\.name)

    @Test(
        arguments: [
            ("instruction", "instruction"), ("Instruction", "instruction"),
            ("instrucion", "instruction"), ("instructoin", "instruction"), ("seeds", "seed"),
            ("SEED", "seed"), ("sead", "seed"), ("systemPrompt", "system_prompt"),
            ("system-prompt", "system_prompt"), ("notBefore", "not_before"), ("sha-256", "sha256"),
            ("sha256sum", nil), ("sha265", "sha256"), ("meta_data", "metadata"), ("img", nil),
            ("prompt", nil),
            ("", nil), ("___", nil), ("x", nil), ("strength", nil), ("modal", "model"),
        ] as [(String, String?)])
    func `a name that is nearly right suggests the right one`(name: String, suggestion: String?) {
        #expect(Nearest.name(to: name, among: Self.known) == suggestion)
    }

    /// The longer a name, the more mistakes it may have, but it must resemble the other.
    @Test func `a long name resembles nothing`() {
        let long = String(repeating: "instruction", count: 100)
        #expect(Nearest.name(to: long, among: Self.known) == nil)
        #expect(Nearest.name(to: String(repeating: "_", count: 1000), among: Self.known) == nil)
    }

    @Test func `of equally near names the first is suggested`() {
        #expect(Nearest.name(to: "ab", among: ["aa", "bb"]) == "aa")
        #expect(Nearest.name(to: "a", among: []) == nil)
    }
}
