import Glibc
import Linux
import Testing

/// What a sender can make on a share to lead the service astray.
@Suite struct LinkTests {
    /// Beside the spool `inside`, a directory `outside` with a file that is none of its business.
    private func withLinks(_ body: (borrowing Directory, borrowing Directory) throws -> Void) throws
    {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("outside", mode: 0o755)
            try directory.write("secret", to: "outside/file")
            try directory.makeDirectory("inside", mode: 0o755)
            let inside = try directory.directory("inside")
            try inside.makeDirectory("real", mode: 0o755)
            link("../outside", at: "link", in: inside)
            link("../outside/file", at: "file", in: inside)
            link("../../outside", at: "real/link", in: inside)
            link("\(directory.path)/outside", at: "absolute", in: inside)
            link("real", at: "harmless", in: inside)
            try body(inside, try directory.directory("outside"))
        }
    }

    private func link(_ target: String, at name: String, in directory: borrowing Directory) {
        #expect(symlink(target, "\(directory.path)/\(name)") == 0)
    }

    static let paths: [Path] = [
        "link/file", "file", "real/link/file", "absolute/file", "harmless/../link/file",
        "harmless/none",
    ]

    @Test func `no link is followed to a file, wherever it stands in the path`() throws {
        try withLinks { inside, _ in
            for path in Self.paths {
                let errors = [
                    failure { () throws(SystemError) in _ = try inside.open(path) },
                    failure { () throws(SystemError) in
                        _ = try inside.openOrCreate(path, mode: 0o644)
                    },
                ]
                #expect(errors.map { $0?.code } == [.symbolicLink, .symbolicLink], "\(path)")
            }
        }
    }

    @Test func `no file is made through a link`() throws {
        try withLinks { inside, outside in
            for path: Path in ["link/new", "real/link/new", "absolute/new", "harmless/new"] {
                let error = failure { () throws(SystemError) in
                    _ = try inside.create(path, mode: 0o644)
                }
                #expect(error?.code == .symbolicLink, "\(path)")
            }
            let dangling = failure { () throws(SystemError) in
                _ = try inside.create("file", mode: 0o644)
            }
            #expect(dangling?.code == .exists)
            let names = try outside.names()
            #expect(names == ["file"])
        }
    }

    @Test func `no link is followed to a directory`() throws {
        try withLinks { inside, _ in
            for path: Path in ["link", "real/link", "absolute", "harmless", "link/."] {
                let error = failure { () throws(SystemError) in _ = try inside.directory(path) }
                // The last component alone is a link, which O_DIRECTORY calls no directory.
                #expect([.symbolicLink, .notADirectory].contains(error?.code), "\(path)")
            }
            let names = try inside.directory("real").names()
            #expect(names == ["link"])
        }
    }

    @Test(arguments: ["..", "../outside", "real/../../outside", "/", "/etc"] as [Path])
    func `nothing outside is opened`(path: Path) throws {
        try withLinks { inside, _ in
            let error = failure { () throws(SystemError) in _ = try inside.directory(path) }
            #expect(error?.code.name == "EXDEV")
        }
    }

    @Test func `the status of a link is the link's own`() throws {
        try withLinks { inside, _ in
            for name: Path in ["link", "file", "real/link"] {
                let status = try inside.status(of: name)
                #expect(status?.kind == .symbolicLink)
            }
        }
    }

    @Test func `a link is renamed and removed itself`() throws {
        try withLinks { inside, outside in
            try inside.rename("file", to: "renamed")
            try inside.remove("renamed")
            try inside.remove("link")
            #expect(try outside.text(of: "file") == "secret")
        }
    }

    @Test func `a directory is opened by a path with links at the start`() throws {
        try withLinks { inside, _ in
            let names = try Directory(inside.path / "link").names()
            #expect(names == ["file"])
        }
    }

    @Test func `removing a tree removes links and not what they lead to`() throws {
        try withLinks { inside, outside in
            try inside.removeTree("link")
            try inside.removeTree("real")
            #expect(try inside.sortedNames() == ["absolute", "file", "harmless"])
            #expect(try outside.text(of: "file") == "secret")
        }
    }
}
