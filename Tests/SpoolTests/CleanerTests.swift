import Linux
import SpoolFormat
import TestSupport
import Testing

@testable import Spool

/// Cleanup inside `run`.
@Suite struct CleanerTests {
    let temporary: TemporarySpool
    let loop: EventLoop

    init() throws {
        temporary = try TemporarySpool { $0.failedTTL = .zero }
        loop = try EventLoop()
    }

    private func isGone(_ bundle: Path) throws -> Bool {
        try loop.run { [temporary] in try !temporary.exists(bundle) }
    }

    @Test func `what is over its time at the start goes`() throws {
        try temporary.admitAndFail("a")
        let cleaner = try Cleaner(temporary.spool, on: loop)
        #expect(try isGone("failed/a"))
        #expect(try temporary.names(.hidden("trash")) == [])
        #expect(try temporary.spool.totals().failed == 1)
        withExtendedLifetime(cleaner) {}
    }

    @Test func `what ends later goes when its time is up`() throws {
        let cleaner = try Cleaner(temporary.spool, on: loop)
        try temporary.admitAndFail("a")
        #expect(try isGone("failed/a"))
        withExtendedLifetime(cleaner) {}
    }

    @Test func `settings that change count at once`() throws {
        temporary.spool.settings.failedTTL = .seconds(3600)
        try temporary.admitAndFail("a")
        let cleaner = try Cleaner(temporary.spool, on: loop)
        #expect(try temporary.exists("failed/a"))
        temporary.spool.settings.failedTTL = .zero
        cleaner.settingsChanged()
        #expect(try isGone("failed/a"))
    }

    // `gpuspool clean` that hung on its disk stopped the watcher and the worker of `run` as well.
    @Test func `another cleanup that does not end is not waited for`() throws {
        try temporary.admitAndFail("a")
        var other: File? = try temporary.spool.root.openOrCreate(Retention.lock, mode: 0o600)
        let isLocked = try other?.tryLock()
        try #require(isLocked == true)
        let cleaner = try Cleaner(temporary.spool, on: loop)
        #expect(try temporary.exists("failed/a"))
        other = nil
        #expect(try isGone("failed/a"))
        withExtendedLifetime(cleaner) {}
    }
}
