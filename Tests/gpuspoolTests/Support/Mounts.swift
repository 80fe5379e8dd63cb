import Linux

/// A mount namespace: what is mounted in it nobody else sees, and it goes with its last process.
final class Mounts {
    private let holder: Child

    /// Whether this user may have one, and `mount` in it.
    static let arePossible: Bool = {
        let probe = "mount -t tmpfs none /mnt"
        let words: [Path] = ["-m", "--propagation", "private", "/bin/sh", "-c", Path(probe)]
        let result = try? Command.run("/usr/bin/unshare", words, timeout: .seconds(10))
        return Host.user == 0 && result?.exit == .status(0)
    }()

    /// Why a test that needs one is skipped.
    static let reason: String = "needs root and mount namespaces"

    /// Whether a program for a test is installed.
    static func has(_ program: String) -> Bool {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains { folder in
            (try? Disk.status(Path("\(folder)/\(program)"))).flatMap { $0 } != nil
        }
    }

    init(in folder: Path) throws {
        let ready = folder / "mounts"
        let null = try Directory("/dev").open("null")
        let error = StandardStream.error.rawValue
        let input = null.descriptor.number
        holder = try Child(
            "/usr/bin/unshare",
            arguments: [
                "-m", "--propagation", "private", "/bin/sh", "-c",
                Path(": > '\(ready)'; exec sleep 3600"),
            ], descriptors: [input, error, error], in: try Directory(folder))
        let deadline = Moment.now + .seconds(60)
        while try Disk.status(ready) == nil {
            guard Moment.now < deadline else { throw Failure("no mount namespace") }
            try Waiting.pause(.milliseconds(10))
        }
    }

    /// Its root directory, for this process.
    var root: Path { Path("/proc/\(holder.pid)/root") }

    /// What `nsenter` is told, before the command.
    func entry(in place: Path) -> [Path] {
        ["-t", Path("\(holder.pid)"), "-m", Path("--wdns=\(place)"), "--"]
    }
}
