internal import Linux
internal import SpoolFormat

extension Spool {
    /// Ten jobs make fewer files than this from the door to their end, views included.
    private static let reservedFiles: UInt64 = 100

    /// Whether the disk has only what the jobs at hand may need: the door is closed then.
    ///
    /// `MIN_FREE_BYTES=0` switches it off. What cannot be asked is no answer: the disk itself says
    /// it when a drop is taken.
    var isNearlyFull: Bool { isNearlyFull(with: 0) }

    /// The same, with so many bytes more.
    func isNearlyFull(with bytes: Int64) -> Bool {
        guard settings.minFreeBytes > 0, let disk = try? FileSystem(of: root) else { return false }
        if let files = disk.availableFiles, files < Spool.reservedFiles { return true }
        return disk.available < UInt64(settings.minFreeBytes) + UInt64(max(0, bytes))
    }
}
