// What the disk and the kernel can do, tried with files in a directory of its own.

internal import Linux
internal import SpoolFormat

extension Diagnosis {
    /// R12: a rename is one step and never replaces.
    func rename(in place: borrowing Directory) throws(SystemError) -> [Check] {
        for name in ["a", "b"] as [Path] { _ = try place.create(name, mode: 0o600) }
        try place.makeDirectory("bundle", mode: 0o700)
        let isExclusive = try place.renameExclusively("a", to: place, "bundle/a")
        if !isExclusive { try place.rename("a", to: "bundle/a") }
        try place.rename("bundle", to: "renamed")
        do throws(SystemError) {
            try place.rename("b", to: "renamed/a")
            return [Check("rename", .fail, "a rename replaced another file", Diagnosis.goodDisk)]
        } catch { guard error.code == .exists else { throw error } }
        return isExclusive
            ? [Check("rename", .ok, "moves files and bundles, replaces nothing (RENAME_NOREPLACE)")]
            : [
                Check(
                    "rename", .warning,
                    "the disk does not know RENAME_NOREPLACE: a name that is "
                        + "taken in the moment between a look and the rename is replaced",
                    Diagnosis.goodDisk)
            ]
    }

    /// R8: the order of the queue is kept in the times of its directories.
    func times(in place: borrowing Directory) throws(SystemError) -> [Check] {
        let stamp: Int64 = 1_705_314_600_123_456_789
        try place.setModified(stamp)
        let kept = try place.status().modified
        guard kept == stamp else {
            return [
                Check(
                    "times", .fail,
                    "the disk makes \(kept) of the time \(stamp): jobs would not "
                        + "run in the order they came in", Diagnosis.goodDisk)
            ]
        }
        return [Check("times", .ok, "kept to the nanosecond")]
    }

    /// Names are bytes: two spellings are two jobs.
    func names(in place: borrowing Directory) throws(SystemError) -> [Check] {
        let composed = Path([0xC3, 0xA9])
        let decomposed = Path([0x65, 0xCC, 0x81])
        for name in ["name", composed] as [Path] { _ = try place.create(name, mode: 0o600) }
        guard try place.status(of: "NAME") == nil else {
            return [
                Check(
                    "names", .fail,
                    "'name' and 'NAME' are one file here: drops and jobs would be "
                        + "taken for each other", "Use a directory without case folding.")
            ]
        }
        guard try place.status(of: decomposed) == nil else {
            return [
                Check(
                    "names", .fail, "two Unicode forms of a name are one file here",
                    Diagnosis.goodDisk)
            ]
        }
        return [Check("names", .ok, "upper and lower case are told apart, and Unicode forms")]
    }

    /// R1: a lease is a flock.
    func locks(in place: borrowing Directory) throws(SystemError) -> [Check] {
        let first = try place.openOrCreate("lock", mode: 0o600)
        let second = try place.openOrCreate("lock", mode: 0o600)
        guard try first.tryLock() else {
            return [Check("locks", .fail, "flock gave no lock on a new file", Diagnosis.goodDisk)]
        }
        guard try !second.tryLock() else {
            return [
                Check("locks", .fail, "flock gave one lock to two holders", Diagnosis.goodDisk)
            ]
        }
        guard let program = Host.find(program: "flock").first else {
            return [Check("locks", .ok, "flock keeps out a second holder in one process")]
        }
        let other = try Command.run(
            program, ["-n", place.path / "lock", "true"], timeout: .seconds(30))
        guard other.exit == .status(1) else {
            return [
                Check(
                    "locks", .fail,
                    "another process is not kept out by flock "
                        + "(\(other.exit.map { "\($0)" } ?? "no answer"))", Diagnosis.goodDisk)
            ]
        }
        return [Check("locks", .ok, "flock keeps out a second holder, also in another process")]
    }

    /// The kernel's word that nobody has a file open for writing (DESIGN §5).
    func readLeases(in place: borrowing Directory) throws(SystemError) -> [Check] {
        let quiet =
            "a file is taken when it was quiet for "
            + "\(DurationText.seconds(Arrival.quietWithoutLease)) s"
        guard try FileSystem(of: place).isLocal else {
            return [
                Check("read leases", .warning, "prove nothing here: \(quiet)", Diagnosis.goodDisk)
            ]
        }
        let writer = try place.create("leased", mode: 0o600)
        let reader = try place.open("leased")
        let during = try reader.isClosedByWriters()
        Diagnosis.close(writer)
        let after = try reader.isClosedByWriters()
        guard during == false, after == true else {
            let finding =
                during == nil || after == nil ? "are not permitted here" : "tell nothing here"
            return [Check("read leases", .warning, "\(finding): \(quiet)", Diagnosis.goodDisk)]
        }
        guard Host.hasCapability(Diagnosis.leaseCapability) else {
            return [
                Check(
                    "read leases", .warning, "are not permitted on files of other users: \(quiet)",
                    "Give the service CAP_LEASE (AmbientCapabilities=CAP_LEASE in its unit).")
            ]
        }
        return [Check("read leases", .ok, "tell of a writer, also with files of other users")]
    }

    /// The number of CAP_LEASE.
    private static let leaseCapability = 28

    private static func close(_ file: consuming File) {}

    /// The disk's server may have another clock than this machine.
    func clock(in place: borrowing Directory) throws(SystemError) -> [Check] {
        let before = WallClock.nanoseconds
        let file = try place.create("clock", mode: 0o600)
        try file.write("tick".utf8)
        let stamp = try file.status().modified
        let after = WallClock.nanoseconds
        // The kernel's stamps go in ticks.
        let offset = stamp > after ? stamp - after : min(0, stamp - before + 20_000_000)
        guard abs(offset) < 1_000_000_000 else {
            let seconds = (abs(offset) + 500_000_000) / 1_000_000_000
            return [
                Check(
                    "clock", .warning,
                    "the disk's is \(seconds) s "
                        + "\(offset > 0 ? "ahead of" : "behind") this machine's",
                    "Have both set by the same time server (NTP).")
            ]
        }
        return [Check("clock", .ok, "the disk's is this machine's")]
    }
}
