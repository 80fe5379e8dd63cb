import Testing

@testable import SpoolFormat

private func text(_ value: some Encodable) -> String {
    String(decoding: JSONText.encode(value), as: UTF8.self)
}

/// A view in which no field has its default.
func fullView() throws -> JobView {
    var view = JobView(id: try JobID("Kiosk 1.IMG~2".utf8), status: .rejected)
    view.position = 3
    view.createdAt = Timestamp(nanoseconds: 1_705_314_685_123_000_000)
    view.startedAt = Timestamp(nanoseconds: 1_705_314_686_000_000_000)
    view.completedAt = Timestamp(nanoseconds: 1_705_314_687_000_000_000)
    view.resultPath = "a.png"
    view.resultSeed = .max
    view.error = "out of memory"
    view.instruction = "Make it \"blue\" / é"
    view.model = "qwen-4step"
    view.station = "Kiosk 1"
    view.attempts = 2
    view.progress = 0.5
    view.estimatedWaitSeconds = 90
    view.waitingFor = "a worker"
    view.notBefore = Timestamp(nanoseconds: 1_705_314_688_000_000_000)
    view.isDeadLetter = true
    view.droppedAs = "IMG.jpg"
    view.sha256 = "e3b0"
    view.metadata = .object(["order": .int(7)])
    view.updatedAt = Timestamp(nanoseconds: 1_705_314_689_000_000_000)
    view.reason = Reason(
        .queueFull(maximum: 10), retryAfterSeconds: 60,
        at: Timestamp(nanoseconds: 1_705_314_685_000_000_000))
    return view
}

@Suite struct JobViewTests {
    static let fullText = """
        {
          "attempts" : 2,
          "code" : "queue_full",
          "completed_at" : "2024-01-15T10:31:27.000Z",
          "created_at" : "2024-01-15T10:31:25.123Z",
          "dead_letter" : true,
          "detail" : "Queue is full (maximum 10 jobs). Please try again later.",
          "dropped_as" : "IMG.jpg",
          "error" : "out of memory",
          "estimated_wait_seconds" : 90,
          "http_status" : 429,
          "instruction" : "Make it \\"blue\\" / é",
          "job_id" : "Kiosk 1.IMG~2",
          "message" : "Your request can't be processed right now. Please try again in about 1 \
        minute.",
          "metadata" : {
            "order" : 7
          },
          "model" : "qwen-4step",
          "not_before" : "2024-01-15T10:31:28.000Z",
          "position" : 3,
          "progress" : 0.5,
          "rejected_at" : "2024-01-15T10:31:25.000Z",
          "result_path" : "a.png",
          "result_seed" : 9223372036854775807,
          "retry_after_seconds" : 60,
          "retry_at" : "2024-01-15T10:32:25.000Z",
          "sha256" : "e3b0",
          "started_at" : "2024-01-15T10:31:26.000Z",
          "station" : "Kiosk 1",
          "status" : "rejected",
          "updated_at" : "2024-01-15T10:31:29.000Z",
          "waiting_for" : "a worker"
        }

        """

    @Test func `a view holds all that is known of a job`() throws {
        #expect(text(try fullView()) == Self.fullText)
    }

    @Test func `a row names its batch, and a batch counts its rows`() throws {
        var row = JobView(id: try JobID("a-0001".utf8), status: .queued)
        row.batch = "a.csv"
        #expect(text(row).contains(#"  "batch" : "a.csv","#))
        var batch = JobView(id: try JobID("a.csv".utf8), status: .processing)
        batch.rows = BatchRows(
            total: 3,
            jobs: [
                (try JobID("a-0002".utf8), .failed), (try JobID("a-0001".utf8), .completed),
            ])
        let rows = """
              "rows" : {
                "cancelled" : 0,
                "completed" : 1,
                "failed" : 1,
                "held" : 0,
                "jobs" : [
                  {
                    "job_id" : "a-0001",
                    "status" : "completed"
                  },
                  {
                    "job_id" : "a-0002",
                    "status" : "failed"
                  }
                ],
                "processing" : 0,
                "queued" : 0,
                "removed" : 1,
                "total" : 3
              },
            """
        #expect(text(batch).contains(rows))
        for view in [row, batch] {
            #expect(JSONText.decode(JobView.self, from: JSONText.encode(view)) == view)
        }
    }

    private static let wholes: [([JobStatus], JobStatus)] = [
        ([.queued, .queued], .queued), ([.queued, .completed], .processing),
        ([.queued, .processing], .processing), ([.held, .held], .held),
        ([.held, .queued], .queued),
        ([.completed, .completed], .completed), ([.completed, .failed], .failed),
        ([.completed, .cancelled], .completed), ([.cancelled, .cancelled], .cancelled),
        ([.failed, .queued], .processing),
    ]

    @Test(arguments: wholes)
    func `a batch has one status, as if it were one job`(_ rows: [JobStatus], _ whole: JobStatus)
        throws
    {
        let jobs = try rows.enumerated().map { (try JobID("a-\($0.offset)".utf8), $0.element) }
        #expect(BatchRows(total: rows.count, jobs: jobs).status == whole)
    }

    @Test func `what is unknown is null, and only a refusal's own fields are absent`() throws {
        let expected = """
            {
              "attempts" : 0,
              "completed_at" : null,
              "created_at" : null,
              "dead_letter" : false,
              "dropped_as" : null,
              "error" : null,
              "estimated_wait_seconds" : null,
              "instruction" : null,
              "job_id" : "a",
              "metadata" : null,
              "model" : null,
              "not_before" : null,
              "position" : null,
              "progress" : null,
              "result_path" : null,
              "result_seed" : null,
              "sha256" : null,
              "started_at" : null,
              "station" : null,
              "status" : "receiving",
              "updated_at" : null,
              "waiting_for" : null
            }

            """
        #expect(text(JobView(id: try JobID("a".utf8), status: .receiving)) == expected)
    }

    @Test func `a view is read as it was written`() throws {
        let full = try fullView()
        #expect(JSONText.decode(JobView.self, from: JSONText.encode(full)) == full)
        for status: JobStatus in [.queued, .processing, .completed, .failed, .throttled, .held] {
            let bare = JobView(id: try JobID("a".utf8), status: status)
            #expect(JSONText.decode(JobView.self, from: JSONText.line(bare)) == bare)
        }
    }

    @Test func `what a newer program added is left out, and what it left out is unknown`() throws {
        let newer = #"{"job_id":"a","status":"cancelled","stars":[1,{"x":null}],"priority":"high"}"#
        let expected = JobView(id: try JobID("a".utf8), status: .cancelled)
        #expect(JSONText.decode(JobView.self, from: Array(newer.utf8)) == expected)
    }

    @Test(
        arguments: [
            "", "{", "[]", "null", "{}", #"{"job_id":"a"}"#, #"{"status":"queued"}"#,
            #"{"job_id":"a","status":"sleeping"}"#, #"{"job_id":"../a","status":"queued"}"#,
            #"{"job_id":"a","status":"queued","position":"3"}"#,
            #"{"job_id":"a","status":"queued","created_at":"yesterday"}"#,
            #"{"job_id":"a","status":"rejected","code":"queue_full"}"#,
            #"{"job_id":"a","status":"queued","result_seed":1e30}"#,
        ])
    func `a damaged view is none`(damaged: String) {
        #expect(JSONText.decode(JobView.self, from: Array(damaged.utf8)) == nil)
    }

    @Test func `a file that was cut, or whose bytes changed, never crashes`() throws {
        let bytes = JSONText.encode(try fullView())
        for count in 0..<bytes.count - 1 {
            #expect(JSONText.decode(JobView.self, from: Array(bytes.prefix(count))) == nil)
        }
        #expect(JSONText.decode(JobView.self, from: bytes.map { $0 | 0x80 }) == nil)
        #expect(JSONText.decode(JobView.self, from: Array(repeating: 0, count: 600)) == nil)
    }
}

@Suite struct JobRecordTests {
    @Test func `a record is its job's view and what the service goes on with`() throws {
        var record = JobRecord(
            view: try fullView(), image: "IMG.jpg", orderNanoseconds: 1_705_314_685_123_456_789,
            dueNanoseconds: 1_705_314_695_123_456_789)
        record.seed = 42
        record.systemPrompt = "Be careful."
        record.claims = 3
        record.retries = 2
        record.pipelineKills = 1
        let own = [
            #""claims" : 3"#, #""due_ns" : 1705314695123456789"#, #""image" : "IMG.jpg""#,
            #""order_ns" : 1705314685123456789"#, #""pipeline_kills" : 1"#, #""retries" : 2"#,
            #""seed" : 42"#, #""system_prompt" : "Be careful.""#,
        ]
        let fields = Set(own).union(lines(JobViewTests.fullText))
        #expect(lines(text(record)) == fields)
        #expect(JSONText.decode(JobRecord.self, from: JSONText.encode(record)) == record)
    }

    private func lines(_ text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").map { line in
                let bare = line.drop { $0 == " " }
                return String(bare.last == "," ? bare.dropLast() : bare)
            })
    }

    @Test func `a new record was never claimed`() throws {
        let view = JobView(id: try JobID("a".utf8), status: .queued)
        let record = JobRecord(view: view, image: nil, orderNanoseconds: 5)
        #expect(record.claims == 0)
        #expect(record.retries == 0)
        #expect(record.pipelineKills == 0)
        #expect(record.dueNanoseconds == 0)
        #expect(record.stamp == 5)
        let nulls = [#""image" : null"#, #""seed" : null"#, #""system_prompt" : null"#]
        #expect(lines(text(record)).isSuperset(of: nulls))
        #expect(JSONText.decode(JobRecord.self, from: JSONText.encode(record)) == record)
    }

    @Test func `a record of before there were retries has none`() throws {
        let older = #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"claims":4}"#
        let record = try #require(JSONText.decode(JobRecord.self, from: Array(older.utf8)))
        #expect([record.claims, record.retries, record.pipelineKills] == [4, 0, 0])
    }

    @Test func `the place in the queue is the later of order and due time`() throws {
        let view = JobView(id: try JobID("a".utf8), status: .queued)
        let late = JobRecord(view: view, image: nil, orderNanoseconds: 5, dueNanoseconds: 9)
        #expect(late.stamp == 9)
        let early = JobRecord(view: view, image: nil, orderNanoseconds: 5, dueNanoseconds: 3)
        #expect(early.stamp == 5)
    }

    @Test(
        arguments: [
            #"{"job_id":"a","status":"queued"}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0}"#,
            #"{"order_ns":1,"due_ns":0,"claims":0}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"claims":"0"}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"claims":-1}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"#
                + #""claims":9223372036854775807}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"claims":0,"retries":-1}"#,
            #"{"job_id":"a","status":"queued","order_ns":1,"due_ns":0,"claims":0,"#
                + #""pipeline_kills":9223372036854775807}"#,
        ])
    func `a damaged record is none`(damaged: String) {
        #expect(JSONText.decode(JobRecord.self, from: Array(damaged.utf8)) == nil)
    }
}
