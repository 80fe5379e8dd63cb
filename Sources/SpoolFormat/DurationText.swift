/// Durations as settings state them: decimal seconds.
public enum DurationText {
    /// The longest duration that is taken: ten years of 365 days.
    private static let longest = 315_360_000

    /// The duration that "0.3" or "3600" states.
    ///
    /// Up to nine decimals and ten years. Nil for anything else: signs, exponents, spaces, units,
    /// a point without a digit on each side.
    public static func parse(_ text: String) -> Duration? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let seconds = number(first) else {
            return nil
        }
        var nanoseconds = 0
        if parts.count == 2 {
            guard parts[1].count <= 9, let decimals = number(parts[1]) else { return nil }
            nanoseconds = (parts[1].count..<9).reduce(decimals) { scaled, _ in scaled * 10 }
        }
        let duration = Duration.seconds(seconds) + .nanoseconds(nanoseconds)
        return duration <= .seconds(longest) ? duration : nil
    }

    /// The seconds as `parse` reads them: "0.3", "3600".
    ///
    /// What is finer than a nanosecond is dropped; a negative duration has a '-'.
    public static func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = (attoseconds / 1_000_000_000).magnitude
        let sign = duration < .zero && (seconds != 0 || nanoseconds != 0) ? "-" : ""
        let whole = sign + String(seconds.magnitude)
        guard nanoseconds > 0 else { return whole }
        let digits = String(nanoseconds)
        let decimals = String(repeating: "0", count: 9 - digits.count) + digits
        let trailingZeros = decimals.reversed().prefix { $0 == "0" }.count
        return whole + "." + decimals.dropLast(trailingZeros)
    }

    /// The number that `digits` spell; nil where there are none, others, or too many.
    private static func number(_ digits: Substring.UTF8View) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit), value <= 1_000_000_000 else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }
}
