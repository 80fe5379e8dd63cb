// R10: how many jobs of a station run at once.
//
// A worker holds the flock of one of the station's slot files, `.spool/slots/STATION.k` with k from
// 1 to the limit, from before the claim's rename to after the last one. A crash closes the
// descriptor: the kernel frees the slot by itself, and recovery needs none. The files are made when
// they are needed and never removed: who locked one that is gone would share its number.
//
// A limit that was lowered holds for what is claimed from then on; what runs goes on.

internal import Linux
internal import SpoolFormat

/// A lock file's flock; let go with the last reference.
final class HeldLock {
    private let file: File

    init(_ file: consuming File) { self.file = file }
}

extension Spool {
    /// Takes one of a sender's slots; nil when `limit` jobs of it run. Does not wait.
    func slot(of station: StationName?, limit: Int) throws(SystemError) -> HeldLock? {
        for number in 1...max(1, limit) {
            let file = try root.openOrCreate(.slot(of: station, number), mode: 0o600)
            if try file.tryLock() { return HeldLock(file) }
        }
        return nil
    }
}
