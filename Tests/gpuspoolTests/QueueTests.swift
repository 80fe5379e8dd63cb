import Linux
import SpoolFormat
import Testing

/// How many come in, who is told to come back, and in which order the others are done.
@Suite(.serialized, .evidence) struct QueueTests {
    static let full = "Queue is full (maximum 10 jobs). Please try again later."

    /// Names against the order of arrival, mtimes of the files against it, too.
    static let stems = (0..<14).map { "shot-\(99 - $0)" }

    @Test(arguments: [true, false])
    func `of 14 drops at once 10 are queued and done in order and 4 are refused`(
        watcherIsThere: Bool
    ) throws {
        try TestSpool.use { spool in
            if watcherIsThere { try startWatch(spool) }
            try dropAll(Self.stems, into: spool)
            if !watcherIsThere { try startWatch(spool) }
            for stem in Self.stems.suffix(4) { try expectRefusal(of: stem, in: spool) }
            #expect(try spool.names("rejected").count == 4)
            let queued = try spool.namesByAge("queued")
            #expect(queued == Self.stems.prefix(10).map { Path($0) })
            for (index, stem) in Self.stems.prefix(10).enumerated() {
                let view = try spool.view(of: stem, is: "queued")
                #expect(view["position"]?.integer == Int64(index) + 1)
            }
            #expect(try spool.names("incoming").isEmpty)
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            for stem in Self.stems.prefix(10) { _ = try spool.view(of: stem, is: "completed") }
            #expect(try pipeline.jobs().map(\.id) == Array(Self.stems.prefix(10)))
            let starts = try Self.stems.prefix(10).map {
                try spool.json("done" / Path($0) / "status.json")?["started_at"]?.text
            }
            #expect(starts.compactMap { $0 } == starts.compactMap { $0 }.sorted())
            #expect(Set(starts).count == 10)
            let queue = try spool.wait(for: "the totals") {
                try spool.json("queue.json").flatMap {
                    $0["completed_count"] == .int(10) ? $0 : nil
                }
            }
            #expect(queue["queue_size"] == .int(0))
            #expect(queue["rejected_count"] == .int(4))
            #expect(queue["total_jobs"] == .int(14))
        }
    }

    private func startWatch(_ spool: TestSpool) throws {
        _ = try spool.start("watch")
        _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
    }

    /// By `mv`, so that all are ready at once; one after the other by the kernel's clock.
    private func dropAll(_ stems: [String], into spool: TestSpool) throws {
        try Directory(spool.folder).makeDirectory("ready", mode: 0o755)
        for stem in stems {
            try spool.drop(stem, box: "../ready")
        }
        let files = try Directory(spool.folder / "ready")
        try spool.shell(
            "year=2030; for f in ../ready/*.json; do touch -d $year-06-01 ${f%.json}.*; "
                + "year=$((year - 1)); test $year -ge 2020 || year=2030; done")
        let incoming = try Directory(spool.path / "incoming")
        for stem in stems {
            try files.rename(Path(stem + ".png"), to: incoming, Path(stem + ".png"))
            try files.rename(Path(stem + ".json"), to: incoming, Path(stem + ".json"))
            try waitForTick(in: spool)
        }
    }

    /// The kernel's clock for ctimes goes in steps of some milliseconds.
    private func waitForTick(in spool: TestSpool) throws {
        func now() throws -> Int64? {
            try Disk.write(spool.folder / "clock", [])
            return try Disk.status(spool.folder / "clock")?.changed
        }
        let before = try now()
        _ = try spool.wait(for: "a tick") { try now() == before ? nil : true }
    }

    private func expectRefusal(of stem: String, in spool: TestSpool) throws {
        let view = try spool.view(of: stem, is: "rejected")
        let reason = try #require(try spool.json("rejected" / Path(stem) / "reason.json"))
        for json in [view, reason] {
            #expect(json["code"]?.text == "queue_full")
            #expect(json["http_status"]?.integer == 429)
            #expect(json["detail"]?.text == Self.full)
            #expect(json["retry_after_seconds"]?.integer == 300)
            #expect(json["retry_at"]?.text != nil)
            #expect(
                json["message"]?.text == "Your request can't be processed right now. "
                    + "Please try again in about 5 minutes.")
        }
        #expect(
            reason.fields == [
                "job_id", "status", "code", "http_status", "detail", "message",
                "retry_after_seconds", "retry_at", "rejected_at", "station", "dropped_as",
                "sha256",
            ])
        #expect(reason["status"]?.text == "rejected")
        #expect(reason["dropped_as"]?.text == stem)
    }

    /// A limit on what waits alone names its own figure.
    @Test func `MAX_PENDING_JOBS limits what is queued`() throws {
        try TestSpool.use("MAX_PENDING_JOBS=1") { spool in
            _ = try spool.start("watch")
            try spool.drop("one")
            _ = try spool.view(of: "one", is: "queued")
            try spool.drop("two")
            let view = try spool.view(of: "two", is: "rejected")
            #expect(
                view["detail"]?.text == "Queue is full (maximum 1 jobs). Please try again later.")
        }
    }

    @Test func `with OVERFLOW=hold the drop waits as throttled and comes in later`() throws {
        try TestSpool.use("OVERFLOW=hold", "MAX_INFLIGHT_JOBS=1") { spool in
            _ = try spool.start("watch")
            try spool.drop("one")
            _ = try spool.view(of: "one", is: "queued")
            try spool.drop("two")
            let view = try spool.view(of: "two", is: "throttled")
            #expect(view["waiting_for"]?.text == "a free place in the queue")
            #expect(try spool.status("incoming/two.json") != nil)
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            _ = try spool.view(of: "two", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["one", "two"])
        }
    }

    /// A setting that closes the door, and the answer.
    static let closed: [(setting: String, code: String, status: Int64, detail: String)] = [
        (
            "MIN_FREE_BYTES=9000000000000000000", "server_busy", 503,
            "Server is busy. Try again in ~5 minutes."
        ),
        (
            "REQUIRE_MODEL=1", "no_model_loaded", 400,
            "No model loaded. Please call /api/v1/load-model first to load a model."
        ),
    ]

    @Test(arguments: closed)
    func `a closed door says why`(
        setting: String, code: String, status: Int64, detail: String
    ) throws {
        try TestSpool.use(setting) { spool in
            _ = try spool.start("watch")
            try spool.drop("a")
            let view = try spool.view(of: "a", is: "rejected")
            #expect(view["code"]?.text == code)
            #expect(view["http_status"]?.integer == status)
            #expect(view["detail"]?.text == detail)
            #expect((view["retry_after_seconds"] == .null) == (status == 400))
        }
    }

    @Test func `a job that is not due yet holds up nobody and is done in time`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("run", "--set", pipeline.setting)
            let due = Timestamp(nanoseconds: WallClock.nanoseconds).advanced(by: .seconds(2))
            let request = "{\"instruction\": \"blur\", \"not_before\": \"\(due.rfc3339)\"}"
            try spool.put("incoming/late.json", request)
            try spool.shell("cp $PHOTOS/cat.png incoming/late.png")
            _ = try spool.view(of: "late", is: "queued")
            try spool.drop("next")
            let next = try spool.view(of: "next", is: "completed")
            let late = try spool.view(of: "late", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["next", "late"])
            let ended = try #require(next["completed_at"]?.text)
            #expect(ended < due.rfc3339, "the next job waited")
            #expect(try #require(late["started_at"]?.text) >= due.rfc3339, "started early")
        }
    }

    @Test func `a model that was offered once is waited for and another is refused`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            let both = try FakePipeline(
                in: spool, name: "both",
                "def load(order): say(event='ready', model='fake', models=['fake', 'big'])")
            let first = try spool.start("work", "--name", "both", "--set", both.setting)
            try drop("a", model: "big", into: spool)
            _ = try spool.view(of: "a", is: "completed")
            #expect(try first.stop() == .status(0))
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            try drop("b", model: "big", into: spool)
            let view = try spool.view(of: "b", is: "queued")
            #expect(view["waiting_for"]?.text == "a worker that offers the model 'big'")
            try spool.drop("c")
            _ = try spool.view(of: "c", is: "completed")
            #expect(try spool.names("queued") == ["b"])
            try drop("d", model: "huge", into: spool)
            let refused = try spool.view(of: "d", is: "rejected")
            #expect(refused["code"]?.text == "invalid_request")
            #expect(
                refused["detail"]?.text?.contains("'model' is \"huge\"; this server offers") == true
            )
        }
    }

    private func drop(_ stem: String, model: String, into spool: TestSpool) throws {
        let request = "{\"instruction\": \"blur\", \"model\": \"\(model)\"}"
        try spool.put("incoming" / Path(stem + ".json"), request)
        try spool.shell("cp $PHOTOS/cat.png incoming/\(stem).png")
    }

    @Test func `two workers share the jobs, each job once, begun in order`() throws {
        try TestSpool.use { spool in
            try startWatch(spool)
            let stems = Array(Self.stems.prefix(10))
            try dropAll(stems, into: spool)
            _ = try spool.view(of: stems[9], is: "queued")
            let slow = "def edit(order):\n    time.sleep(0.05)\n    good(order)"
            let pipeline = try FakePipeline(in: spool, slow)
            let first = try spool.start("work", "--set", pipeline.setting)
            let second = try spool.start("work", "--set", pipeline.setting)
            for stem in stems { _ = try spool.view(of: stem, is: "completed") }
            let jobs = try pipeline.jobs()
            #expect(jobs.count == 10)
            #expect(Set(jobs.map(\.id)) == Set(stems))
            #expect(Set(jobs.map(\.pid)).count == 2, "one worker did everything")
            // Between two workers the clock cannot tell who was first; each for itself takes them
            // in order.
            for pid in Set(jobs.map(\.pid)) {
                let own = jobs.filter { $0.pid == pid }.map(\.id)
                #expect(own == stems.filter { own.contains($0) }, "begun in another order")
            }
            let queue = try spool.wait(for: "both workers to rest") {
                try spool.json("queue.json").flatMap {
                    $0["completed_count"] == .int(10) ? $0 : nil
                }
            }
            let names = queue["workers"]?.elements.compactMap { $0["name"]?.text }.sorted()
            #expect(names == ["worker-1", "worker-2"])
            #expect(try first.stop() == .status(0))
            #expect(try second.stop() == .status(0))
        }
    }

    /// Closing a lock raises no event: the worker looks again by itself (R7), and meanwhile it
    /// does what it can.
    @Test func `an idle worker takes a new job while another's lease is held`() throws {
        try TestSpool.use { spool in
            try startWatch(spool)
            try spool.drop("held")
            _ = try spool.view(of: "held", is: "queued")
            let pipeline = try FakePipeline(in: spool)
            try passing(over: "queued/held", in: spool) {
                _ = try spool.start("work", "--set", pipeline.setting)
                try spool.waitForWorker()
                try spool.drop("new")
                _ = try spool.view(of: "new", is: "completed")
                #expect(try spool.names("queued") == ["held"])
            }
            _ = try spool.view(of: "held", is: "completed")
            #expect(try pipeline.jobs().map(\.id) == ["new", "held"])
        }
    }

    private func passing(over bundle: Path, in spool: TestSpool, _ body: () throws -> Void) throws {
        let lease = try Directory(spool.path / bundle).open("lease")
        try #require(try lease.tryLock())
        try body()
        // Until here it is held.
        _ = try lease.status()
    }
}
