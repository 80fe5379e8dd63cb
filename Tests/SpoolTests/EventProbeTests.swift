import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct EventProbeTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    @Test func `a disk of this machine answers, and nothing stays`() throws {
        let incoming = try temporary.spool.root.directory(.incoming)
        let path = temporary.spool.path / .incoming
        #expect(try EventProbe.isAnswered(in: incoming, watchedAs: path))
        #expect(try temporary.names(.incoming) == [])
    }

    /// The file is made in another directory than the one that is watched.
    @Test func `silence is told from an answer`() throws {
        let incoming = try temporary.spool.root.directory(.incoming)
        let path = temporary.spool.path / "done"
        #expect(try !EventProbe.isAnswered(in: incoming, watchedAs: path))
        #expect(try temporary.names(.incoming) == [])
    }

    @Test func `what a killed process left is removed, nothing else`() throws {
        let gone = ".gpuspool-probe.\(Int32.max).aa"
        let ours = ".gpuspool-probe.\(Host.pid).aa"
        let stay = [
            ".gpuspool-probe.1.aa", ".gpuspool-probe.", ".gpuspool-probe.x.1", ".hidden",
        ]
        for name in [gone, ours] + stay { try temporary.write(.incoming / Path(name), "") }
        try temporary.makeDirectory(.incoming / ".gpuspool-probe.\(Int32.max).bb")
        if Host.user == 0 {
            try temporary.write(.incoming / ".gpuspool-probe.\(Int32.max).cc", "")
            try temporary.giveAway(.incoming / ".gpuspool-probe.\(Int32.max).cc", to: 1)
        }
        let before = try temporary.names(.incoming)
        // As the watcher does it when it opens the directory.
        _ = try Inbox(temporary.spool, inotify: try Inotify(try EventLoop()) {})
        #expect(try temporary.names(.incoming) == before.filter { $0 != gone && $0 != ours })
    }
}
