import Glibc
import Linux
import Testing

@Suite struct FileStatusTests {
    @Test func `each kind of file is told`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("", to: "file")
            try directory.makeDirectory("directory", mode: 0o755)
            #expect(symlink("file", "\(directory.path)/link") == 0)
            #expect(mkfifo("\(directory.path)/fifo", 0o600) == 0)
            #expect(mknod("\(directory.path)/socket", S_IFSOCK | 0o600, 0) == 0)
            let names: [Path] = ["file", "directory", "link", "fifo", "socket"]
            let kinds = try names.map { try directory.status(of: $0)?.kind.rawValue }
            let words = ["regular file", "directory", "symbolic link", "named pipe", "socket"]
            #expect(kinds == words)
            #expect(try Directory("/dev").status(of: "null")?.kind == .device)
        }
    }

    @Test func `a file is the same one by each of its names`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("12345", to: "a")
            try directory.write("12345", to: "other")
            #expect(Glibc.link("\(directory.path)/a", "\(directory.path)/b") == 0)
            let status = try #require(try directory.status(of: "a"))
            #expect(try directory.status(of: "b") == status)
            #expect(try directory.open("b").status() == status)
            #expect(try directory.status(of: "other")?.identity != status.identity)
            #expect(status.links == 2)
            #expect(status.size == 5)
            #expect(status.owner == getuid())
        }
    }

    @Test func `what a sparse file has on the disk is less than its size`() throws {
        try withTemporaryDirectory { directory in
            try directory.create("hole", mode: 0o644).truncate(to: 1 << 24)
            let status = try #require(try directory.status(of: "hole"))
            #expect(status.size == 1 << 24)
            #expect(status.allocated < 1 << 20)
        }
    }

    @Test func `a change of permissions is a change, and none of the content`() throws {
        try withTemporaryDirectory { directory in
            try directory.setModified(5)
            let before = try directory.status()
            try directory.setMode(0o711)
            let after = try directory.status()
            #expect(after.modified == 5)
            #expect(before.changed > 5)
            #expect(after.changed >= before.changed)
        }
    }
}
