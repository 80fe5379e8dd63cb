/// Bytes as hexadecimal digits, two a byte.
public enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    /// The lower-case digits of `bytes`, without separators.
    public static func text(of bytes: some Sequence<UInt8>) -> String {
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0x0F)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of an even number of digits; nil for anything else.
    public static func bytes(of text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2), digits.allSatisfy(isDigit) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            value(digits[$0]) << 4 | value(digits[$0 + 1])
        }
    }

    /// Whether it is a digit or a letter a…f, in either case.
    public static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    private static func value(_ digit: UInt8) -> UInt8 {
        digit <= 0x39 ? digit - 0x30 : (digit | 0x20) - 0x61 + 10
    }
}
