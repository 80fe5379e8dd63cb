import Glibc
import Linux
import Testing

@Suite struct RemoveTreeTests {
    @Test func `a tree goes with all that is in it`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("tree", mode: 0o755)
            for name: Path in ["a", "b", "a/a", "a/0", "a/1", "0", "1", "a/a/0", "a/a/a"] {
                try directory.makeDirectory("tree" / name, mode: 0o755)
                try directory.write("x", to: "tree" / name / "file")
            }
            #expect(mkfifo("\(directory.path)/tree/a/fifo", 0o600) == 0)
            try directory.write("", to: "sibling")
            try directory.removeTree("tree")
            #expect(try directory.names() == ["sibling"])
        }
    }

    @Test func `a file and a missing name are trees too`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("", to: "file")
            try directory.removeTree("file")
            try directory.removeTree("file")
            try directory.removeTree("none/below")
            #expect(try directory.names() == [])
        }
    }

    /// A sender can make such a tree: one descriptor or stack frame a level would end the service.
    @Test func `a tree is removed however deep it is`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            // In memory, where there is some: a disk takes seconds.
            let memory: Path = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
            try withTemporaryDirectory(in: memory) { directory in
                try Self.makeDeepTree(levels: 3000, in: directory)
                try directory.removeTree("deep")
                #expect(try directory.names() == [])
            }
        }
    }

    @Test func `a tree whose names are numbers is removed too`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("0", mode: 0o755)
            for name: Path in ["0", "1", "0/0", "0/1", "0/1/0", "0/1/1", "0/1/2"] {
                try directory.makeDirectory("0" / name, mode: 0o755)
                try directory.write("x", to: "0" / name / "3")
            }
            try directory.write("", to: "1")
            try directory.removeTree("0")
            #expect(try directory.names() == ["1"])
        }
    }

    /// From the inside out: no path in it is longer than two names.
    private static func makeDeepTree(levels: Int, in directory: borrowing Directory) throws {
        try directory.makeDirectory("deep", mode: 0o755)
        for _ in 1..<levels {
            try directory.makeDirectory("outer", mode: 0o755)
            try directory.write("", to: "outer/file")
            try directory.rename("deep", to: "outer/inner")
            try directory.rename("outer", to: "deep")
        }
    }

    @Test func `what cannot be removed is told`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            // Permissions bind only an ordinary user.
            if getuid() == 0 { try #require(setgid(65_534) == 0 && setuid(65_534) == 0) }
            try withTemporaryDirectory { directory in
                try directory.makeDirectory("tree", mode: 0o755)
                try directory.makeDirectory("tree/locked", mode: 0o755)
                try directory.write("", to: "tree/locked/file")
                try directory.directory("tree/locked").setMode(0o555)
                let error = failure { () throws(SystemError) in try directory.removeTree("tree") }
                #expect(error?.call == "unlink")
                #expect(error?.code == .accessDenied)
                #expect(try directory.status(of: "tree/locked/file") != nil)
                try directory.directory("tree/locked").setMode(0o755)
            }
        }
    }
}
