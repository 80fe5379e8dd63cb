import SpoolFormat
import Testing

@Suite struct QueueSummaryTests {
    private func view(queued: Int, _ workers: [(WorkerCard.State, String?)]) throws -> QueueView {
        var view = QueueView(updatedAt: Timestamp(nanoseconds: 0))
        view.queuedCount = queued
        view.processingCount = workers.count { $0.0 == .busy }
        view.queueSize = queued + view.processingCount
        view.workers = try workers.enumerated().map { index, worker in
            var card = WorkerCard(
                name: "gpu-\(index)", pid: 1, processStart: 1, host: "h",
                at: Timestamp(nanoseconds: 0))
            card.state = worker.0
            card.jobID = try worker.1.map { try JobID(Array($0.utf8)) }
            return QueueView.Worker(card)
        }
        return view
    }

    private func step(_ worker: QueueView.Worker) -> String {
        worker.name == "gpu-0" ? " step 2/4" : ""
    }

    @Test func `the queue in words`() throws {
        let busy = try view(queued: 3, [(.busy, "IMG_0007")])
        #expect(busy.summary(step: step) == "3 queued, 1 running: IMG_0007 step 2/4")
        #expect(try view(queued: 0, [(.idle, nil)]).summary(step: step) == "Idle")
        #expect(try view(queued: 2, [(.idle, nil)]).summary(step: step) == "2 queued, 0 running")
        #expect(try view(queued: 2, []).summary(step: step) == "2 queued, 0 running; no worker")
    }

    @Test func `some of many, and no name that not everybody may know`() throws {
        let five = try view(queued: 0, [(.busy, "a")] + ["b", "c", "d", "e"].map { (.busy, $0) })
        #expect(
            five.summary(step: step) == "0 queued, 5 running: a step 2/4, b, c, 2 more")
        let secret = try view(queued: 0, [(.busy, nil)])
        #expect(secret.summary(step: step) == "0 queued, 1 running: a private job step 2/4")
    }

    @Test func `what keeps jobs from running is said`() throws {
        var stuck = try view(queued: 1, [(.starting, nil), (.broken, nil), (.idle, nil)])
        stuck.isPaused = true
        stuck.isDraining = true
        #expect(
            stuck.summary(step: step)
                == "1 queued, 0 running; paused, the door is closed, gpu-0 is starting, "
                + "gpu-1 is broken")
    }

    @Test func `a card says how far its job is`() {
        var card = WorkerCard(
            name: "a", pid: 1, processStart: 1, host: "h", at: Timestamp(nanoseconds: 0))
        #expect(card.stepWords == "")
        card.step = 2
        card.steps = 4
        #expect(card.stepWords == " step 2/4")
    }
}
