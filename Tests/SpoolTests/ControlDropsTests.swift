import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Orders by files beside the drops (R9): what the watcher makes of them.
@Suite struct ControlDropsTests {
    private let watching: Watching
    private var temporary: TemporarySpool { watching.temporary }

    init() throws {
        watching = try Watching()
        for id in ["a", "b"] { try watching.drop(id) }
        try watching.wait(for: "queued/a", "queued/b")
    }

    @Test(arguments: [Path.incoming, .inlet])
    func `cancel ends a queued job`(_ box: Path) throws {
        try watching.obeyed("a.cancel", in: box)
        try watching.wait(for: "queued/b", "failed/a")
        try watching.wait { [watching] in try watching.view("a")?.status == .cancelled }
        #expect(try watching.orders() == [])
        let record = try temporary.record("failed/a")
        #expect(record.view.status == .cancelled)
        #expect(record.view.error == "The job was cancelled.")
        try watching.wait { [watching] in try watching.view("b")?.position == 1 }
        #expect(try watching.queue()?.queueSize == 1)
    }

    @Test(arguments: [Path.incoming, .inlet])
    func `a held job keeps its place until it is released`(_ box: Path) throws {
        try watching.obeyed("a.hold", in: box)
        #expect(try watching.orders() == ["held/a"])
        try watching.wait { [watching] in try watching.view("a")?.status == .held }
        #expect(try watching.view("a")?.waitingFor == "its release")
        #expect(try watching.view("a")?.position == nil)
        #expect(try watching.view("b")?.position == 1)
        #expect(try watching.queue()?.queueSize == 2)
        try watching.obeyed("a.release", in: box)
        #expect(try watching.orders() == [])
        try watching.wait { [watching] in try watching.view("a")?.status == .queued }
        #expect(try watching.view("a")?.position == 1)
        #expect(try watching.view("a")?.waitingFor == nil)
        #expect(try watching.view("b")?.position == 2)
    }

    @Test func `a held job can be cancelled`() throws {
        try watching.obeyed("a.hold")
        try watching.obeyed("a.cancel")
        try watching.wait(for: "queued/b", "failed/a")
        #expect(try watching.orders() == [])
    }

    @Test func `an order to cancel a running job stands until the job has ended`() throws {
        let claim = try temporary.claim()
        try watching.obeyed("a.cancel")
        #expect(try watching.orders() == ["cancel/a"])
        #expect(try temporary.bundles() == ["queued/b", "running/a@1"])
        let end = words(of: claim.cancel())
        #expect(end == "moved")
        try watching.wait { [watching] in try watching.orders() == [] }
        #expect(try temporary.bundles() == ["queued/b", "failed/a"])
    }

    @Test(arguments: ["a.cancel", "a.hold", "a.release", "a.retry", "nobody.cancel"])
    func `what cannot be done is answered and removed`(_ order: Path) throws {
        // Of a job that has completed nothing can be ordered.
        try temporary.write("queued/a/result.png", Sample.png)
        try temporary.change("queued/a") { $0.view.status = .completed }
        try temporary.spool.root.rename("queued/a", to: "done/a")
        try watching.wait { [watching] in watching.watcher?.table.live.count == 1 }
        let before = try temporary.snapshot("done/a")
        try watching.obeyed(order)
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == ["queued/b", "done/a"])
        #expect(try temporary.snapshot("done/a") == before)
    }

    @Test func `a queued job cannot be retried or released`() throws {
        try watching.obeyed("a.retry")
        try watching.obeyed("a.release")
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == ["queued/a", "queued/b"])
    }

    // The name's file number comes again at once on ext4: the second order was never seen.
    @Test func `the same order is obeyed as often as it is given`() throws {
        for _ in 1...3 {
            try watching.obeyed("a.hold")
            #expect(try watching.orders() == ["held/a"])
            try watching.obeyed("a.hold")
            #expect(try watching.orders() == ["held/a"])
            try watching.obeyed("a.release")
            #expect(try watching.orders() == [])
        }
    }

    // The same: drops that came after an order lay there for ever.
    @Test func `what comes after an order is taken`() throws {
        for index in 1...4 {
            try watching.obeyed("a.hold")
            try watching.drop("next-\(index)")
            try watching.wait { [temporary] in try temporary.exists("queued/next-\(index)") }
        }
    }

    // MARK: No orders

    @Test(arguments: ["cancel", "hold", "retry", "release"])
    func `a file that is not empty is no order and stays`(_ verb: String) throws {
        try temporary.rename(into: "incoming/a.\(verb)", "please")
        try watching.pass()
        #expect(try temporary.text("incoming/a.\(verb)") == "please")
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == ["queued/a", "queued/b"])
    }

    @Test func `a file that becomes empty becomes an order`() throws {
        try temporary.rename(into: "incoming/a.hold", "please")
        try watching.pass()
        try temporary.spool.root.openOrCreate("incoming/a.hold", mode: 0o644).truncate(to: 0)
        try watching.wait { [watching] in try watching.orders() == ["held/a"] }
    }

    @Test func `a folder or a link of such a name is no order and stays`() throws {
        try temporary.makeDirectory("incoming/a.cancel")
        try temporary.link("incoming/b.cancel", to: "/dev/null")
        try watching.pass()
        #expect(try temporary.names(.incoming) == ["a.cancel", "b.cancel"])
        #expect(try watching.orders() == [])
        #expect(try temporary.bundles() == ["queued/a", "queued/b"])
    }

    @Test func `in a folder bundle there are no orders`() throws {
        try temporary.makeDirectory("incoming/c.part")
        try temporary.write("incoming/c.part/c.png", Sample.png)
        try temporary.write("incoming/c.part/c.json", #"{"instruction":"blur"}"#)
        try temporary.write("incoming/c.part/a.cancel", "")
        try temporary.spool.root.rename("incoming/c.part", to: "incoming/c")
        try watching.wait(for: "queued/a", "queued/b", "queued/c")
        try watching.pass()
        #expect(try temporary.bundles() == ["queued/a", "queued/b", "queued/c"])
        #expect(try watching.orders() == [])
    }

    // MARK: Drops on their way

    @Test(arguments: [Path.incoming, .inlet], [("cancel", "failed/c"), ("hold", "queued/c")])
    func `an order for a drop that is being received waits for it`(
        _ box: Path, _ order: (verb: String, place: String)
    ) throws {
        try temporary.rename(into: "incoming/c.png", Sample.png)
        try watching.wait { [watching] in try watching.view("c")?.status == .receiving }
        try watching.order("c.\(order.verb)", in: box)
        try watching.pass()
        #expect(try temporary.exists(box / "c.\(order.verb)"))
        #expect(try watching.orders() == [])
        try temporary.rename(into: "incoming/c.json", #"{"instruction":"blur"}"#)
        try watching.wait(for: "queued/a", "queued/b", order.place)
        try watching.wait { [temporary] in try !temporary.exists(box / "c.\(order.verb)") }
        #expect(try watching.orders() == (order.verb == "hold" ? ["held/c"] : []))
    }

    // The job of that name has ended: what is ordered is the drop's.
    @Test(arguments: [("cancel", "failed/a"), ("hold", "queued/a")])
    func `an order is about the drop that takes an ended job's name`(
        _ verb: String, _ place: String
    ) throws {
        try temporary.spool.root.rename("queued/a", to: "failed/a")
        try watching.wait { [watching] in watching.watcher?.table.live.count == 1 }
        try temporary.rename(into: "incoming/a.png", Sample.png)
        try watching.wait { [watching] in try watching.view("a")?.status == .receiving }
        try watching.order("a.\(verb)")
        try watching.pass()
        #expect(try temporary.exists("incoming/a.\(verb)"))
        try temporary.rename(into: "incoming/a.json", #"{"instruction":"blur"}"#)
        let bundles = [place, "queued/b", "failed/a~1"].sorted()
        try watching.wait { [temporary] in try temporary.bundles().sorted() == bundles }
        #expect(try watching.orders() == (verb == "hold" ? ["held/a"] : []))
    }

    // MARK: Pause

    @Test func `pause and drain are told`() throws {
        try temporary.spool.pause()
        try temporary.spool.drain()
        try watching.wait { [watching] in
            try watching.queue().map { $0.isPaused && $0.isDraining } == true
        }
        #expect(try watching.view("a")?.waitingFor == "the end of the pause")
        try watching.drop("c")
        try watching.wait(for: "queued/a", "queued/b", "rejected/c")
        #expect(try temporary.record("rejected/c").view.reason?.refusal.code == .serverBusy)
        try temporary.spool.resume()
        try watching.wait { [watching] in
            try watching.queue().map { !$0.isPaused && !$0.isDraining } == true
        }
        #expect(try watching.view("a")?.waitingFor == nil)
        try watching.drop("d")
        try watching.wait(for: "queued/a", "queued/b", "queued/d", "rejected/c")
    }
}
