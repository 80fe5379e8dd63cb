import Glibc
import Linux
import Testing

/// Needs root, who may give files away; what the entry is good for, Tests/Share shows.
@Suite(.enabled(if: geteuid() == 0, "needs root")) struct PermissionTests {
    private func mode(of name: Path, in directory: borrowing Directory) throws -> UInt32? {
        try directory.status(of: name)?.mode
    }

    @Test func `another user's file is made readable once, and nobody else gains by it`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("", to: "file")
            try directory.open("file").setMode(0o600)
            #expect(chown("\(directory.path)/file", 65_534, 65_534) == 0)
            #expect(try directory.unmask("file"))
            // With a list the group's bits are its mask.
            #expect(try mode(of: "file", in: directory) == 0o640)
            #expect(try !directory.unmask("file"))
            // The sender hides it again: rsync and scp set modes after the last byte.
            #expect(chmod("\(directory.path)/file", 0o600) == 0)
            #expect(try directory.unmask("file"))
            #expect(try mode(of: "file", in: directory) == 0o640)
        }
    }

    @Test func `another user's directory is opened for changes`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("folder", mode: 0o700)
            #expect(chown("\(directory.path)/folder", 65_534, 65_534) == 0)
            #expect(try directory.unmask("folder"))
            #expect(try mode(of: "folder", in: directory) == 0o770)
        }
    }

    /// Who links another's file into the share must not get it read by that.
    @Test func `a file with two names, a link and an own file stay as they are`() throws {
        try withTemporaryDirectory { directory in
            for name: Path in ["linked", "own"] {
                try directory.write("", to: name)
                try directory.open(name).setMode(0o600)
            }
            let place = "\(directory.path)"
            #expect(chown("\(place)/linked", 65_534, 65_534) == 0)
            #expect(link("\(place)/linked", "\(place)/second") == 0)
            #expect(symlink("own", "\(place)/link") == 0)
            #expect(lchown("\(place)/link", 65_534, 65_534) == 0)
            for name: Path in ["linked", "own", "link", "none"] {
                #expect(try !directory.unmask(name), "\(name)")
            }
            #expect(try mode(of: "linked", in: directory) == 0o600)
            #expect(try mode(of: "own", in: directory) == 0o600)
        }
    }
}
