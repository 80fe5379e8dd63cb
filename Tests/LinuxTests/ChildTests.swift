import Glibc
import Linux
import Testing

@Suite struct ChildTests {
    static let ends: [(String, Child.Exit, String)] = [
        ("exit 0", .status(0), "exit status 0"), ("exit 3", .status(3), "exit status 3"),
        ("exit 255", .status(255), "exit status 255"),
        ("kill -9 $$", .signal(9), "signal 9 (Killed)"),
        ("kill -15 $$", .signal(15), "signal 15 (Terminated)"),
    ]

    @Test(arguments: ends)
    func `the end of a child is told`(script: String, exit: Child.Exit, words: String) throws {
        let child = try shell(script, printingTo: 2)
        #expect(child.reap() == exit)
        #expect(exit.description == words)
    }

    @Test func `reaping again gives the same end, and signals go to nobody`() throws {
        let child = try shell("exit 5", printingTo: 2)
        #expect(child.reap() == .status(5))
        child.signal(.kill)
        #expect(child.reap() == .status(5))
    }

    static let programs: [(Path, SystemError.Code)] = [
        ("/none/program", .notFound), ("/etc/passwd", .accessDenied), ("/etc", .accessDenied),
        ("sh", .notFound),
    ]

    @Test(arguments: programs)
    func `a program that cannot start is an error`(
        program: Path, code: SystemError.Code
    ) throws {
        let root = try Directory("/")
        let error = failure { () throws(SystemError) in
            _ = try Child(program, arguments: [], descriptors: [0, 1, 2], in: root)
        }
        #expect(error?.code == code)
        #expect(error?.call == "exec")
        #expect(error?.paths == [program])
    }

    @Test func `a child gets its arguments, environment and directory as bytes`() throws {
        try withTemporaryDirectory { directory in
            let name = Path([0x61, 0x0A, 0xFF])
            try directory.makeDirectory(name, mode: 0o755)
            var pipe = try Pipe()
            let writing = try take(&pipe.writing)
            let child = try Child(
                "/bin/sh",
                arguments: ["-c", "pwd; printf '%s|' \"$@\" \"$A\" \"$B\"", "0", name, ""],
                environment: [Path("A=".utf8 + name.bytes), "B=="],
                descriptors: [writing.number, writing.number, writing.number],
                in: try directory.directory(name))
            close(writing)
            let reading = try take(&pipe.reading)
            var printed: [UInt8] = []
            while let piece = try reading.read(upTo: 4096) { printed += piece }
            let expected =
                (directory.path / name).bytes + "\n".utf8 + name.bytes + "||".utf8 + name.bytes
                + "|=|".utf8
            #expect(printed == expected)
            #expect(child.reap() == .status(0))
        }
    }

    @Test func `a child has this process's environment if it is given none`() throws {
        let path = try #require(Host.variable("PATH"))
        #expect(try printed(by: "printf %s \"$PATH\"") == path.description)
    }

    @Test func `a child leads a process group of its own`() throws {
        var pipe = try Pipe()
        let writing = try take(&pipe.writing)
        let child = try shell("exec cut -d' ' -f1,5 /proc/self/stat", printingTo: writing.number)
        close(writing)
        #expect(try output(of: try take(&pipe.reading)) == "\(child.pid) \(child.pid)\n")
        #expect(child.reap() == .status(0))
    }

    /// The third is the one by which `ls` itself reads the directory.
    @Test func `a child has no descriptors but those it is given`() throws {
        let leaking = dup(1)
        defer { #expect(Glibc.close(leaking) == 0) }
        #expect(try printed(by: "exec ls /proc/self/fd") == "0\n1\n2\n3\n")
    }

    @Test func `each descriptor gets its number, whatever it was before`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            // A bare process: the numbers that are given and the ones wanted overlap.
            var pipe = try Pipe()
            let writing = try take(&pipe.writing)
            let a = try Descriptor.inMemory(Array("a".utf8))
            let b = try Descriptor.inMemory(Array("b".utf8))
            let c = try Descriptor.inMemory(Array("c".utf8))
            let numbers = [c.number, writing.number, a.number, b.number, 0, 2, a.number]
            let highest = try #require(numbers.max())
            let filler = Array(repeating: Int32(0), count: Int(max(0, highest + 1 - 7)))
            let descriptors = Array((numbers + filler).prefix(16))
            let child = try Child(
                "/bin/sh", arguments: ["-c", "cat <&0 && cat <&2 && cat <&3"],
                descriptors: descriptors, in: try Directory("/"))
            close(writing)
            #expect(try output(of: try take(&pipe.reading)) == "cab")
            #expect(child.reap() == .status(0))
        }
    }

    @Test func `too many descriptors, and a closed one, are errors`() throws {
        let root = try Directory("/")
        func start(_ descriptors: [Int32]) -> String? {
            failure { () throws(SystemError) in
                _ = try Child("/bin/true", arguments: [], descriptors: descriptors, in: root)
            }?.code.name
        }
        #expect(start(Array(repeating: 0, count: 17)) == "EINVAL")
        #expect(start(Array(repeating: 0, count: 16)) == nil)
        #expect(start([0, 1, -1]) == "EBADF")
    }

    @Test func `a child that cannot be watched is not left behind`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            let root = try Directory("/")
            // No number is below the limit, and no descriptor is given: only the pidfd fails.
            var limit = rlimit(rlim_cur: 0, rlim_max: 0)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let error = failure { () throws(SystemError) in
                _ = try Child("/bin/sleep", arguments: ["1000"], descriptors: [], in: root)
            }
            #expect(error?.call == "pidfd_open")
            #expect(error?.code.name == "EMFILE")
            #expect(waitpid(-1, nil, WNOHANG) == -1, "it is killed and reaped")
        }
    }

    /// Else a child of a service that blocks or ignores signals could not be stopped.
    @Test func `no signal is blocked or ignored in a child`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            Signals.ignorePipeAndLease()
            let loop = try EventLoop()
            let signals = try Signals([.terminate, .hangUp], on: loop) { _ in }
            let shown = try printed(by: "exec grep -E 'SigBlk|SigIgn' /proc/self/status")
            let sets = shown.split(separator: "\n").map { UInt64($0.suffix(16), radix: 16) }
            // The C library keeps 32 and 33 for itself and lets nobody change them.
            #expect(sets.map { $0.map { $0 & ~(3 << 31) } } == [0, 0])
            withExtendedLifetime(signals) {}
        }
    }
}
