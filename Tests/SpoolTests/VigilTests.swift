import Linux
import SpoolFormat
import Testing

@testable import Spool

/// A spool is waited for by events, as near to its place as there are directories.
@Suite struct VigilTests {
    @Test func `each directory on the way to the spool is seen when it comes`() throws {
        let temporary = try TemporarySpool()
        let root = temporary.spool.path
        let loop = try EventLoop()
        let place = root / "a/b/spool"
        let waiting = try Vigil(place, on: loop) { loop.stop() }
        for name in ["a", "a/b", "a/b/spool", "a/b/spool/.spool", "a/b/spool/.spool/version"] {
            try temporary.makeDirectory(Path(name))
            // Only returns when an event has come.
            try loop.run()
            waiting.look()
        }
    }

    @Test func `a spool renamed into its place is seen`() throws {
        let temporary = try TemporarySpool()
        let loop = try EventLoop()
        try temporary.makeDirectory("elsewhere")
        let waiting = try Vigil(temporary.spool.path / "spool", on: loop) { loop.stop() }
        try temporary.spool.root.rename("elsewhere", to: "spool")
        try loop.run()
        waiting.look()
    }
}
