import FoundationEssentials
import Testing

@testable import SpoolFormat

@Suite struct TimestampTests {
    static let right: [(String, Int64)] = [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000000001Z", 1),
        ("2024-01-15T10:31:25.123Z", 1_705_314_685_123_000_000),
        ("2024-01-15t10:31:25.123z", 1_705_314_685_123_000_000),
        ("2024-01-15T12:01:25+01:30", 1_705_314_685_000_000_000),
        ("2024-01-15T00:31:25.5-10:00", 1_705_314_685_500_000_000),
        ("2024-02-29T23:59:59.999999999-00:00", 1_709_251_199_999_999_999),
        ("2000-02-29T00:00:00+00:00", 951_782_400_000_000_000),
        ("1969-12-31T23:59:00-00:01", 0),
        ("2261-12-31T23:59:59.999999999Z", 9_214_646_399_999_999_999),
        ("2262-01-01T00:59:59+01:00", 9_214_646_399_000_000_000),
    ]

    @Test(arguments: right)
    func `an RFC 3339 time is read`(text: String, nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    static let wrong = [
        "", "2024", "2024-01-15", "2024-01-15T10:31:25", "2024-01-15 10:31:25Z",
        "2024-01-15T10:31:25Z ", " 2024-01-15T10:31:25Z", "2024-01-15T10:31:25ZZ",
        "2024-01-15T10:31Z", "2024-1-15T10:31:25Z", "24-01-15T10:31:25Z", "20240115T103125Z",
        "2024-01-15T10:31:25.Z", "2024-01-15T10:31:25.1234567890Z", "2024-01-15T10:31:25,1Z",
        "2024-00-15T10:31:25Z", "2024-13-15T10:31:25Z", "2024-01-00T10:31:25Z",
        "2024-01-32T10:31:25Z", "2024-04-31T10:31:25Z", "2024-02-30T10:31:25Z",
        "2023-02-29T10:31:25Z", "2100-02-29T10:31:25Z", "2024-01-15T24:00:00Z",
        "2024-01-15T10:60:25Z", "2016-12-31T23:59:60Z", "2024-01-15T10:31:25+24:00",
        "2024-01-15T10:31:25+01:60", "2024-01-15T10:31:25+0100", "2024-01-15T10:31:25+01",
        "2024-01-15T10:31:25 Z", "2024-01-15T10:31:25\u{2212}01:00", "２０２４-01-15T10:31:25Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "2262-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "+2024-01-15T10:31:25Z",
        "2024-01-15T10:31:25.-1Z", "2024-01-15T10:31:25\u{0}Z",
    ]

    @Test(arguments: wrong)
    func `anything else is not a time`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    static let printed: [(Int64, String, String)] = [
        (0, "1970-01-01T00:00:00.000Z", "19700101_000000"),
        (1_705_314_685_123_999_999, "2024-01-15T10:31:25.123Z", "20240115_103125"),
        (1_709_251_199_009_000_000, "2024-02-29T23:59:59.009Z", "20240229_235959"),
        (-1, "1969-12-31T23:59:59.999Z", "19691231_235959"),
        (-1_000_000_000, "1969-12-31T23:59:59.000Z", "19691231_235959"),
        (.max, "2262-04-11T23:47:16.854Z", "22620411_234716"),
        (.min, "1677-09-21T00:12:43.145Z", "16770921_001243"),
    ]

    @Test(arguments: printed)
    func `a time is printed in UTC, truncated toward the past`(
        nanoseconds: Int64, rfc3339: String, compact: String
    ) {
        let timestamp = Timestamp(nanoseconds: nanoseconds)
        #expect(timestamp.rfc3339 == rfc3339)
        #expect(timestamp.compact == compact)
    }

    @Test func `days until 2261 are read as they were printed`() {
        for day in stride(from: Int64(0), to: 106_650, by: 11) {
            let timestamp = Timestamp(nanoseconds: (day * 86_400 + 86_399) * 1_000_000_000)
            #expect(Timestamp(rfc3339: timestamp.rfc3339) == timestamp)
        }
    }

    @Test func `the days of the calendar follow each other`() {
        var expected = -719_528  // 0000-01-01
        for year in 0...2400 {
            for month in 1...12 {
                for day in 1...31 {
                    guard let date = CivilDate(year: year, month: month, day: day) else { continue }
                    let isNext =
                        date.daysSinceEpoch == expected
                        && CivilDate(daysSinceEpoch: expected) == date
                    if !isNext { Issue.record("\(date)") }
                    expected += 1
                }
            }
        }
        #expect(expected == 157_420)  // 2401-01-01
    }

    static let sums: [(Int64, Duration, Int64)] = [
        (5, .nanoseconds(7), 12), (5, .nanoseconds(-7), -2), (0, .seconds(1.5), 1_500_000_000),
        (0, .milliseconds(-1), -1_000_000), (.max, .nanoseconds(1), .max),
        (.min, .nanoseconds(-1), .min), (0, .seconds(Int64.max), .max),
        (0, .seconds(Int64.min), .min), (.max, .nanoseconds(-1), .max - 1),
        (0, Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999), 1),
    ]

    @Test(arguments: sums)
    func `a time moves by a duration and stays at the ends`(
        start: Int64, step: Duration, end: Int64
    ) {
        #expect(Timestamp(nanoseconds: start).advanced(by: step).nanoseconds == end)
    }

    @Test func `the duration between the ends does not overflow`() {
        let (first, last) = (Timestamp(nanoseconds: .min), Timestamp(nanoseconds: .max))
        #expect(last.duration(since: first) == .nanoseconds(Int64.max) - .nanoseconds(Int64.min))
        #expect(first.duration(since: last) < .zero)
        #expect(
            Timestamp(nanoseconds: 9).duration(since: Timestamp(nanoseconds: 4)) == .nanoseconds(5))
        #expect(first < last && !(last < first))
    }

    @Test func `in JSON it is the RFC 3339 text`() throws {
        let timestamp = Timestamp(nanoseconds: 1_705_314_685_123_000_000)
        let data = try JSONEncoder().encode([timestamp])
        #expect(String(decoding: data, as: UTF8.self) == #"["2024-01-15T10:31:25.123Z"]"#)
        #expect(try JSONDecoder().decode([Timestamp].self, from: data) == [timestamp])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(
                [Timestamp].self, from: Data(#"["2024-02-30T00:00:00Z"]"#.utf8))
        }
    }
}
