/// An entry in the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): fields one after
/// the other, in the order they are added.
struct JournalEntry {
    private(set) var bytes: [UInt8] = []

    /// Adds a field; nothing when there is no value.
    mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        bytes += name.utf8
        if value.utf8.contains(UInt8(ascii: "\n")) {
            // A value that has line breaks itself stands behind its length.
            let count = UInt64(value.utf8.count)
            bytes.append(UInt8(ascii: "\n"))
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value.utf8
        bytes.append(UInt8(ascii: "\n"))
    }
}
