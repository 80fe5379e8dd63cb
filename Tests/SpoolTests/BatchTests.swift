import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Batches from the door to the view that counts them.
@Suite struct BatchTests {
    /// A list of so many rows and its image, renamed into place.
    private func drop(_ watching: Watching, _ stem: String, rows: Int, in box: Path = .incoming)
        throws
    {
        let text = "image,instruction\n" + String(repeating: "\(stem).png,blur\n", count: rows)
        try watching.temporary.rename(into: box / Path(stem + ".png"), Sample.png)
        try watching.temporary.rename(into: box / Path(stem + ".csv"), text)
    }

    private func counts(_ watching: Watching, _ id: String = "a.csv") throws -> String? {
        guard let view = try watching.view(id), let rows = view.rows else { return nil }
        let counts = [JobStatus.queued, .held, .processing, .completed, .failed, .cancelled]
            .filter { rows.count($0) > 0 }.map { "\(rows.count($0)) \($0.rawValue)" }
        return ([view.status.rawValue] + counts).joined(separator: ", ") + " of \(rows.total)"
    }

    private func move(_ watching: Watching, _ from: Path, _ to: Path, as status: JobStatus) throws {
        var record = try watching.temporary.record(from)
        record.view.status = status
        record.view.completedAt = .now
        try watching.temporary.spool.write(record, in: from)
        try watching.temporary.spool.root.rename(from, to: to)
    }

    @Test func `each row is a job, and the batch's view counts them to the end`() throws {
        let watching = try Watching()
        try drop(watching, "a", rows: 3)
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "queued/a-0003")
        try watching.wait { try counts(watching) == "queued, 3 queued of 3" }
        let view = try #require(try watching.view("a.csv"))
        #expect(view.droppedAs == "a.csv")
        #expect(view.createdAt != nil)
        #expect(view.position == nil)
        #expect(view.rows?.jobs.map(\.id.text) == ["a-0001", "a-0002", "a-0003"])
        #expect(try watching.view("a-0002")?.batch == "a.csv")
        #expect(try watching.view("a-0002")?.position == 2)
        let queue = try #require(try watching.queue())
        #expect(queue.jobs.compactMap(\.jobID?.text) == ["a-0001", "a-0002", "a-0003"])
        #expect(queue.totalJobs == 3)

        try move(watching, "queued/a-0001", "done/a-0001", as: .completed)
        try watching.wait { try counts(watching) == "processing, 2 queued, 1 completed of 3" }
        try watching.kill()
        try watching.start()
        try move(watching, "queued/a-0002", "failed/a-0002", as: .failed)
        try move(watching, "queued/a-0003", "done/a-0003", as: .completed)
        try watching.wait { try counts(watching) == "failed, 2 completed, 1 failed of 3" }
        #expect(try watching.view("a.csv")?.error == "3 of 3 rows ended, 1 failed")
        #expect(try watching.view("a.csv")?.completedAt != nil)

        for name in ["done/a-0001", "failed/a-0002"] {
            try watching.temporary.spool.root.removeTree(Path(name))
        }
        try watching.wait { try watching.view("a.csv")?.rows?.removed == 2 }
        try watching.temporary.spool.root.removeTree("done/a-0003")
        try watching.wait { try watching.view("a.csv") == nil }
    }

    @Test func `while it waits the batch's view says for what`() throws {
        let watching = try Watching()
        try watching.temporary.rename(into: "incoming/a.csv", "image,instruction\nx.png,blur\n")
        try watching.wait {
            try watching.view("a.csv")?.waitingFor == "the image 'x.png' (line 2)"
        }
        #expect(try watching.view("a.csv")?.status == .receiving)
        try watching.temporary.rename(into: "incoming/x.png", Sample.png)
        try watching.wait(for: "queued/a-0001")
    }

    @Test func `a refused batch is answered under its own name, and gives it to the next`() throws {
        let watching = try Watching()
        try watching.temporary.rename(into: "incoming/a.png", Sample.png)
        try watching.temporary.rename(into: "incoming/a.csv", "image,instruction\na.png,\n")
        try watching.wait(for: "rejected/a.csv")
        try watching.wait { try watching.view("a.csv")?.status == .rejected }
        #expect(
            try watching.view("a.csv")?.reason?.refusal.detail
                == "Line 2: The field 'instruction' is missing. Say what to do with the image in 1 "
                + "to 500 characters.")
        try watching.obeyed("a.csv.retry")
        try watching.wait {
            try watching.view("a.csv")?.error
                == "It cannot be retried: A refused batch is not kept for that. Drop the CSV file "
                + "and its images again."
        }
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/a-0001", "rejected/a.csv~1")
        try watching.wait { try counts(watching) == "queued, 1 queued of 1" }
    }

    // MARK: Room

    @Test func `a batch for which there is no room is refused as a whole`() throws {
        let watching = try Watching { $0.maxInflightJobs = 3 }
        try watching.drop("b")
        try watching.wait(for: "queued/b")
        try drop(watching, "a", rows: 3)
        try watching.wait(for: "queued/b", "rejected/a.csv")
        let reason = try watching.temporary.record("rejected/a.csv").view.reason
        #expect(
            reason?.refusal.detail == "Queue is full (maximum 3 jobs). Please try again later.")
        #expect(reason?.refusal.code == .queueFull)
        try drop(watching, "a", rows: 2)
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "queued/b", "rejected/a.csv~1")
    }

    /// It took the names of the older one's rows though it had none itself.
    @Test func `a refused batch moves no row of an older one`() throws {
        let watching = try Watching { $0.maxInflightJobs = 1 }
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/a-0001")
        try move(watching, "queued/a-0001", "done/a-0001", as: .completed)
        try watching.drop("b")
        try watching.wait(for: "queued/b", "done/a-0001")
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/b", "done/a-0001", "rejected/a.csv")
    }

    @Test func `the rows of two batches never exceed the maximum`() throws {
        let watching = try Watching(starts: false) { $0.maxInflightJobs = 3 }
        try drop(watching, "a", rows: 2)
        try drop(watching, "b", rows: 2)
        try watching.start()
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "rejected/b.csv")
        #expect(watching.watcher?.table.live.count == 2)
    }

    @Test func `a batch that waits for room is not overtaken by small drops`() throws {
        let watching = try Watching {
            $0.maxInflightJobs = 2
            $0.overflow = .hold
        }
        try watching.drop("b")
        try watching.wait(for: "queued/b")
        try drop(watching, "a", rows: 2)
        try watching.wait { try watching.view("a.csv")?.status == .throttled }
        #expect(try watching.view("a.csv")?.waitingFor == "a free place in the queue")
        try watching.drop("c")
        try watching.wait { try watching.view("c")?.status == .throttled }
        try watching.temporary.spool.root.rename("queued/b", to: "failed/b")
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "failed/b")
        try watching.temporary.spool.root.rename("queued/a-0001", to: "failed/a-0001")
        try watching.wait(for: "queued/a-0002", "queued/c", "failed/a-0001", "failed/b")
    }

    @Test func `each row counts for the rate limit`() throws {
        let watching = try Watching { $0.jobsPerMinuteLimit = 3 }
        try drop(watching, "a", rows: 2)
        try watching.wait(for: "queued/a-0001", "queued/a-0002")
        try drop(watching, "b", rows: 2)
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "rejected/b.csv")
        #expect(
            try watching.temporary.record("rejected/b.csv").view.reason?.refusal.code
                == .rateLimited)
        try drop(watching, "c", rows: 4)
        try watching.wait { try watching.temporary.exists("rejected/c.csv") }
        #expect(
            try watching.temporary.record("rejected/c.csv").view.error
                == "The batch has 4 rows; drops without a station may send 3 jobs a minute. Split it "
                + "into CSV files of at most 3 rows.")
        try watching.drop("d")
        try watching.wait { try watching.temporary.exists("queued/d") }
    }

    @Test func `a closed door is closed for batches`() throws {
        let watching = try Watching()
        try watching.temporary.spool.drain()
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "rejected/a.csv")
        #expect(
            try watching.temporary.record("rejected/a.csv").view.reason?.refusal.code == .serverBusy
        )
    }

    // MARK: Names

    @Test func `where one of its names is taken, all of its rows get another`() throws {
        let watching = try Watching()
        try watching.drop("a-0002")
        try watching.wait(for: "queued/a-0002")
        try drop(watching, "a", rows: 2)
        try watching.wait(for: "queued/a-0002", "queued/a~2-0001", "queued/a~2-0002")
        try watching.wait { try counts(watching, "a~2.csv") == "queued, 2 queued of 2" }
        #expect(try watching.view("a~2.csv")?.droppedAs == "a.csv")
    }

    @Test func `a batch whose rows live keeps its name, one whose rows have ended gives it away`()
        throws
    {
        let watching = try Watching()
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/a-0001")
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/a-0001", "queued/a~2-0001")
        try move(watching, "queued/a-0001", "done/a-0001", as: .completed)
        try watching.wait { try counts(watching) == "completed, 1 completed of 1" }
        try drop(watching, "a", rows: 2)
        try watching.wait(
            for: "queued/a-0001", "queued/a-0002", "queued/a~2-0001", "done/a-0001~1")
        try watching.wait { try counts(watching) == "queued, 2 queued of 2" }
    }

    @Test func `a station's batch has its name, and its rows are its jobs`() throws {
        let watching = try Watching(starts: false)
        let kiosk = try #require(StationName("kiosk"))
        _ = try Stations(watching.temporary.spool).add(kiosk)
        try watching.start()
        try drop(watching, "a", rows: 1, in: "incoming/kiosk")
        try watching.wait(for: "queued/kiosk.a-0001")
        #expect(try watching.temporary.record("queued/kiosk.a-0001").view.station == "kiosk")
        try watching.wait { try counts(watching, "kiosk.a.csv") == "queued, 1 queued of 1" }
        #expect(try watching.view("kiosk.a.csv")?.station == "kiosk")
        try watching.obeyed("a.csv.cancel")
        #expect(try watching.temporary.bundles() == ["queued/kiosk.a-0001"])
        try watching.obeyed("a.csv.cancel", in: "incoming/kiosk")
        try watching.wait(for: "failed/kiosk.a-0001")
    }

    @Test func `a name that leaves no room for the rows' numbers is answered`() throws {
        let watching = try Watching()
        let stem = String(repeating: "x", count: 106)
        try drop(watching, stem, rows: 1)
        try watching.wait { try watching.temporary.names("rejected").count == 1 }
        let name = try watching.temporary.names("rejected")[0]
        #expect(name.hasPrefix("drop-"))
        #expect(
            try watching.temporary.record("rejected" / Path(name)).view.error
                == "The name '\(stem).csv' has 106 bytes; at most 105 are allowed.")
    }

    // MARK: Orders

    @Test func `an order for a batch is one for each of its rows`() throws {
        let watching = try Watching()
        try drop(watching, "a", rows: 3)
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "queued/a-0003")
        try watching.obeyed("a.csv.hold")
        #expect(try watching.orders() == ["held/a-0001", "held/a-0002", "held/a-0003"])
        try watching.wait { try counts(watching) == "held, 3 held of 3" }
        try watching.obeyed("a.csv.release")
        #expect(try watching.orders() == [])
        try move(watching, "queued/a-0001", "done/a-0001", as: .completed)
        try watching.wait { try counts(watching) == "processing, 2 queued, 1 completed of 3" }
        try watching.obeyed("a.csv.cancel", in: .inlet)
        try watching.wait(for: "done/a-0001", "failed/a-0002", "failed/a-0003")
        try watching.wait { try counts(watching) == "completed, 1 completed, 2 cancelled of 3" }
        try watching.obeyed("a.csv.retry")
        try watching.wait(for: "queued/a-0002", "queued/a-0003", "done/a-0001")
        try watching.wait { try counts(watching) == "processing, 2 queued, 1 completed of 3" }
        #expect(try watching.temporary.record("queued/a-0003").view.batch == "a.csv")
    }

    @Test func `a batch that is ordered away before it comes in does not run`() throws {
        let watching = try Watching()
        try watching.temporary.rename(into: "incoming/a.csv", "image,instruction\nx.png,blur\n")
        try watching.wait { try watching.view("a.csv")?.status == .receiving }
        try watching.order("a.csv.cancel")
        try watching.temporary.rename(into: "incoming/x.png", Sample.png)
        try watching.wait(for: "failed/a-0001")
        #expect(try watching.temporary.record("failed/a-0001").view.status == .cancelled)
    }

    /// As for jobs: nobody may have looked in between.
    @Test func `an order for a batch that has ended does not hit the next one of its name`() throws
    {
        let watching = try Watching()
        try drop(watching, "a", rows: 1)
        try watching.wait(for: "queued/a-0001")
        try move(watching, "queued/a-0001", "done/a-0001", as: .completed)
        try watching.wait { try counts(watching) == "completed, 1 completed of 1" }
        try watching.kill()
        try watching.order("a.csv.cancel")
        let ordered = try watching.temporary.status("incoming/a.csv.cancel").changed
        let isLater = try eventually {
            try watching.temporary.rename(into: "incoming/a.png", Sample.png)
            return try watching.temporary.status("incoming/a.png").changed > ordered
        }
        try #require(isLater)
        try watching.temporary.rename(into: "incoming/a.csv", "image,instruction\na.png,blur\n")
        try watching.start()
        try watching.wait(for: "queued/a-0001", "done/a-0001~1")
        try watching.wait { try !watching.temporary.exists("incoming/a.csv.cancel") }
        #expect(try watching.orders() == [])
        try watching.pass()
        #expect(try watching.temporary.bundles() == ["queued/a-0001", "done/a-0001~1"])
    }

    // MARK: Crashes

    /// What a crash leaves of a batch of two rows before its files are taken.
    private func stage(_ watching: Watching) throws {
        try drop(watching, "a", rows: 2)
        var batch = try watching.temporary.drop(
            "a.csv",
            [
                ("incoming/a.csv", "batch.csv", .list), ("incoming/a.png", "a.png", .image),
            ])
        batch.rows = try ["a-0001", "a-0002"].map { try JobID($0) }
        try watching.temporary.makeDirectory(".spool/staging/a.csv")
        try watching.temporary.write(".spool/staging/a.csv/lease", "")
        try watching.temporary.write(
            ".spool/staging/a.csv/.members", JSONText.encode(Membership(batch)))
    }

    @Test func `a batch that was cut off goes on at the next start, within the maximum`() throws {
        let watching = try Watching(starts: false) { $0.maxInflightJobs = 3 }
        try stage(watching)
        try drop(watching, "b", rows: 2)
        try watching.start()
        try watching.wait(for: "queued/a-0001", "queued/a-0002", "rejected/b.csv")
        #expect(watching.watcher?.table.live.map(\.text).sorted() == ["a-0001", "a-0002"])
        #expect(watching.watcher?.table.jobs.count == 3)
    }

    @Test func `the slots of a batch that is refused after all are free`() throws {
        let watching = try Watching(starts: false) { $0.maxInflightJobs = 2 }
        try stage(watching)
        try watching.temporary.spool.root.remove("incoming/a.png")
        try watching.start()
        try watching.wait(for: "rejected/a.csv")
        #expect(watching.watcher?.table.live == [])
        try drop(watching, "b", rows: 2)
        try watching.wait(for: "queued/b-0001", "queued/b-0002", "rejected/a.csv")
    }

    @Test func `the slots of a batch that was thrown away are free`() throws {
        let watching = try Watching(starts: false) { $0.maxInflightJobs = 2 }
        try stage(watching)
        // Without the intention nothing was taken: it is judged and taken again.
        try watching.temporary.spool.root.remove(".spool/staging/a.csv/.members")
        try watching.start()
        try watching.wait(for: "queued/a-0001", "queued/a-0002")
        #expect(watching.watcher?.table.live.count == 2)
    }
}
