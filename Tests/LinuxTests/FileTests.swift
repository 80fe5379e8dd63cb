import Glibc
import Linux
import Testing

@Suite struct FileTests {
    @Test(
        arguments: [
            (0, 10, 0), (5, 10, 5), (10, 10, 10), (11, 10, 10), (200_000, 150_000, 150_000),
            (200_000, 1 << 20, 200_000), (3, 0, 0),
        ])
    func `as much is read as the limit allows`(size: Int, limit: Int, count: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try withTemporaryDirectory { directory in
            let file = try directory.create("a", mode: 0o644)
            try file.write(bytes)
            let contents = try file.contents(limit: limit)
            #expect(contents == Array(bytes.prefix(count)))
        }
    }

    /// Its size is 0 for the kernel, as that of a file that grows is too small when it is asked.
    @Test func `a file is read to its end, whatever its size was`() throws {
        let contents = try Directory("/proc").open("filesystems").contents(limit: 1 << 20)
        #expect(String(decoding: contents, as: UTF8.self).contains("tmpfs\n"))
        try withTemporaryDirectory { directory in
            let writer = try directory.create("a", mode: 0o644)
            let reader = try directory.open("a")
            for part in ["first,", "second"] {
                try writer.write(part.utf8)
                try writer.sync()
                let text = String(decoding: try reader.contents(limit: 100), as: UTF8.self)
                #expect(text.hasSuffix(part))
            }
        }
    }

    @Test func `a directory and a missing file have no content`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o755)
            let error = failure { () throws(SystemError) in
                _ = try directory.open("d").contents(limit: 10)
            }
            #expect(error?.code == .isADirectory)
            #expect(error?.paths == [directory.path / "d"])
        }
    }

    @Test func `opening a FIFO without a writer does not wait`() throws {
        try withTemporaryDirectory { directory in
            #expect(mkfifo("\(directory.path)/fifo", 0o600) == 0)
            let kind = try directory.open("fifo").status().kind
            #expect(kind == .fifo)
        }
    }

    @Test func `permissions and length are set`() throws {
        try withTemporaryDirectory { directory in
            let file = try directory.create("a", mode: 0o600)
            try file.write("123456".utf8)
            try file.setMode(0o4644)
            try file.truncate(to: 3)
            file.startWriting()
            #expect(try directory.status(of: "a")?.mode == 0o4644)
            #expect(try directory.text(of: "a") == "123")
        }
    }

    @Test func `a copy has all bytes, from an empty file to one with holes`() throws {
        try withTemporaryDirectory { directory in
            let source = try directory.create("source", mode: 0o644)
            let sizes: [Int64] = [0, 1, 300_000, 5_000_000]
            for size in sizes {
                try source.truncate(to: size)
                if size > 1 { try source.write("data".utf8) }
                let copy = try directory.create("copy", mode: 0o644)
                try copy.copy(from: try directory.open("source"))
                let expected = try source.contents(limit: .max)
                #expect(try copy.contents(limit: .max) == expected)
                #expect(Int64(expected.count) == size)
                try directory.remove("copy")
            }
        }
    }

    @Test(arguments: [0, 1, 4096, 300_000])
    func `a copy is no longer than its limit`(limit: Int) throws {
        try withTemporaryDirectory { directory in
            try directory.create("source", mode: 0o644).truncate(to: 300_001)
            let disk = try directory.create("copy", mode: 0o644)
            try disk.copy(from: try directory.open("source"), limit: limit)
            // A filesystem that shares blocks may share all of them.
            #expect([Int64(limit), 300_001].contains(try disk.status().size))
            let other = try directory.create("other", mode: 0o644)
            try other.copy(from: try Directory("/proc").open("filesystems"), limit: min(limit, 5))
            #expect(try other.status().size == min(limit, 5))
        }
    }

    @Test func `what the kernel cannot copy by itself is copied too`() throws {
        try withTemporaryDirectory { directory in
            let copy = try directory.create("copy", mode: 0o644)
            try copy.copy(from: try Directory("/proc").open("filesystems"))
            #expect(try directory.text(of: "copy").contains("tmpfs\n"))
        }
    }

    @Test func `a copy that does not fit is an error`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("1", to: "a")
            let full = try Directory("/dev").openOrCreate("full", mode: 0)
            let source = try directory.open("a")
            let error = failure { () throws(SystemError) in try full.copy(from: source) }
            #expect(error?.code == .noSpace)
        }
    }
}

/// A process that another test starts holds copies of all descriptors until its exec: what asks
/// who has a file open stands in a process of its own.
@Suite struct FileHolderTests {
    @Test func `a lock excludes a second opening in the same process and ends with it`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            try withTemporaryDirectory { directory in
                try directory.write("", to: "lease")
                let holder = try directory.open("lease")
                let other = try directory.open("lease")
                #expect(try holder.tryLock())
                #expect(try holder.tryLock(), "a lock that is held may be taken again")
                #expect(try !other.tryLock())
                #expect(try other.isLocked())
                close(holder)
                #expect(try !other.isLocked())
                #expect(try other.tryLock())
                try other.lock()
            }
        }
    }

    @Test func `lock waits for the one who has it`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            try withTemporaryDirectory { directory in
                let lock = try directory.create("lock", mode: 0o644)
                var toChild = try Pipe()
                let input = try take(&toChild.reading)
                let order = try take(&toChild.writing)
                var fromChild = try Pipe()
                let answer = try take(&fromChild.reading)
                let output = try take(&fromChild.writing)
                let opened = try directory.open("lock")
                let child = try Child(
                    "/bin/sh", arguments: ["-c", "flock 3; echo locked; read order"],
                    descriptors: [
                        input.number, output.number, output.number,
                        opened.descriptor.number,
                    ], in: directory)
                let said = try answer.read(upTo: 7)
                #expect(said == Array("locked\n".utf8))
                #expect(try !lock.tryLock())
                close(opened)
                close(order)
                try lock.lock()
                #expect(child.reap() == .status(1))
                #expect(try directory.open("lock").isLocked(), "now it is ours")
            }
        }
    }

    @Test func `the read lease tells whether anybody has a file open for writing`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            try withTemporaryDirectory { directory in
                let writer = try directory.create("a", mode: 0o644)
                let reader = try directory.open("a")
                #expect(try reader.isClosedByWriters() == false)
                close(writer)
                #expect(try reader.isClosedByWriters() == true)
                // The lease is gone again: else this would wait for it, and get a signal.
                let late = try directory.openOrCreate("a", mode: 0)
                #expect(try reader.isClosedByWriters() == false)
                close(late)
                #expect(try reader.isClosedByWriters() == true)
            }
        }
    }

    @Test func `the read lease of another user's file is not permitted`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            let file = try Directory("/etc").open("passwd")
            if getuid() == 0 { try #require(setuid(65_534) == 0) }
            let answer = try file.isClosedByWriters()
            #expect(answer == nil)
        }
    }
}
