import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Orders over the death of the watcher.
@Suite struct OrderRecoveryTests {
    private let watching: Watching
    private var temporary: TemporarySpool { watching.temporary }

    init() throws { watching = try Watching(starts: false) { $0.settle = .zero } }

    // Between the order and the removal of its drop.
    @Test func `an order that stands beside its drop is obeyed once`() throws {
        try temporary.admit("a", "b")
        try temporary.write(".spool/held/a", "")
        try watching.order("a.hold")
        try temporary.write(".spool/cancel/b", "")
        try watching.order("b.cancel")
        try watching.start()
        try watching.wait(for: "queued/a", "failed/b")
        try watching.wait { [temporary] in try temporary.names(.incoming) == [] }
        #expect(try watching.orders() == ["held/a"])
    }

    @Test func `a held job is held over a restart`() throws {
        try temporary.admit("a")
        try watching.start()
        try watching.obeyed("a.hold")
        try watching.kill()
        try watching.start()
        try watching.pass()
        #expect(try watching.view("a")?.status == .held)
        try watching.obeyed("a.release")
        #expect(try watching.orders() == [])
    }

    // Behind the record: no worker claims it, and nobody else would ever move it.
    @Test(arguments: [JobStatus.cancelled, .failed])
    func `a dismissal that a crash cut off is finished at the start`(_ status: JobStatus) throws {
        try temporary.admit("a", "b")
        let ended = Timestamp(nanoseconds: 1_705_314_685_000_000_000)
        try temporary.change("queued/a") {
            $0.dismiss(as: status, "Decided.")
            $0.view.completedAt = ended
        }
        if status == .cancelled { try temporary.write(".spool/cancel/a", "") }
        try watching.start()
        try watching.wait(for: "queued/b", "failed/a")
        let record = try temporary.record("failed/a")
        #expect(record.view.status == status)
        #expect(record.view.error == "Decided.")
        #expect(try temporary.status("failed/a").modified == ended.nanoseconds)
        try watching.wait { [watching] in try watching.orders() == [] }
    }

    // Behind the rename.
    @Test func `orders of jobs that have ended are withdrawn at the start`() throws {
        try temporary.admitAndFail("a", "b")
        try temporary.spool.root.rename("failed/b", to: "done/b")
        for id in ["a", "b", "nobody"] {
            try temporary.write(".spool/cancel/\(id)", "")
            try temporary.write(".spool/held/\(id)", "")
        }
        try watching.start()
        try watching.wait { [watching] in try watching.orders() == [] }
        #expect(try temporary.bundles() == ["done/b", "failed/a"])
    }

    // R9: an old order must not hit a new job.
    @Test(arguments: [JobOrder.cancel, .hold])
    func `a newcomer is not hit by an old order`(_ order: JobOrder) throws {
        try temporary.admitAndFail("a")
        try temporary.write(.hidden(order.rawValue) / "a", "")
        try watching.drop("a")
        try watching.start()
        try watching.wait(for: "queued/a", "failed/a~1")
        try watching.pass()
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == ["queued/a", "failed/a~1"])
        #expect(try watching.view("a")?.status == .queued)
    }

    @Test(arguments: [JobState.failed, .rejected])
    func `a retry that was ordered is done at the next start`(_ state: JobState) throws {
        if state == .failed { try temporary.admitAndFail("a") } else { try temporary.refuse("a") }
        try temporary.write(".spool/retry/a", "")
        try watching.start()
        try watching.wait(for: "queued/a")
        try watching.wait { [watching] in try watching.orders() == [] }
    }

    // Between the record and the rename, and behind the rename.
    @Test(arguments: ["failed/a", "queued/a"])
    func `a retry that a crash cut off is finished`(_ place: Path) throws {
        try temporary.admitAndFail("a")
        try temporary.write(".spool/retry/a", "")
        try temporary.change("failed/a") {
            $0.view.status = .queued
            $0.view.attempts = 0
        }
        if place == "queued/a" { try temporary.spool.root.rename("failed/a", to: place) }
        try watching.start()
        try watching.wait { [watching] in try watching.orders() == [] }
        #expect(try temporary.bundles() == ["queued/a"])
        #expect(try temporary.record("queued/a").view.status == .queued)
        #expect(watching.watcher?.table.live.map(\.text) == ["a"])
    }
}
