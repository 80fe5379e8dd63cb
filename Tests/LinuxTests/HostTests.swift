import Glibc
import Linux
import Testing

@Suite struct HostTests {
    @Test func `the command's words are the kernel's`() throws {
        let line = try Directory("/proc").open(Path("\(getpid())/cmdline")).contents(limit: 1 << 20)
        let words = line.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        #expect(Host.arguments == words.map { Path($0) })
    }

    @Test func `the environment is the process's own`() throws {
        let path = try #require(getenv("PATH").map { String(cString: $0) })
        #expect(Host.variable("PATH") == Path(path))
        #expect(Host.variable("GPUSPOOL_NO_SUCH_VARIABLE") == nil)
        #expect(Host.variable("PAT") == nil)
        #expect(Host.environment.contains { $0.key == "PATH" && $0.value == Path(path) })
    }

    @Test func `the process, its user and the machine are the kernel's`() throws {
        #expect(Host.pid == getpid())
        #expect(Host.user == geteuid())
        let name = try Directory("/proc/sys/kernel").open("hostname").contents(limit: 300)
        #expect(Host.name == String(decoding: name.dropLast(), as: UTF8.self))
    }

    @Test func `a user has a name, or at least a number`() {
        #expect(Host.name(ofUser: 0) == "root")
        #expect(Host.name(ofUser: 4_000_000_001) == "4000000001")
    }

    @Test func `random bytes differ`() {
        #expect(Host.random(0) == [])
        #expect(Host.random(32).count == 32)
        #expect(Host.random(32) != Host.random(32))
    }

    @Test func `a path is resolved through links and dots`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("real", mode: 0o755)
            #expect(symlink("real", "\(directory.path)/link") == 0)
            let resolved = try Host.resolve(directory.path)
            #expect(try Host.resolve(directory.path / "link/../link/.") == resolved / "real")
            let path = directory.path / "none"
            let error = failure { () throws(SystemError) in _ = try Host.resolve(path) }
            #expect(error?.code == .notFound)
            #expect(error?.paths == [path])
        }
    }

    @Test func `a program is found along the path, and only a program`() async {
        let search = Host.find(program: "sh")
        #expect(!search.isEmpty)
        #expect(search.allSatisfy { $0.lastComponent == "sh" && $0.isAbsolute })
        #expect(Host.find(program: "gpuspool-no-such-program") == [])
        #expect(Host.find(program: "./anything") == ["./anything"])
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                try directory.makeDirectory("a", mode: 0o755)
                try directory.makeDirectory("a/tool", mode: 0o755)
                for (name, mode): (Path, UInt32) in [("b", 0o644), ("c", 0o755), ("d", 0o755)] {
                    try directory.makeDirectory(name, mode: 0o755)
                    try directory.create(name / "tool", mode: mode).setMode(mode)
                }
                let root = directory.path
                setenv("PATH", "\(root)/a:\(root)/b::\(root)/none:\(root)/d:\(root)/c", 1)
                let found = Host.find(program: "tool")
                #expect(found == [root / "d/tool", root / "c/tool"])
            }
        }
    }
}
