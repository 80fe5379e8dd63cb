import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct HowtoTests {
    @Test func `the text says what the settings say`() {
        var settings = Settings()
        settings.maxImageBytes = 3 * 1_048_576
        settings.maxImageSide = 77
        settings.maxInstructionChars = 88
        settings.maxInflightJobs = 99
        settings.resultTTL = .milliseconds(1500)
        let text = Howto.text(settings)
        for line in [
            "The photo: JPEG or PNG, at most 3 MB and 77 x 77 pixels.",
            "The instruction: 1 to 88 characters.",
            "At most 99 photos wait or are edited at a time.", "Results stay for 1.5 seconds;",
        ] { #expect(text.contains(line)) }
    }

    @Test func `the file is written when it says something else`() throws {
        let temporary = try TemporarySpool()
        try Howto.write(to: temporary.spool)
        #expect(try temporary.text("HOWTO.txt") == Howto.text(temporary.spool.settings))
        let first = try temporary.status("HOWTO.txt").identity
        try Howto.write(to: temporary.spool)
        #expect(try temporary.status("HOWTO.txt").identity == first)
        temporary.spool.settings.maxInflightJobs = 99
        try Howto.write(to: temporary.spool)
        #expect(try temporary.text("HOWTO.txt").contains("At most 99 photos"))
    }
}
