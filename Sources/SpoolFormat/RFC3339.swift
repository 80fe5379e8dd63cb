extension Timestamp {
    /// Reads an RFC 3339 time with offset, from 1970 to the end of 2261.
    ///
    /// `t` and `z` may be lower-case and a fraction has up to nine digits. Nil for anything else,
    /// among it the leap second 60, days that the calendar does not have, and text around the time.
    public init?(rfc3339 text: String) {
        var scanner = RFC3339Scanner(text)
        guard let date = scanner.date(), scanner.take("T", "t"), let time = scanner.timeOfDay(),
            let fraction = scanner.fraction(), let offset = scanner.offset(), scanner.isAtEnd
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 + time - offset
        guard (0..<Self.endOf2261).contains(seconds) else { return nil }
        self.init(nanoseconds: Int64(seconds) * 1_000_000_000 + fraction)
    }

    /// 2262-01-01T00:00:00Z in seconds; the last whole year that `Int64` nanoseconds can hold.
    private static let endOf2261 = 9_214_646_400
}

/// Takes the parts of an RFC 3339 time from the front of a text.
private struct RFC3339Scanner {
    private var rest: ArraySlice<UInt8>

    init(_ text: String) {
        rest = ArraySlice(Array(text.utf8))
    }

    var isAtEnd: Bool { rest.isEmpty }

    /// Passes over one of `wanted` if it comes next.
    mutating func take(_ wanted: Unicode.Scalar...) -> Bool {
        guard let first = rest.first, wanted.contains(Unicode.Scalar(first)) else { return false }
        rest.removeFirst()
        return true
    }

    /// The number of exactly `count` digits, up to nine.
    private mutating func digits(_ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        rest.removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    mutating func date() -> CivilDate? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"),
            let day = digits(2)
        else { return nil }
        return CivilDate(year: year, month: month, day: day)
    }

    /// Seconds since midnight.
    mutating func timeOfDay() -> Int? {
        guard let minutes = minutesOfDay(), take(":"), let second = digits(2), second < 60 else {
            return nil
        }
        return minutes * 60 + second
    }

    private mutating func minutesOfDay() -> Int? {
        guard let hour = digits(2), take(":"), let minute = digits(2), hour < 24, minute < 60 else {
            return nil
        }
        return hour * 60 + minute
    }

    /// Nanoseconds, 0 where there is no fraction.
    mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        let count = rest.prefix { (0x30...0x39).contains($0) }.count
        guard (1...9).contains(count), let value = digits(count) else { return nil }
        return (count..<9).reduce(Int64(value)) { scaled, _ in scaled * 10 }
    }

    /// The seconds that local time is ahead of UTC.
    mutating func offset() -> Int? {
        if take("Z", "z") { return 0 }
        let isBehind = take("-")
        guard isBehind || take("+"), let minutes = minutesOfDay() else { return nil }
        return (isBehind ? -minutes : minutes) * 60
    }
}
