/// The name of a model: `[A-Za-z0-9._-]{1,64}`.
public struct ModelName: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public let description: String

    /// A model's name; nil when it has other characters or is too long.
    public init?(_ text: String) {
        let allowed = text.utf8.allSatisfy {
            switch $0 {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d: true
            default: false
            }
        }
        guard allowed, (1...64).contains(text.utf8.count) else { return nil }
        description = text
    }

    /// What a name may be, for messages.
    public static let rule = "1 to 64 of A-Z a-z 0-9 . _ -"
}
