/// The name of a worker, and of its files in `.spool/workers/`: a plain file name.
public struct WorkerName: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public let description: String

    /// A worker's name; nil when it cannot be one.
    public init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text.first != ".", text.first != "-",
            text.unicodeScalars.allSatisfy({ $0 != "/" && !$0.isControl })
        else { return nil }
        description = text
    }

    /// What a name may be, for messages.
    public static let rule =
        "1 to 64 bytes without / and control characters, not starting with . or -"
}
