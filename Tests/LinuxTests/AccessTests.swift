import Testing

@testable import Linux

/// Who may read, as users find it: a member of the group, and anybody else.
@Suite struct AccessTests {
    /// What a process of these groups reads; nothing when it may not.
    private func reads(_ path: Path, group: Int) throws -> String {
        try printed(
            by: "exec setpriv --reuid=65534 --regid=65534 --groups=\(group) cat '\(path)'")
    }

    @Test(arguments: [
        (Readers.everybody, "text", "text"), (.group(60), "text", ""), (.owner, "", ""),
    ])
    func `a file is read by those it is for`(
        _ readers: Readers, _ member: String, _ stranger: String
    ) throws {
        try withTemporaryDirectory { directory in
            try directory.write("text", to: "a")
            try directory.open("a").allow(.group(100))
            try directory.open("a").allow(readers)
            #expect(try reads(directory.path / "a", group: 60) == member)
            #expect(try reads(directory.path / "a", group: 61) == stranger)
        }
    }

    @Test func `a directory is looked into by those it is for`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o755)
            try directory.write("text", to: "d/a")
            let inner = try directory.directory("d")
            try inner.allow(.group(60))
            #expect(try reads(directory.path / "d/a", group: 60) == "text")
            #expect(try reads(directory.path / "d/a", group: 61) == "")
            try inner.allow(.everybody)
            #expect(try reads(directory.path / "d/a", group: 61) == "text")
        }
    }

    @Test func `a directory is open to a group, which hands on what is made there`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o700)
            let inner = try directory.directory("d")
            try inner.open(toGroup: 60, service: 65533)
            let made = try printed(
                by: "umask 077; exec setpriv --reuid=65534 --regid=65534 --groups=60 "
                    + "sh -c 'mkdir \(directory.path)/d/e && echo text > \(directory.path)/d/e/a; "
                    + "echo $?'")
            #expect(made == "0\n")
            // The service is in no group, but has a name in the list.
            let service = try printed(
                by: "exec setpriv --reuid=65533 --regid=65533 --clear-groups "
                    + "sh -c 'cat \(directory.path)/d/e/a && rm -r \(directory.path)/d/e'")
            #expect(service == "text\n")
            let stranger = try printed(
                by: "exec setpriv --reuid=65534 --regid=65534 --groups=61 "
                    + "ls \(directory.path)/d 2>/dev/null; echo $?")
            #expect(stranger != "0\n")
            try inner.closeToGroups()
            #expect(try directory.status(of: "d")?.mode == 0o755)
        }
    }
}
