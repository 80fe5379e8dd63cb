/// An instant, in nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// In JSON it is the `rfc3339` string, so what is finer than a millisecond is lost there.
public struct Timestamp: Hashable, Comparable, Sendable {
    private static let perSecond: Int64 = 1_000_000_000

    /// Nanoseconds since 1970 UTC; negative before.
    public let nanoseconds: Int64

    /// The instant `nanoseconds` after the beginning of 1970 UTC.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether `left` comes before `right`.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later, less where it is negative.
    ///
    /// What is finer than a nanosecond is dropped; at the ends of `Int64` it stays at the end.
    public func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let whole = seconds.multipliedReportingOverflow(by: Self.perSecond)
        let step = whole.partialValue.addingReportingOverflow(attoseconds / Self.perSecond)
        let sum = nanoseconds.addingReportingOverflow(step.partialValue)
        guard whole.overflow || step.overflow || sum.overflow else {
            return Timestamp(nanoseconds: sum.partialValue)
        }
        return Timestamp(nanoseconds: duration < .zero ? .min : .max)
    }

    /// The time from `earlier` to this instant, negative where `earlier` is later.
    public func duration(since earlier: Timestamp) -> Duration {
        .nanoseconds(nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }
}

extension Timestamp {
    /// In UTC with milliseconds, truncated toward the past: "2024-01-15T10:31:25.123Z".
    public var rfc3339: String {
        let (date, time) = civil
        let fraction = (nanoseconds % Self.perSecond + Self.perSecond) % Self.perSecond
        return Self.padded(date.year, to: 4) + "-" + Self.padded(date.month, to: 2) + "-"
            + Self.padded(date.day, to: 2) + "T"
            + time.map { Self.padded($0, to: 2) }.joined(separator: ":") + "."
            + Self.padded(Int(fraction) / 1_000_000, to: 3) + "Z"
    }

    /// In UTC with seconds, as in the names of results: "20240115_103125".
    public var compact: String {
        let (date, time) = civil
        return Self.padded(date.year, to: 4) + Self.padded(date.month, to: 2)
            + Self.padded(date.day, to: 2) + "_" + time.map { Self.padded($0, to: 2) }.joined()
    }

    /// The day, and the hour, minute and second in it.
    private var civil: (date: CivilDate, time: [Int]) {
        let seconds = Int(nanoseconds.floorDivided(by: Self.perSecond))
        let days = seconds.floorDivided(by: 86_400)
        let second = seconds - days * 86_400
        let time = [second / 3600, second / 60 % 60, second % 60]
        return (CivilDate(daysSinceEpoch: days), time)
    }

    private static func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Timestamp: Codable {
    /// Decodes an RFC 3339 string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let timestamp = Timestamp(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not an RFC 3339 time")
        }
        self = timestamp
    }

    /// Encodes the `rfc3339` string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}
