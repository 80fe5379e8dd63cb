// The work loop: one worker, one pipeline, one job at a time.
//
// Guarantee: a job it claimed ends in `done/` or `failed/`, goes back to the queue, or is left in
// `running/` with a free lease for recovery. The pipeline is told of a job right after the claim's
// rename; the claim is made durable meanwhile (R2). When a job's output is there, the next job is
// claimed and sent first, and the finished one's directory work is done while it runs: the GPU
// does not wait for the disk.
//
// What the pipeline does wrong (silence, death, garbage, no output) ends the job with a sentence
// that says so and the pipeline with a kill of its group; the next job gets a fresh one.

public import Linux
public import Spool
internal import SpoolFormat

/// Runs jobs.
public final class Worker {
    /// A claimed job and what is known of its run.
    private struct Run: ~Copyable {
        var claim: Claim
        let deadline: Moment
        let seed: Int64
        /// Whether the pipeline said anything about it.
        var wasHeard = false
        var lastStep: String?
        /// When a pipeline that was told to stop the job is killed.
        var cancelEnd: Moment?
        /// The pipeline has done it, but the machine did not let us look at the output yet.
        var unread: (seed: Int64, again: Moment)?

        consuming func giveUpClaim() -> Claim { claim }
    }

    /// An end that the disk did not allow yet.
    private final class PendingEnd {
        var claim: Claim?
        let again = Moment.now + Worker.patience

        init(_ claim: consuming Claim) { self.claim = consume claim }
    }

    private enum State {
        /// No pipeline; one will be started.
        case down
        /// The pipeline loads its model.
        case loading(until: Moment)
        /// It can take a job.
        case ready
    }

    private let spool: Spool
    private let loop: EventLoop
    private let ended: (WorkerEnd) -> Void
    private let post: WorkerPost
    private var queue: JobQueue?
    private var command: PipelineCommand
    /// The model that the pipeline was started with; nil for its own choice.
    private var model: String?
    private var pipeline: Pipeline?
    private var state = State.down
    private var run: Run?
    /// At most two: the job that ended, and the one that was sent ahead.
    private var pending: [PendingEnd] = []
    private var lastEnded: JobID?
    private var models: [String] = []
    private var wasEverReady = false
    private var isStopping = false
    private var hasEnded = false
    /// The settings give another pipeline than the one that runs.
    private var isStale = false
    /// An order may have come for the job at hand.
    private var mayBeCancelled = false
    /// Pipelines lost since a job completed: the first is replaced at once.
    private var failuresInRow = 0
    private var restartDelay = Duration.seconds(1)
    private var timer: Timer?
    private var dueTimer: Timer?
    private var wake: Deferred?
    private var retry: Moment?
    private var restart: Moment?
    private var graceEnd: Moment?
    /// When a pipeline that was told to exit is killed.
    private var farewell: Moment?

    /// How long a pipeline may load: the largest models take minutes from a cold disk.
    static let loadPatience = Duration.seconds(1800)

    /// How long a pipeline may take to stop a job that was cancelled.
    static let cancelGrace = Duration.seconds(5)

    /// When what the disk or the kernel did not allow is tried again.
    static let patience = Duration.seconds(5)

    /// Why a worker ended.
    public enum WorkerEnd: Sendable {
        /// It was told to.
        case stopped
        /// Its pipeline cannot be started.
        case broken(String)
    }

    /// Starts the pipeline and watches the queue; `ended` is called once, at the end.
    ///
    /// `name` nil takes the first free of `worker-1`, `worker-2` …
    public init(
        _ spool: Spool, name: String?, on loop: EventLoop, ended: @escaping (WorkerEnd) -> Void
    ) throws {
        self.spool = spool
        self.loop = loop
        self.ended = ended
        command = try PipelineCommand(spool.settings)
        post = try WorkerPost(spool, name: name, on: loop)
        let wake = Deferred(loop) { [unowned self] in turn() }
        self.wake = wake
        queue = try JobQueue(spool, on: loop) { [unowned self] in
            mayBeCancelled = true
            wake.request()
        }
        timer = try Timer(loop) { wake.request() }
        dueTimer = try Timer(loop, clock: .wall) { wake.request() }
        wake.request()
    }

    /// Ends when the job at hand is done, or gives it back after `grace`; again: at once.
    public func stop(grace: Duration) {
        graceEnd = .now + (isStopping ? .zero : grace)
        isStopping = true
        wake?.request()
    }

    /// Goes on with the settings as they are now; a pipeline that they change is exchanged when
    /// it has no job.
    public func settingsChanged() {
        do {
            let fresh = try PipelineCommand(spool.settings)
            isStale = isStale || fresh != command || model != spool.settings.defaultModel
            command = fresh
        } catch { spool.log.write("The settings' pipeline cannot be used: \(error)", .error) }
        wake?.request()
    }

    /// Stops at once because the spool is not what it was: the job at hand goes back to its place
    /// if it still stands in this spool. Nothing is told any more.
    public func abandon() {
        hasEnded = true
        runOutOfGrace()
        dropPipeline()
    }

    // MARK: A turn

    private func turn() {
        guard !hasEnded else { return }
        do throws(SystemError) {
            try keepTime()
            try lookForCancel()
            if isStale { exchangePipeline() }
            if isStopping { stopIfIdle() } else { startPipelineIfDown() }
            try work()
        } catch {
            spool.log.write(error, while: "Working")
            retry = .now + Worker.patience
        }
        setTimer()
    }

    private func setTimer() {
        var moments = [retry, restart, graceEnd, farewell].compactMap { $0 }
        moments += [run?.deadline, run?.cancelEnd, run?.unread?.again].compactMap { $0 }
        moments += pending.map(\.again)
        if case .loading(let until) = state { moments.append(until) }
        timer?.set(moments.min())
    }

    private func keepTime() throws(SystemError) {
        let now = Moment.now
        if let graceEnd, graceEnd <= now { runOutOfGrace() }
        if let deadline = run?.deadline, deadline <= now { timeOut() }
        if let end = run?.cancelEnd, end <= now { endCancelled() }
        if case .loading(let until) = state, until <= now {
            let seconds = DurationText.seconds(Worker.loadPatience)
            pipelineFailed("The pipeline did not become ready in \(seconds) s.")
        }
        if let unread = run?.unread, unread.again <= now { finish(seed: unread.seed) }
        retryEnds(now)
        if let time = retry, time <= now { retry = nil }
        if let time = restart, time <= now { restart = nil }
    }

    private func stopIfIdle() {
        guard run == nil, pending.isEmpty else { return }
        if pipeline != nil, farewell == nil {
            // The end of its input; it may have a GPU to give back.
            pipeline?.finish()
            farewell = min(.now + .seconds(5), graceEnd ?? .now)
        }
        // Told to stop once more, there is no farewell.
        if pipeline != nil, let farewell, min(farewell, graceEnd ?? farewell) > .now { return }
        dropPipeline()
        post.leave()
        leave(.stopped)
    }

    private func leave(_ end: WorkerEnd) {
        hasEnded = true
        ended(end)
    }

    private func startPipelineIfDown() {
        guard case .down = state, pipeline == nil, restart == nil else { return }
        do throws(SystemError) {
            pipeline = try Pipeline(command, on: loop) { [unowned self] in handle($0) }
        } catch {
            // The machine's own limits are no reason to give up.
            guard error.isGeneral else {
                return pipelineFailed("It cannot be started: \(error.withRemedy)")
            }
            spool.log.write(error, while: "Starting the pipeline")
            restart = .now + Worker.patience
            return
        }
        state = .loading(until: .now + Worker.loadPatience)
        post.update { $0.state = .starting }
        model = spool.settings.defaultModel
        let order = PipelineOrder.Load(model: model)
        pipeline?.send(JSONText.line(order))
    }

    /// Claims and sends a job if the pipeline is free.
    private func work() throws(SystemError) {
        guard case .ready = state, run == nil, pending.isEmpty, !isStopping, !isStale else {
            return
        }
        guard let claim = try next() else { return post.update { $0.rest() } }
        try start(claim)
    }

    private func next() throws(SystemError) -> Claim? {
        guard let queue else { return nil }
        let attempt = try queue.next { [models] model in
            model.map { models.contains($0) } ?? true
        }
        switch consume attempt {
        case .claimed(let claim): return claim
        case .none(let retry, let due):
            self.retry = retry
            dueTimer?.set(wall: due)
            return nil
        }
    }

    private func start(_ claim: consuming Claim) throws(SystemError) {
        let record = claim.record
        let seed = record.seed ?? 0
        let order = PipelineOrder.Edit(
            jobID: record.view.id, image: claim.image.description,
            instruction: record.view.instruction ?? "", seed: seed, model: record.view.model,
            systemPrompt: record.systemPrompt, output: claim.output.description)
        pipeline?.send(JSONText.line(order))
        spool.log.write(
            "Processing job \(record.view.id.short) - \(order.instruction.headline)...",
            job: record.view.id)
        post.update { $0.begin(record.view, claim: claim.attempt.claim) }
        run = Run(claim: claim, deadline: .now + spool.settings.jobTimeout, seed: seed)
        if try run?.claim.makeDurable() == false { lose() }
    }

    /// R9: what the watcher ordered for the job at hand.
    private func lookForCancel() throws(SystemError) {
        guard mayBeCancelled else { return }
        guard let id = run?.claim.attempt.id, run?.cancelEnd == nil else {
            mayBeCancelled = false
            return
        }
        let isCancelled = try queue?.isCancelled(id) ?? false
        mayBeCancelled = false
        guard isCancelled else { return }
        pipeline?.send(JSONText.line(PipelineOrder.Cancel(jobID: id)))
        run?.cancelEnd = .now + Worker.cancelGrace
    }

    // MARK: The pipeline

    /// Lets a pipeline go that the settings have replaced; the next turn starts another.
    private func exchangePipeline() {
        guard run == nil else { return }
        if let farewell {
            guard farewell <= .now else { return }
            dropPipeline()
        }
        guard pipeline != nil else {
            isStale = false
            return
        }
        spool.log.write("The pipeline is exchanged: the settings have changed")
        state = .down
        pipeline?.finish()
        farewell = .now + .seconds(5)
    }

    private func handle(_ incident: Pipeline.Incident) {
        do throws(SystemError) {
            switch incident {
            case .event(let event): try handle(event)
            case .garbage(let problem): breakOff("The pipeline \(problem).")
            case .ended where farewell != nil: dropPipeline()
            case .ended(let exit):
                breakOff("The pipeline died (\(exit)).")
            }
        } catch { spool.log.write(error, while: "Working") }
        wake?.request()
    }

    private func handle(_ event: PipelineEvent) throws(SystemError) {
        switch event {
        case .ready(let model, let models): becomeReady(model, models)
        case .progress(let id, let step, let steps): progress(id, step, steps)
        case .done(let id, let seed) where isCurrent(id): finish(seed: seed)
        case .failed(let id?, let error, _, let isRetryable) where isCurrent(id):
            fail(error, isRetryable: isRetryable)
        case .failed(nil, let error, _, _):
            spool.log.write("The pipeline refused to load: \(error)", .warning)
            if case .loading = state { pipelineFailed(error) }
        case .fatal(let error): breakOff("The pipeline stopped: \(error)")
        case .pong: break
        case .done(let id, _), .failed(let id?, _, _, _):
            // Said twice, it is late, but no lie.
            guard id != lastEnded else { return }
            breakOff("The pipeline speaks of the job '\(id)', which it was not given.")
        }
    }

    private func isCurrent(_ id: JobID) -> Bool { run?.claim.attempt.id == id }

    private func becomeReady(_ model: String?, _ models: [String]) {
        if case .loading = state { spool.log.write("Worker started") }
        state = .ready
        wasEverReady = true
        self.models = models
        queue?.modelsChanged()
        post.update {
            $0.model = model
            $0.models = models
            $0.modelsOffered = Set($0.modelsOffered + models).sorted()
            $0.error = nil
        }
    }

    private func progress(_ id: JobID, _ step: Int, _ steps: Int) {
        guard isCurrent(id) else { return }
        run?.wasHeard = true
        run?.lastStep = "step \(step) of \(steps)"
        post.report(Double(step) / Double(steps))
    }

    // MARK: Ends of a job

    private func finish(seed: Int64) {
        do throws(SystemError) {
            if let problem = try run?.claim.checkOutput() { return breakOff(problem) }
        } catch {
            guard error.isGeneral else {
                return breakOff("The pipeline's output cannot be read: \(error.withRemedy)")
            }
            spool.log.write(error, while: "Reading the pipeline's output")
            run?.unread = (seed, .now + Worker.patience)
            return
        }
        guard let done = run.take() else { return }
        failuresInRow = 0
        restartDelay = .seconds(1)
        lastEnded = done.claim.attempt.id
        let name = done.claim.record.view.model ?? post.card.model ?? spool.settings.pipeline
        guard let model = ModelName(name) ?? ModelName("pipeline") else { return }
        // The next job first: the pipeline must not wait for the disk.
        do throws(SystemError) { try work() } catch {
            spool.log.write(error, while: "Claiming the next job")
        }
        end(done.giveUpClaim().complete(model: model, seed: seed), of: lastEnded)
    }

    private func fail(_ error: String, isRetryable: Bool, killedPipeline: Bool = false) {
        guard let failed = run.take() else { return }
        lastEnded = failed.claim.attempt.id
        if failed.cancelEnd != nil {
            end(failed.giveUpClaim().cancel(), of: lastEnded)
        } else if isRetryable {
            let claim = failed.giveUpClaim()
            end(claim.retry(error, killedPipeline: killedPipeline), of: lastEnded)
        } else {
            end(failed.giveUpClaim().fail(error), of: lastEnded)
        }
    }

    /// Takes note of an end. What the disk did not allow is tried again, and nothing is claimed
    /// meanwhile: it would end in the same way.
    private func end(_ end: consuming Claim.End, of id: JobID?) {
        switch consume end {
        case .moved(let record): tell(record)
        // The pipeline may have the next job already; of this one it knows nothing any more.
        case .lost: if let id { logLoss(of: id) }
        case .stuck(let claim, let error):
            spool.log.write(error, while: "Ending a job", job: id)
            pending.append(PendingEnd(claim))
            if run == nil { post.update { $0.block("\(error)") } }
        }
    }

    private func retryEnds(_ now: Moment) {
        let due = pending.filter { $0.again <= now }
        pending.removeAll { $0.again <= now }
        for stuck in due {
            guard let claim = stuck.claim.take() else { continue }
            let id = claim.attempt.id
            end(claim.end(), of: id)
        }
    }

    /// The lines users know.
    private func tell(_ record: JobRecord) {
        let job = record.view
        switch job.status {
        case .completed:
            spool.log.write(
                "Job \(job.id.short) completed - Path: \(job.resultPath ?? "")", job: job.id)
        case .queued where record.dueNanoseconds > WallClock.nanoseconds:
            let due = Timestamp(nanoseconds: record.dueNanoseconds).rfc3339
            spool.log.write(
                "Job \(job.id.short) will be tried again at \(due) - \(job.error ?? "")",
                .warning, job: job.id)
        case .queued:
            spool.log.write("Job \(job.id.short) given back - It keeps its place", job: job.id)
        case .cancelled:
            spool.log.write("Job \(job.id.short) cancelled", job: job.id)
        default:
            spool.log.write(
                "Job \(job.id.short) failed - \(job.error ?? "")", .warning, job: job.id)
        }
        if job.status != .queued { post.update { $0.jobsDone += 1 } }
    }

    private func timeOut() {
        let seconds = DurationText.seconds(spool.settings.jobTimeout)
        let last = run?.lastStep.map { "; its last word was \($0)" } ?? "; the pipeline was silent"
        breakOff("The job ran longer than \(seconds) s\(last).")
    }

    /// The pipeline cannot be trusted any more: the job at hand ends, a fresh pipeline starts.
    private func breakOff(_ error: String) {
        guard run != nil else { return pipelineFailed(error) }
        dropPipeline()
        // The first one may be an accident; a job that does it again is not tried a third time.
        fail(error, isRetryable: true, killedPipeline: true)
        failuresInRow += 1
        if failuresInRow > 1 { delayRestart() }
    }

    /// The pipeline was told to stop the job, and did not.
    private func endCancelled() {
        dropPipeline()
        guard let cancelled = run.take() else { return }
        lastEnded = cancelled.claim.attempt.id
        end(cancelled.giveUpClaim().cancel(), of: lastEnded)
    }

    private func delayRestart() {
        restart = .now + restartDelay
        restartDelay = min(restartDelay * 2, .seconds(60))
    }

    /// Time to go: the job at hand is given back; what the disk does not allow is left to recovery.
    private func runOutOfGrace() {
        if let given = run.take() {
            dropPipeline()
            lastEnded = given.claim.attempt.id
            end(given.giveUpClaim().giveBack(counted: false), of: lastEnded)
        }
        pending = []
    }

    /// R3: somebody else decides about the job; nothing of it is ours any more.
    private func lose(_ id: JobID? = nil) {
        let name = id ?? run?.claim.attempt.id
        run = nil
        dropPipeline()
        if let name { logLoss(of: name) }
    }

    private func logLoss(of id: JobID) {
        spool.log.write(
            "Job \(id.short) was lost: its lease is not ours any more", .error, job: id)
    }

    private func dropPipeline() {
        farewell = nil
        pipeline?.kill()
        pipeline = nil
        state = .down
    }

    /// It failed without a job. Before it ever worked that is for a person to see to.
    private func pipelineFailed(_ error: String) {
        dropPipeline()
        post.update {
            $0.state = .broken
            $0.error = error
        }
        guard wasEverReady else { return leave(.broken(error)) }
        spool.log.write(
            "The pipeline failed: \(error) Starting it again in "
                + "\(DurationText.seconds(restartDelay)) s", .error)
        delayRestart()
    }
}

extension String {
    /// The first words of an instruction, on one line.
    fileprivate var headline: String { String(excerpt.prefix(50)) }
}
