import Linux
import Testing

@Suite struct DirectoryTests {
    @Test func `a file is made, read and made only once`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("content", to: "a")
            #expect(try directory.text(of: "a") == "content")
            let error = failure { () throws(SystemError) in
                _ = try directory.create("a", mode: 0o644)
            }
            #expect(error?.code == .exists)
            #expect(error?.call == "open")
            #expect(error?.paths == [directory.path / "a"])
            #expect(try directory.text(of: "a") == "content")
        }
    }

    @Test func `openOrCreate makes a file and keeps its content`() throws {
        try withTemporaryDirectory { directory in
            try directory.openOrCreate("a", mode: 0o600).write("12".utf8)
            try directory.openOrCreate("a", mode: 0o644).write("3".utf8)
            #expect(try directory.text(of: "a") == "32")
            #expect(try directory.status(of: "a")?.mode == 0o600)
        }
    }

    @Test func `a name that is not there has no status, and cannot be opened`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("", to: "file")
            for name: Path in ["none", "none/below", "file/below"] {
                let status = try directory.status(of: name)
                #expect(status == nil)
                let error = failure { () throws(SystemError) in _ = try directory.open(name) }
                #expect(error?.isNotFound == true, "\(name)")
            }
        }
    }

    /// All that Linux allows in a name; none of it is text to us.
    static let names: [Path] = [
        "a\nb", "-rf", " ", "\\", "e\u{301}", "\u{e9}", Path([0xFF, 0xFE, 0x80]),
        Path([0x01, 0x7F]),
        Path(Array(repeating: 0x78, count: 255)), "*?'\"$",
    ]

    @Test func `names are bytes`() throws {
        try withTemporaryDirectory { directory in
            for name in Self.names { try directory.write("\(name)", to: name) }
            let listed = try directory.sortedNames()
            #expect(listed == Self.names.sorted())
            for name in Self.names {
                let renamed = Path(name.bytes.dropLast() + [0xF0])
                #expect(try directory.text(of: name) == "\(name)")
                try directory.rename(name, to: renamed)
                try directory.remove(renamed)
            }
            #expect(try directory.names() == [])
        }
    }

    @Test func `a directory lists itself anew each time`() throws {
        try withTemporaryDirectory { directory in
            #expect(try directory.names() == [])
            try directory.makeDirectory("b", mode: 0o755)
            try directory.write("", to: ".hidden")
            #expect(try directory.sortedNames() == [".hidden", "b"])
            #expect(try directory.sortedNames() == [".hidden", "b"])
        }
    }

    @Test func `a rename never takes a name that is taken`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("a", to: "a")
            try directory.write("b", to: "b")
            try directory.makeDirectory("empty", mode: 0o755)
            try directory.makeDirectory("other", mode: 0o755)
            for (old, new): (Path, Path) in [("a", "b"), ("a", "empty"), ("other", "empty")] {
                let error = failure { () throws(SystemError) in
                    try directory.rename(old, to: new)
                }
                #expect(error?.code == .exists)
                #expect(error?.paths == [directory.path / old, directory.path / new])
            }
            #expect(try directory.text(of: "b") == "b")
            let missing = failure { () throws(SystemError) in try directory.rename("c", to: "d") }
            #expect(missing?.code == .notFound)
        }
    }

    @Test func `a rename goes into another directory too, with all that is below`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("from", mode: 0o755)
            try directory.makeDirectory("to", mode: 0o755)
            try directory.makeDirectory("from/job", mode: 0o755)
            try directory.write("x", to: "from/job/image")
            let from = try directory.directory("from")
            let to = try directory.directory("to")
            try from.rename("job", to: to, "job@1")
            #expect(try from.names() == [])
            #expect(try directory.text(of: "to/job@1/image") == "x")
            try directory.makeDirectory("from/job", mode: 0o755)
            let error = failure { () throws(SystemError) in
                try from.rename("job", to: to, "job@1")
            }
            #expect(error?.code == .exists)
        }
    }

    @Test func `replace takes the place of what was there`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("old", to: "a")
            try directory.write("new", to: "b")
            try directory.replace("a", with: "b")
            #expect(try directory.names() == ["a"])
            #expect(try directory.text(of: "a") == "new")
        }
    }

    @Test func `a directory stays the same one when it is renamed`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("a", mode: 0o750)
            let inner = try directory.directory("a")
            try directory.rename("a", to: "b")
            try inner.write("x", to: "file")
            #expect(try directory.text(of: "b/file") == "x")
            #expect(inner.path == directory.path / "a")
            let status = try inner.status()
            #expect(try directory.status(of: "b") == status)
            #expect(status.mode == 0o750)
        }
    }

    @Test func `remove is for names and removeDirectory for empty directories`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o755)
            try directory.write("", to: "d/f")
            let codes = [
                failure { () throws(SystemError) in try directory.remove("d") },
                failure { () throws(SystemError) in try directory.removeDirectory("d") },
                failure { () throws(SystemError) in try directory.removeDirectory("d/f") },
                failure { () throws(SystemError) in try directory.remove("none") },
            ].map { $0?.code }
            #expect(codes == [.isADirectory, .notEmpty, .notADirectory, .notFound])
            try directory.remove("d/f")
            try directory.removeDirectory("d")
            #expect(try directory.names() == [])
        }
    }

    @Test(arguments: [0, 1, -1, 1_705_314_685_123_456_789, -1_000_000_001] as [Int64])
    func `the time of the last change is set to the nanosecond`(time: Int64) throws {
        try withTemporaryDirectory { directory in
            try directory.setModified(time)
            #expect(try directory.status().modified == time)
        }
    }

    @Test func `permissions are set as given, whatever the umask`() throws {
        try withTemporaryDirectory { directory in
            try directory.setMode(0o2777)
            #expect(try directory.status().mode == 0o2777)
            try directory.setMode(0o700)
            #expect(try directory.status().mode == 0o700)
            try directory.sync()
        }
    }
}
