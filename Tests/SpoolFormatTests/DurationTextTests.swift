import Testing

@testable import SpoolFormat

@Suite struct DurationTextTests {
    static let right: [(String, Duration, String)] = [
        ("0", .zero, "0"), ("0.3", .milliseconds(300), "0.3"), ("3600", .seconds(3600), "3600"),
        ("0.000000001", .nanoseconds(1), "0.000000001"), ("1.50", .milliseconds(1500), "1.5"),
        ("007", .seconds(7), "7"), ("10.0", .seconds(10), "10"),
        ("315360000", .seconds(315_360_000), "315360000"),
        ("00000000000000000000001", .seconds(1), "1"),
    ]

    @Test(arguments: right)
    func `decimal seconds are read and printed`(text: String, duration: Duration, printed: String) {
        #expect(DurationText.parse(text) == duration)
        #expect(DurationText.seconds(duration) == printed)
    }

    static let wrong = [
        "", " ", ".", "1.", ".5", "1e3", "-1", "-0", "+1", " 1", "1 ", "1s", "1,5", "1.2.3", "0x1",
        "inf", "nan", "1.0000000001", "315360001", "315360000.000000001", "９", "1_000",
        "99999999999999999999999999", "9223372036854775807",
    ]

    @Test(arguments: wrong)
    func `anything else is not a duration`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    static let printed: [(Duration, String)] = [
        (.milliseconds(-300), "-0.3"), (.seconds(-2), "-2"),
        (.seconds(Int64.max), "9223372036854775807"),
        (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), "0"),
        (Duration(secondsComponent: 0, attosecondsComponent: -999_999_999), "0"),
        (.seconds(Int64.min), "-9223372036854775808"),
    ]

    @Test(arguments: printed)
    func `any duration is printed`(duration: Duration, text: String) {
        #expect(DurationText.seconds(duration) == text)
    }
}
