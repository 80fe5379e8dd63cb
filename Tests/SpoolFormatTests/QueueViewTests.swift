import Testing

@testable import SpoolFormat

@Suite struct QueueViewTests {
    private static let now = Timestamp(nanoseconds: 1_705_314_685_123_000_000)

    private func card() throws -> WorkerCard {
        var card = WorkerCard(
            name: "gpu-0", pid: 123, processStart: 456_789, host: "box", at: Self.now)
        card.state = .busy
        card.model = "qwen-4step"
        card.models = ["qwen-4step", "qwen-8step"]
        card.jobID = try JobID("b".utf8)
        card.claim = 2
        card.startedAt = Self.now
        card.progress = 0.25
        card.jobsDone = 7
        return card
    }

    private func full() throws -> QueueView {
        var queue = QueueView(updatedAt: Self.now)
        queue.queueSize = 1
        queue.maximumQueueSize = 2
        queue.queuedCount = 3
        queue.processingCount = 4
        queue.completedCount = 5
        queue.failedCount = 6
        queue.rejectedCount = 7
        queue.currentJobID = try JobID("b".utf8)
        queue.totalJobs = 8
        queue.oldestJobCreatedAt = Self.now
        queue.retriesTotal = 9
        queue.isPaused = true
        queue.isDraining = true
        let idle = WorkerCard(name: "gpu-1", pid: 1, processStart: 1, host: "box", at: Self.now)
        queue.workers = [QueueView.Worker(try card()), QueueView.Worker(idle)]
        var waiting = JobView(id: try JobID("c".utf8), status: .queued)
        waiting.position = 1
        waiting.createdAt = Self.now
        waiting.instruction = "a secret"
        let done = JobView(id: try JobID("d".utf8), status: .completed)
        queue.jobs = [QueueView.Job(waiting), QueueView.Job(done)]
        return queue
    }

    @Test func `the queue's view is the former API's, with workers and jobs`() throws {
        let expected = """
            {
              "completed_count" : 5,
              "current_job_id" : "b",
              "draining" : true,
              "failed_count" : 6,
              "jobs" : [
                {
                  "created_at" : "2024-01-15T10:31:25.123Z",
                  "job_id" : "c",
                  "position" : 1,
                  "status" : "queued"
                },
                {
                  "created_at" : null,
                  "job_id" : "d",
                  "position" : null,
                  "status" : "completed"
                }
              ],
              "max_queue_size" : 2,
              "oldest_job_created_at" : "2024-01-15T10:31:25.123Z",
              "paused" : true,
              "processing_count" : 4,
              "queue_size" : 1,
              "queued_count" : 3,
              "rejected_count" : 7,
              "retries_total" : 9,
              "total_jobs" : 8,
              "updated_at" : "2024-01-15T10:31:25.123Z",
              "workers" : [
                {
                  "job_id" : "b",
                  "model" : "qwen-4step",
                  "name" : "gpu-0",
                  "state" : "busy"
                },
                {
                  "job_id" : null,
                  "model" : null,
                  "name" : "gpu-1",
                  "state" : "starting"
                }
              ]
            }

            """
        #expect(String(decoding: JSONText.encode(try full()), as: UTF8.self) == expected)
    }

    @Test func `an empty queue says so`() {
        let expected =
            #"{"completed_count":0,"current_job_id":null,"draining":false,"failed_count":0,"#
            + #""jobs":[],"max_queue_size":0,"oldest_job_created_at":null,"paused":false,"#
            + #""processing_count":0,"queue_size":0,"queued_count":0,"rejected_count":0,"#
            + #""retries_total":0,"total_jobs":0,"updated_at":"2024-01-15T10:31:25.123Z","#
            + #""workers":[]}"# + "\n"
        let line = JSONText.line(QueueView(updatedAt: Self.now))
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }

    @Test func `a queue's view is read as it was written`() throws {
        let queue = try full()
        #expect(JSONText.decode(QueueView.self, from: JSONText.encode(queue)) == queue)
        let empty = QueueView(updatedAt: Self.now)
        #expect(JSONText.decode(QueueView.self, from: JSONText.encode(empty)) == empty)
        let text = String(decoding: JSONText.line(empty), as: UTF8.self)
        let newer = text.replacing("{\"completed", with: "{\"stars\":[1],\"completed")
        #expect(JSONText.decode(QueueView.self, from: Array(newer.utf8)) == empty)
        for count in 0..<text.utf8.count - 1 {
            #expect(JSONText.decode(QueueView.self, from: Array(text.utf8.prefix(count))) == nil)
        }
    }
}

@Suite struct WorkerCardTests {
    private static let now = Timestamp(nanoseconds: 1_705_314_685_123_000_000)

    @Test func `a worker's card is read as it was written`() throws {
        var card = WorkerCard(
            name: "gpu-0", pid: 123, processStart: .max, host: "box", at: Self.now)
        #expect(JSONText.decode(WorkerCard.self, from: JSONText.encode(card)) == card)
        card.state = .broken
        card.error = "no CUDA"
        card.model = "qwen-4step"
        card.models = ["qwen-4step"]
        card.modelsOffered = ["rules"]
        card.jobID = try JobID("b".utf8)
        card.claim = 2
        card.startedAt = Self.now
        card.progress = 0.25
        card.jobsDone = 7
        let expected =
            #"{"claim":2,"error":"no CUDA","host":"box","job_id":"b","jobs_done":7,"#
            + #""model":"qwen-4step","models":["qwen-4step"],"models_offered":["rules"],"#
            + #""name":"gpu-0","pid":123,"#
            + #""process_start":18446744073709551615,"progress":0.25,"#
            + #""started_at":"2024-01-15T10:31:25.123Z","state":"broken","#
            + #""updated_at":"2024-01-15T10:31:25.123Z"}"# + "\n"
        #expect(String(decoding: JSONText.line(card), as: UTF8.self) == expected)
        #expect(JSONText.decode(WorkerCard.self, from: JSONText.encode(card)) == card)
        let newer = expected.replacing("{\"claim", with: "{\"stars\":1,\"claim")
        #expect(JSONText.decode(WorkerCard.self, from: Array(newer.utf8)) == card)
    }

    @Test(
        arguments: [
            (#""pid":1"#, #""pid":1e20"#), (#""pid":1"#, #""pid":"1""#),
            (#""state":"starting""#, #""state":"asleep""#), (#""name":"g","#, ""),
            ("2024-01-15T10:31:25.123Z", "today"), (#""process_start":1"#, #""process_start":-1"#),
            ("}", ""), ("{", "[{"),
        ])
    func `a damaged card is none`(part: String, damaged: String) {
        let card = WorkerCard(name: "g", pid: 1, processStart: 1, host: "b", at: Self.now)
        let text = String(decoding: JSONText.line(card), as: UTF8.self)
        let changed = text.replacing(part, with: damaged)
        #expect(changed != text)
        #expect(JSONText.decode(WorkerCard.self, from: Array(text.utf8)) == card)
        #expect(JSONText.decode(WorkerCard.self, from: Array(changed.utf8)) == nil)
    }
}
