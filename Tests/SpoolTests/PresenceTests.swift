import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Whether what stands at the path still is the spool that was opened.
@Suite struct PresenceTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    /// What is told, and whether an event asked to look, after `change`.
    private func loss(after change: (borrowing Directory) throws -> Void) throws -> String? {
        let loop = try EventLoop()
        let presence = try Presence(temporary.spool, on: loop) { loop.stop() }
        #expect(presence.loss() == nil)
        try change(temporary.spool.root)
        // Only returns when an event has come.
        try loop.run()
        return presence.loss()
    }

    @Test(arguments: JobState.allCases.map(\.rawValue) + ["status", ".spool/tmp", ".spool/trash"])
    func `a removed directory is named`(name: String) throws {
        let directory = Path(name)
        let loss = try loss { try $0.removeDirectory(directory) }
        #expect(loss == "'\(name)' is gone")
        try temporary.makeDirectory(directory)
    }

    @Test(arguments: ["queued", ".spool"])
    func `a replaced directory is named`(name: String) throws {
        let directory = Path(name)
        let loss = try loss {
            try $0.rename(directory, to: "before")
            try $0.makeDirectory(directory, mode: 0o755)
        }
        #expect(loss == "something else stands in place of '\(name)'")
    }

    @Test func `a spool that was renamed is gone`() throws {
        let path = temporary.spool.path
        let parent = try Directory(path.parent)
        let other = Path(path.lastComponent.bytes + ".moved".utf8)
        let loss = try loss { _ in try parent.rename(path.lastComponent, to: other) }
        #expect(loss == "it is gone")
        try parent.rename(other, to: path.lastComponent)
    }

    @Test func `a replaced incoming is no loss`() throws {
        let loss = try loss {
            try $0.rename(.incoming, to: "before")
            try $0.makeDirectory(.incoming, mode: 0o755)
        }
        #expect(loss == nil)
    }

    @Test func `a spool that lacks a directory is not begun with`() throws {
        try temporary.spool.root.removeDirectory("done")
        let loop = try EventLoop()
        let error = #expect(throws: SystemError.self) {
            _ = try Presence(temporary.spool, on: loop) {}
        }
        #expect(error?.isNotFound == true)
        try temporary.makeDirectory("done")
    }
}
