import Linux
import SpoolFormat
import Testing

@testable import Worker

@Suite struct PipelineCommandTests {
    private func command(_ pipeline: String, python: Path? = nil) throws -> PipelineCommand {
        var settings = Settings()
        settings.pipeline = pipeline
        settings.python = python?.description
        return try PipelineCommand(settings)
    }

    @Test func `a command is run by the shell`() throws {
        let command = try command("ssh box 'run --fast'")
        #expect(command.program == "/bin/sh")
        #expect(command.arguments == ["-c", "ssh box 'run --fast'"])
        #expect(command.source == nil)
    }

    @Test func `qwen is said not to be there yet`() throws {
        let problem = #expect(throws: PipelineProblem.self) { try command("qwen") }
        #expect(problem?.description.hasPrefix("PIPELINE is 'qwen', which this version") == true)
    }

    @Test func `rules comes to its interpreter on descriptor 3`() throws {
        let temporary = try TemporarySpool()
        let python = try temporary.script(
            "python",
            """
            [ "$2" = "import PIL.Image" ] && exit 0
            size=$(wc -c <&3)
            printf '{"event":"fatal","error":"%s %d"}\\n' "$1" "$size"
            """)
        let command = try command("rules", python: python)
        #expect(command.program == python)
        #expect(command.arguments.count == 2)
        let source = try #require(command.source)
        let files = try #require(JSONText.decode([[String]].self, from: source))
        #expect(files.map(\.first) == ["protocol", "rules"])
        #expect(files.map(\.last) == [ShippedFile.protocolModule, ShippedFile.rules])
        #expect(files.allSatisfy { $0.last?.isEmpty == false })
        let scene = try PipelineScene(command, temporary)
        try scene.run(until: 1)
        #expect(scene.told.first == #"event fatal("-c \#(source.count)")"#)
    }

    @Test func `the demo's photo is a whole JPEG`() {
        guard case .whole(let header) = ImageProbe.examine(ShippedFile.photo) else {
            Issue.record("not whole")
            return
        }
        #expect(header.format == .jpeg)
    }
}
