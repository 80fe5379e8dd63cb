import Glibc
import Linux
import Testing

/// Filesystems of FUSE know no RENAME_NOREPLACE.
@Suite(.enabled(if: canMount, "needs root, bindfs and /dev/fuse")) struct FuseTests {
    @Test func `a rename there does not replace what has the name`() throws {
        try withTemporaryDirectory { directory in
            for name: Path in ["under", "seen"] { try directory.makeDirectory(name, mode: 0o755) }
            let place = directory.path / "seen"
            try run("/usr/bin/bindfs", directory.path / "under", place)
            defer { _ = try? run("/usr/bin/fusermount3", "-u", "-z", place) }
            let seen = try Directory(place)
            for name in ["a", "b"] { try seen.write(name, to: Path(name)) }
            let error = failure { () throws(SystemError) in try seen.rename("a", to: "b") }
            #expect(error?.code == .exists)
            #expect(error?.paths == [place / "a", place / "b"])
            #expect(try seen.text(of: "b") == "b")
            try seen.rename("a", to: "c")
            #expect(try seen.sortedNames() == ["b", "c"])
        }
    }

    private func run(_ words: Path...) throws {
        let result = try Command.run(words[0], Array(words.dropFirst()), timeout: .seconds(30))
        try #require(result.exit == .status(0), "\(words)")
    }
}

private let canMount =
    geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0
    && access("/usr/bin/bindfs", X_OK) == 0
