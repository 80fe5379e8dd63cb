import Linux
import Testing

@Suite struct InotifyTests {
    @Test func `what happens to names is told in order`() throws {
        try withTemporaryDirectory { directory in
            let inotify = try Inotify(try EventLoop()) {}
            let watch = try inotify.add(
                directory.path,
                [.created, .written, .movedFrom, .movedTo, .removed, .attributes])
            try directory.write("x", to: "a")
            try directory.rename("a", to: Path([0x62, 0xFF]))
            try directory.makeDirectory("d", mode: 0o755)
            try directory.directory("d").setMode(0o700)
            try directory.remove(Path([0x62, 0xFF]))
            try directory.removeDirectory("d")
            let events = try inotify.drain()
            let expected: [(Inotify.Mask, Path)] = [
                (.created, "a"), (.written, "a"), (.movedFrom, "a"),
                (.movedTo, Path([0x62, 0xFF])),
                ([.created, .isDirectory], "d"), ([.attributes, .isDirectory], "d"),
                (.removed, Path([0x62, 0xFF])), ([.removed, .isDirectory], "d"),
            ]
            #expect(events.map(\.mask) == expected.map(\.0))
            #expect(events.map(\.name) == expected.map(\.1))
            #expect(events.allSatisfy { $0.watch == watch })
            #expect(try inotify.drain().isEmpty)
        }
    }

    @Test func `only what was asked for is told, and nothing of what is below`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o755)
            let inotify = try Inotify(try EventLoop()) {}
            _ = try inotify.add(directory.path, .movedTo)
            try directory.write("", to: "a")
            try directory.write("", to: "d/b")
            try directory.rename("d/b", to: "d/c")
            try directory.rename("a", to: "e")
            #expect(try inotify.drain().map(\.name) == ["e"])
        }
    }

    @Test func `the handler is called when there is something to drain`() throws {
        try withTemporaryDirectory { directory in
            let loop = try EventLoop()
            let inotify = try Inotify(loop) { loop.stop() }
            _ = try inotify.add(directory.path, .created)
            try directory.write("", to: "a")
            try loop.runUntilStopped()
            #expect(try inotify.drain().map(\.name) == ["a"])
        }
    }

    @Test func `each directory has its watch, by whatever path`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("a", mode: 0o755)
            try directory.makeDirectory("b", mode: 0o755)
            let inotify = try Inotify(try EventLoop()) {}
            let a = try inotify.add(directory.path / "a", .created)
            let b = try inotify.add(directory.path / "b", .created)
            #expect(a != b)
            #expect(try inotify.add(directory.path / "b/../a", .created) == a)
            try directory.write("", to: "b/x")
            #expect(try inotify.drain().map(\.watch) == [b])
            inotify.remove(b)
            try directory.write("", to: "b/y")
            try directory.write("", to: "a/x")
            let events = try inotify.drain()
            #expect(events.map(\.watch) == [b, a])
            #expect(events.map(\.mask) == [.ignored, .created])
        }
    }

    @Test func `the end of the directory ends the watch`() throws {
        try withTemporaryDirectory { directory in
            try directory.makeDirectory("d", mode: 0o755)
            let inotify = try Inotify(try EventLoop()) {}
            let watch = try inotify.add(directory.path / "d", [.selfRemoved, .selfMoved])
            try directory.rename("d", to: "e")
            try directory.removeDirectory("e")
            let events = try inotify.drain()
            #expect(events.map(\.mask) == [.selfMoved, .selfRemoved, .ignored])
            #expect(events.allSatisfy { $0.watch == watch && $0.name == "" })
            inotify.remove(watch)
        }
    }

    @Test func `files, links and missing names cannot be watched`() throws {
        try withTemporaryDirectory { directory in
            try directory.write("", to: "file")
            let inotify = try Inotify(try EventLoop()) {}
            let path = directory.path
            let codes = (["file", "none"] as [Path]).map { name in
                failure { () throws(SystemError) in _ = try inotify.add(path / name, .created) }?
                    .code
            }
            #expect(codes == [.notADirectory, .notFound])
        }
    }

    static let queueLength: Int? = {
        guard let file = try? Directory("/proc/sys/fs/inotify").open("max_queued_events"),
            let bytes = try? file.contents(limit: 100)
        else { return nil }
        return Int(String(decoding: bytes.dropLast(), as: UTF8.self))
    }()

    @Test(.enabled(if: (1...200_000).contains(queueLength ?? 0)))
    func `lost events are told without a watch`() throws {
        try withTemporaryDirectory { directory in
            let inotify = try Inotify(try EventLoop()) {}
            let watch = try inotify.add(directory.path, .movedTo)
            let limit = try #require(Self.queueLength)
            try directory.write("", to: "0")
            for number in 0..<limit + 10 {
                try directory.rename(Path("\(number)"), to: Path("\(number + 1)"))
            }
            let events = try inotify.drain()
            let overflow = try #require(events.last)
            #expect(overflow.mask == .overflow)
            #expect(overflow.watch == nil)
            #expect(overflow.name == "")
            #expect(events.dropLast().allSatisfy { $0.watch == watch && $0.mask == .movedTo })
            #expect(events.count == limit + 1)
        }
    }
}
