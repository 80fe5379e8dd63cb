internal import CLinux
internal import Glibc

/// The process's own standard streams. Written in full, and errors are told (`print` hides them).
public enum StandardStream: Int32, Sendable {
    /// For results.
    case output = 1
    /// For messages and the log.
    case error = 2

    /// Writes all bytes of `text`. The corresponding system call is `write`.
    public func write(_ text: String) throws(SystemError) {
        var rest = Array(text.utf8)[...]
        let raw = rawValue
        while !rest.isEmpty {
            let count = try retrying("write", "standard stream") {
                rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether a person looks at it. The corresponding call is `isatty`.
    public var isTerminal: Bool { isatty(rawValue) == 1 }
}
