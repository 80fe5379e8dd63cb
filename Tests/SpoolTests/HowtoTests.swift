import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct HowtoTests {
    /// One line, so that where lines break does not matter.
    private func text(hasStations: Bool = false, _ adjust: (inout Settings) -> Void = { _ in })
        -> String
    {
        var settings = Settings()
        adjust(&settings)
        return Howto(settings: settings, hasStations: hasStations).text
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    @Test func `the text says what the defaults are`() {
        let text = text()
        for part in [
            "a JPEG or PNG, whatever its name says, of at most 10 MB and 2048 x 2048 pixels.",
            "The instruction has 1 to 500 characters. Understood are,",
            "Both files come within 5 minutes of each other.",
            "stands still for 30 seconds before it is whole is refused",
            "At most 10 photos wait or are edited at a time. Further ones are refused;",
            "Photos are edited in the order in which they came;",
            "What is answered stays for 1 hour: fetch it in time.",
        ] { #expect(text.contains(part), "\(part)") }
        #expect(!text.contains("a minute"))
        #expect(!text.contains("folder of your own"))
    }

    @Test func `the text says what the settings say`() {
        let text = text(hasStations: true) { settings in
            settings.maxImageBytes = 3 * 1_048_576
            settings.maxImageSide = 77
            settings.maxInstructionChars = 88
            settings.maxInflightJobs = 99
            settings.maxPendingJobs = 98
            settings.overflow = .hold
            settings.jobsPerMinuteLimit = 7
            settings.concurrentJobsLimit = 2
            settings.order = .fair
            settings.resultTTL = .seconds(86_400)
            settings.failedTTL = .milliseconds(1500)
            settings.rejectedTTL = .seconds(7200)
            settings.dropTimeout = .seconds(60)
            settings.resume = .seconds(1)
            settings.pipeline = "ssh gpu-box edit"
        }
        for part in [
            "of at most 3 MB and 77 x 77 pixels.", "The instruction has 1 to 88 characters. *",
            "Both files come within 1 minute of each other.", "stands still for 1 second before",
            "At most 99 photos wait or are edited at a time, and at most 98 wait. Further ones stay "
                + "in \"incoming\" and are taken in their turn;",
            "Each sender may send 7 photos a minute. Further ones stay in \"incoming\"",
            "At most 2 of one sender are edited at the same time;",
            "Senders take turns; each one's photos",
            "Edited photos stay for 1 day, failed ones stay for 1.5 seconds, refused ones stay for "
                + "2 hours: fetch them in time.",
            "If you have a folder of your own inside \"incoming\", copy both there;",
        ] { #expect(text.contains(part), "\(part)\n\(text)") }
    }

    @Test func `lines fit a small window`() {
        let text = Howto(settings: Settings(), hasStations: true).text
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 96 })
    }

    @Test(arguments: [
        (10_485_760, "10 MB"), (1_572_864, "1536 kB"), (1000, "1000 bytes"),
    ])
    func `sizes are told exactly`(bytes: Int, text: String) {
        #expect(Howto.size(bytes) == text)
    }

    @Test func `the file is written when it says something else`() throws {
        let temporary = try TemporarySpool()
        try Howto.write(to: temporary.spool)
        let text = { try temporary.text("HOWTO.txt") }
        #expect(
            try text() == Howto(settings: temporary.spool.settings, hasStations: false).text)
        let first = try temporary.status("HOWTO.txt").identity
        try Howto.write(to: temporary.spool)
        #expect(try temporary.status("HOWTO.txt").identity == first)
        temporary.spool.settings.maxInflightJobs = 99
        try Howto.write(to: temporary.spool)
        #expect(try text().contains("At most 99 photos"))
        _ = try Stations(temporary.spool).add(try #require(StationName("kiosk")))
        try Howto.write(to: temporary.spool)
        #expect(try text().contains("folder of your own"))
        #expect(try !text().contains("kiosk"))
    }
}
