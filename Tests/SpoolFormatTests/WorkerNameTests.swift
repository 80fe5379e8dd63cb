import SpoolFormat
import Testing

@Suite struct WorkerNameTests {
    @Test(arguments: [
        "worker-1", "gpu 0", "a", "a.b", "x..y", "Gerät 1", "box:0",
        String(repeating: "a", count: 64),
    ])
    func `plain file names are taken`(_ text: String) {
        #expect(WorkerName(text)?.description == text)
    }

    // `../x` made files outside `.spool/workers/`.
    @Test(arguments: [
        "", ".", "..", "../x", "a/b", "/x", ".hidden", "-x", "a\nb", "a\u{7F}", "a\u{0}",
        String(repeating: "a", count: 65), String(repeating: "é", count: 33),
    ])
    func `others are not`(_ text: String) { #expect(WorkerName(text) == nil) }
}
