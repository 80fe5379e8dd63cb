internal import Linux
internal import Spool
internal import SpoolFormat

/// A worker's name, held by a lock while it lives, and its card in `.spool/workers/`, by which
/// state and progress cross processes.
final class WorkerPost {
    private let spool: Spool
    private let lock: File
    private(set) var card: WorkerCard
    private var written: WorkerCard?
    private var timer: Timer?
    private var nextReport = Moment.now
    /// Called when the card may say something new.
    var changed: () -> Void = {}

    /// Progress is not written more often than this: the watcher rewrites a view each time.
    private static let reportInterval = Duration.milliseconds(200)

    /// Takes the name, or the first free one.
    init(_ spool: Spool, name: String?, on loop: EventLoop) throws(SystemError) {
        self.spool = spool
        let start = ProcessWatch.startTime(of: Host.pid) ?? 0
        var number = 1
        while true {
            let candidate = name ?? "worker-\(number)"
            let file = try spool.root.openOrCreate(.lock(ofWorker: candidate), mode: 0o600)
            if try file.tryLock() {
                lock = file
                card = WorkerCard(
                    name: candidate, pid: Host.pid, processStart: start, host: Host.name, at: .now)
                let former = try spool.read(.card(ofWorker: candidate))
                    .flatMap { JSONText.decode(WorkerCard.self, from: $0) }
                card.modelsOffered = former?.modelsOffered ?? []
                break
            }
            guard name == nil else { throw SystemError.isTaken(.lock(ofWorker: candidate)) }
            number += 1
        }
        timer = try Timer(loop) { [unowned self] in write() }
    }

    /// Changes the card; written if it says something new.
    func update(_ change: (inout WorkerCard) -> Void) {
        change(&card)
        write()
        changed()
    }

    /// Tells progress, now or soon.
    func report(step: Int, of steps: Int) {
        card.progress = Double(step) / Double(steps)
        card.step = step
        card.steps = steps
        changed()
        if nextReport <= .now { write() } else { timer?.set(nextReport) }
    }

    /// Says that the worker has ended.
    func leave() { update { $0.leave() } }

    private func write() {
        guard card != written else { return }
        var dated = card
        dated.updatedAt = .now
        nextReport = .now + WorkerPost.reportInterval
        timer?.set(nil)
        do throws(SystemError) {
            try spool.write(view: .card(ofWorker: card.name), JSONText.encode(dated))
            written = card
        } catch { spool.log.write(error, while: "Writing the card of \(card.name)") }
    }
}

extension WorkerCard {
    /// It has no job.
    mutating func rest() {
        state = .idle
        error = nil
        jobID = nil
        claim = nil
        startedAt = nil
        forgetProgress()
    }

    /// It begins a job.
    mutating func begin(_ job: JobView, claim: Int) {
        state = .busy
        error = nil
        jobID = job.id
        self.claim = claim
        startedAt = job.startedAt
        forgetProgress()
        progress = 0
    }

    private mutating func forgetProgress() {
        progress = nil
        step = nil
        steps = nil
    }

    /// Jobs have ended, and the disk does not let it say so.
    mutating func block(_ error: String) {
        rest()
        state = .blocked
        self.error = error
    }

    /// It has ended.
    mutating func leave() {
        rest()
        state = .stopped
    }
}
