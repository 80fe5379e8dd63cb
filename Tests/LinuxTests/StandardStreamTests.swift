import Glibc
import Linux
import Testing

/// Standard streams belong to a whole process: each test has one of its own.
@Suite struct StandardStreamTests {
    @Test func `a text is written whole, to the stream it is for`() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            dieWhenStuck()
            try StandardStream.output.write("")
            try StandardStream.output.write(String(repeating: "é", count: 100_000) + "\n")
            try StandardStream.error.write("<4>log line\n")
        }
        let exit = try #require(result)
        let expected = Array((String(repeating: "é", count: 100_000) + "\n").utf8)
        #expect(exit.standardOutputContent.contains(expected))
        #expect(exit.standardErrorContent.contains(Array("<4>log line\n".utf8)))
        #expect(!exit.standardOutputContent.contains(Array("<4>log line\n".utf8)))
    }

    @Test func `an output that cannot be written is an error`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            let full = try Directory("/dev").openOrCreate("full", mode: 0)
            let kept = dup(1)
            try #require(dup2(full.descriptor.number, 1) == 1)
            let error = failure { () throws(SystemError) in try StandardStream.output.write("x") }
            dup2(kept, 1)
            #expect(error?.code == .noSpace)
        }
    }

    @Test func `a file is no terminal, and a terminal is one`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            let null = try Directory("/dev").open("null")
            try #require(dup2(null.descriptor.number, 1) == 1)
            #expect(!StandardStream.output.isTerminal)
            let terminal = Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY)
            try #require(dup2(terminal, 2) == 2)
            #expect(StandardStream.error.isTerminal)
        }
    }
}
