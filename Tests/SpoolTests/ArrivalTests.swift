import Linux
import SpoolFormat
import Testing

@testable import Spool

/// The readiness ladder of DESIGN §5.
@Suite struct ArrivalTests {
    let door: Doorway

    init() throws { door = try Doorway() }

    private let json = #"{"instruction":"blur"}"#

    @Test func `a pair that was renamed into place is taken at once`() throws {
        try door.renamePair("a")
        #expect(try door.look() == ["a: admit"])
    }

    @Test func `a pair that was written in place has to settle`() throws {
        try door.write("a.png", Sample.png)
        try door.write("a.json", json)
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.json'"])
        #expect(
            try door.look(after: .milliseconds(299)) == ["a: wait 1 ms for the end of 'a.json'"])
        #expect(try door.look(after: .milliseconds(1)) == ["a: admit"])
    }

    @Test func `another file of the same name is another arrival`() throws {
        try door.rename(into: "a.json", json)
        let first = try #require(try door.candidates().first).firstSeen
        try door.rename(into: "a.json", json)
        let second = try #require(try door.candidates().first).firstSeen
        #expect(second.nanoseconds > first.nanoseconds)
    }

    @Test func `either partner may come first`() throws {
        try door.rename(into: "a.json", json)
        #expect(try door.look() == ["a: wait 300000 ms for an image called 'a.jpg' or 'a.png'"])
        try door.rename(into: "a.png", Sample.png)
        #expect(try door.look(after: .seconds(9)) == ["a: admit"])
    }

    @Test func `every change starts the clock anew`() throws {
        try door.rename(into: "a.json", json)
        try door.write("a.png", Array(Sample.png.prefix(20)))
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
        try door.remove("a.png")
        try door.write("a.png", Sample.png)
        #expect(
            try door.look(after: .milliseconds(200)) == ["a: wait 300 ms for the end of 'a.png'"])
        #expect(
            try door.look(after: .milliseconds(200)) == ["a: wait 100 ms for the end of 'a.png'"])
        #expect(try door.look(after: .milliseconds(100)) == ["a: admit"])
    }

    @Test func `a file that was renamed and then written again has to settle`() throws {
        try door.renamePair("a")
        try door.temporary.append(.incoming / "a.json", " ")
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.json'"])
        #expect(try door.look(after: .milliseconds(300)) == ["a: admit"])
    }

    @Test func `new permissions do not make a renamed file unsettled`() throws {
        try door.renamePair("a")
        try door.temporary.spool.root.open(.incoming / "a.png").setMode(0o666)
        #expect(try door.look() == ["a: admit"])
    }

    // What its sender says of its times proves nothing.
    @Test func `a file with an old mtime has to settle like any other`() throws {
        try door.rename(into: "a.json", json)
        try door.write("a.png", Sample.png)
        #expect(
            try Command.run(
                "/usr/bin/touch",
                ["-d", "2001-01-01", door.temporary.spool.path / .incoming / "a.png"],
                timeout: .seconds(20)
            ).exit == .status(0))
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
    }

    @Test(arguments: [false, true])
    func `a file that is open for writing waits, however quiet it is`(_ isRenamed: Bool) throws {
        try door.rename(into: "a.json", json)
        func write() throws {
            let writer = try door.temporary.spool.root.create(.incoming / "a.part", mode: 0o644)
            try writer.write(Sample.png.dropLast(1))
            let root = door.temporary.spool
            try root.root.rename(.incoming / "a.part", to: .incoming / "a.png")
            if !isRenamed { _ = try door.look(after: .zero) }
            #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
            #expect(
                try door.look(after: .seconds(2)) == ["a: wait 2000 ms for the end of 'a.png'"])
            #expect(
                try door.look(after: .seconds(60)) == ["a: wait 5000 ms for the end of 'a.png'"])
            try writer.write(Sample.png.suffix(1))
        }
        try write()
        let isClosed = try eventually {
            try door.look() != ["a: wait 5000 ms for the end of 'a.png'"]
        }
        #expect(isClosed)
        #expect(try door.look(after: .milliseconds(300)) == ["a: admit"])
    }

    /// Servers of NFS keep files open for minutes after the last byte.
    @Test func `a whole file that stays open is taken when nothing happens for a while`() throws {
        try door.rename(into: "a.json", json)
        let writer = try door.temporary.spool.root.create(.incoming / "a.png", mode: 0o644)
        try writer.write(Sample.png)
        _ = try door.look()
        #expect(try door.look(after: .seconds(29)) == ["a: wait 1000 ms for the end of 'a.png'"])
        #expect(try door.look(after: .seconds(1)) == ["a: admit"])
        try writer.write([0])
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
    }

    @Test func `a part that stays open is refused when nothing happens for so long`() throws {
        try door.rename(into: "a.json", json)
        let writer = try door.temporary.spool.root.create(.incoming / "a.png", mode: 0o644)
        try writer.write(Sample.png.dropLast(1))
        _ = try door.look()
        #expect(try door.look(after: .seconds(299)) == ["a: wait 1000 ms for the end of 'a.png'"])
        #expect(
            try door.details(after: .seconds(1)) == [
                "'a.png' is still open for writing and did not change for 300 s. "
                    + "Drop both files again."
            ])
        #expect(try door.look() == ["a: refuse incomplete_bundle"])
        try writer.write([0])
    }

    @Test func `the sender's own hash makes an unsettled image ready`() throws {
        let hash = SHA256.hex(of: Sample.png)
        let writer = try door.temporary.spool.root.create(.incoming / "a.png", mode: 0o644)
        try door.rename(into: "a.json", #"{"instruction":"blur","sha256":"\#(hash)"}"#)
        try writer.write(Sample.png.dropLast(1))
        #expect(try door.look() == ["a: wait 300 ms for the end of 'a.png'"])
        try writer.write(Sample.png.suffix(1))
        #expect(try door.look() == ["a: admit"])
    }

    // MARK: Where the kernel does not know all writers

    /// A drop box on a network filesystem, with a pair in it.
    private func remoteBox(at now: Moment) throws -> DropBox {
        let box = DropBox(.incoming, station: nil, isLocal: false, now: now)
        _ = try box.list(isStation: { _ in false }, in: door.temporary.spool, now: now)
        return box
    }

    private func judge(_ box: DropBox, at now: Moment) throws -> Judgement {
        let pair = Pairing.Pair(stem: Array("a".utf8), instruction: "a.json", image: "a.png")
        let directory = try door.temporary.spool.root.directory(.incoming)
        return try Door(spool: door.temporary.spool, now: now).judge(pair, in: box, directory)
    }

    @Test func `elsewhere a file has to be unchanged for 5 seconds`() throws {
        try door.write("a.png", Sample.png)
        try door.write("a.json", json)
        let start = Moment.now
        let box = try remoteBox(at: start)
        guard case .wait(let first, _, _) = try judge(box, at: start),
            case .wait(let then, _, _) = try judge(box, at: start + .milliseconds(4999))
        else {
            Issue.record("did not wait")
            return
        }
        #expect(first == start + .milliseconds(300))
        #expect(then == start + .seconds(5))
        guard case .admit = try judge(box, at: start + .seconds(5)) else {
            Issue.record("not admitted")
            return
        }
    }

    @Test func `elsewhere a change that no event tells is seen when it is looked at again`() throws
    {
        try door.write("a.png", Sample.png)
        try door.write("a.json", json)
        let start = Moment.now
        let box = try remoteBox(at: start)
        try door.temporary.append(.incoming / "a.png", "more")
        guard case .wait = try judge(box, at: start + .seconds(5)) else {
            Issue.record("did not wait")
            return
        }
        guard case .admit = try judge(box, at: start + .seconds(10)) else {
            Issue.record("not admitted")
            return
        }
    }
}
