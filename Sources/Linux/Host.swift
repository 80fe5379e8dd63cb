internal import CLinux
internal import Glibc

/// This process and the machine it runs on.
public enum Host {
    /// The command's words as bytes, the program's name first.
    ///
    /// (`CommandLine.arguments` replaces what is not UTF-8.)
    public static var arguments: [Path] {
        (0..<Int(CommandLine.argc)).compactMap { index in
            CommandLine.unsafeArgv[index].map { Path(UnsafeBufferPointer(cString: $0)) }
        }
    }

    /// The environment, as bytes.
    public static var environment: [(key: Path, value: Path)] {
        var result: [(key: Path, value: Path)] = []
        var entry = environ
        while let text = entry.pointee {
            let bytes = Array(UnsafeBufferPointer(cString: text))
            if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
                result.append((Path(bytes[..<equals]), Path(bytes[(equals + 1)...])))
            }
            entry = entry.advanced(by: 1)
        }
        return result
    }

    /// The value of an environment variable.
    public static func variable(_ name: Path) -> Path? {
        environment.first { $0.key == name }?.value
    }

    /// This process.
    public static var pid: Int32 { getpid() }

    /// The user this process acts for.
    public static var user: UInt32 { geteuid() }

    /// The machine's name. The corresponding call is `gethostname`.
    public static var name: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, gethostname(start, 255) == 0 else { return "?" }
            buffer[255] = 0
            return String(cString: start)
        }
    }

    /// Bytes nobody can guess. The corresponding system call is `getrandom`.
    public static func random(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            used = max(0, getrandom(buffer.baseAddress, count, 0))
            precondition(used == count, "getrandom gave too little")
        }
    }

    /// The path without links and dots. The corresponding call is `realpath`.
    public static func resolve(_ path: Path) throws(SystemError) -> Path {
        guard let resolved = path.withCString({ realpath($0, nil) }) else {
            throw SystemError("realpath", [path])
        }
        defer { free(resolved) }
        return Path(UnsafeBufferPointer(cString: resolved))
    }

    /// Where a program is found along `$PATH`; a path with a slash is itself.
    public static func find(program: Path) -> [Path] {
        guard !program.bytes.contains(UInt8(ascii: "/")) else { return [program] }
        let search = variable("PATH")?.bytes ?? Array("/usr/local/bin:/usr/bin:/bin".utf8)
        return search.split(separator: UInt8(ascii: ":")).map { Path($0) / program }.filter {
            $0.withCString(isProgram)
        }
    }

    /// A directory may be "executed" too.
    private static func isProgram(_ path: UnsafePointer<CChar>) -> Bool {
        var status = stat()
        return access(path, X_OK) == 0 && stat(path, &status) == 0
            && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether this process has a capability now, by its number in `capabilities(7)`.
    public static func hasCapability(_ number: Int) -> Bool {
        guard let bytes = try? contents(of: "/proc/self/status", limit: 16_384) else {
            return false
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("CapEff:\t") }
        return line.flatMap { UInt64($0.dropFirst(8), radix: 16) }.map { $0 >> number & 1 == 1 }
            ?? false
    }

    /// What stands for a user's name; the number when the name is not known.
    public static func name(ofUser id: UInt32) -> String {
        guard let entry = getpwuid(id) else { return String(id) }
        return String(cString: entry.pointee.pw_name)
    }

    /// A Unix group's number; nil when there is none of that name. The call is `getgrnam`.
    public static func group(named name: String) -> UInt32? { getgrnam(name)?.pointee.gr_gid }

    /// A number under `/proc/sys`, as `fs/file-max`; nil when it cannot be read.
    public static func kernelSetting(_ name: Path) -> Int? {
        guard let bytes = try? contents(of: "/proc/sys" / name, limit: 64) else { return nil }
        return Int(String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self))
    }

    /// What a file of the kernel says.
    ///
    /// (`try?` on the descriptors themselves would leave them open: this compiler forgets to
    /// destroy an optional of a noncopyable value.)
    static func contents(of path: Path, limit: Int) throws(SystemError) -> [UInt8] {
        try Directory(path.parent).open(path.lastComponent).contents(limit: limit)
    }

    /// How many files this process may have open. The corresponding call is `getrlimit`.
    public static var descriptorLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Whether this process has as many files open as it may.
    public static var isOutOfDescriptors: Bool {
        let copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
        guard copy < 0 else {
            _ = close(copy)
            return false
        }
        return errno == EMFILE
    }

    /// Ends the process at once with this status.
    public static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate init(cString: UnsafePointer<CChar>) {
        let start = UnsafeRawPointer(cString).assumingMemoryBound(to: UInt8.self)
        self.init(start: start, count: Int(strlen(cString)))
    }
}
