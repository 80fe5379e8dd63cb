// R1, the lease rule. Whoever moves or writes a bundle that stands in `queued/`, `running/`,
// `done/`, `failed/` or `rejected/` holds the flock of its `lease` file, taken here:
// open STATE/NAME/lease, flock, look whether STATE/NAME/lease still is that file. Only then does
// the holder read the record and decide; it lets go after the last rename and flush.
//
// Without the last look a late locker would write into a bundle that another one has moved on.
// A crash, or a dropped value, closes the descriptor: the kernel frees the lock, and recovery
// finds a bundle that nobody holds. A lease is never stolen (R4).

public import Linux
internal import SpoolFormat

/// The right to move and write a bundle; let go when the value is.
public struct Lease: ~Copyable {
    let file: File
    /// The lock file itself: made once in staging, it stays with the job for life.
    public let identity: FileIdentity
}

/// What came of asking for a lease. A lost race is a result, not an error.
public enum LeaseAttempt: ~Copyable {
    /// It is ours.
    case held(Lease)
    /// Somebody else holds it.
    case busy
    /// The bundle is not there any more.
    case gone
}

extension Spool {
    /// Asks for the lease of the bundle that stands at `bundle`; does not wait.
    func lease(_ bundle: Path) throws(SystemError) -> LeaseAttempt {
        let path = bundle / Path(BundleFile.lease)
        let file: File
        do throws(SystemError) {
            file = try root.open(path)
        } catch {
            guard error.isNotFound else { throw error }
            return .gone
        }
        guard try file.tryLock() else { return .busy }
        let identity = try file.status().identity
        guard try root.status(of: path)?.identity == identity else { return .gone }
        return .held(Lease(file: file, identity: identity))
    }

    /// Whether `lease` still is locked by us, and the one of the bundle at `bundle`.
    ///
    /// A network filesystem can lose a lock. Locked again, it is as good as never lost, unless
    /// somebody else has it now, or moved the bundle.
    func holds(_ lease: borrowing Lease, of bundle: Path) throws(SystemError) -> Bool {
        guard try lease.file.tryLock() else { return false }
        return try root.status(of: bundle / Path(BundleFile.lease))?.identity == lease.identity
    }
}
