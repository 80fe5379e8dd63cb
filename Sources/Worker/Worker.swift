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
    struct Run: ~Copyable {
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

        /// A pipeline that has done its part is not blamed for the time that goes by.
        var timeLimit: Moment? { unread == nil ? deadline : nil }

        consuming func giveUpClaim() -> Claim { claim }
    }

    enum State {
        /// No pipeline; one will be started.
        case down
        /// The pipeline loads its model.
        case loading(until: Moment)
        /// It can take a job.
        case ready
    }

    let spool: Spool
    let loop: EventLoop
    let ended: (WorkerEnd) -> Void
    let post: WorkerPost
    var queue: JobQueue?
    var command: PipelineCommand
    /// The model that the pipeline was started with; nil for its own choice.
    var model: String?
    var pipeline: Pipeline?
    var state = State.down
    var run: Run?
    /// Jobs that have ended, but not on the disk.
    var pending: [PendingEnd] = []
    var lastEnded: JobID?
    var models: [String] = []
    var wasEverReady = false
    var isStopping = false
    var hasEnded = false
    /// The settings give another pipeline than the one that runs.
    var isStale = false
    /// An order may have come for the job at hand.
    var mayBeCancelled = false
    /// Pipelines lost since a job completed: the first is replaced at once.
    var failuresInRow = 0
    var restartDelay = Duration.seconds(1)
    var timer: Timer?
    var dueTimer: Timer?
    var wake: Deferred?
    var retry: Moment?
    var restart: Moment?
    var graceEnd: Moment?
    /// When a pipeline that was told to exit is killed.
    var farewell: Moment?
    var pulse = Pulse()

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
        } catch {
            spool.log.write("The settings' pipeline cannot be used: \(error)", .error, .problem)
        }
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
        moments += [run?.timeLimit, run?.cancelEnd, run?.unread?.again].compactMap { $0 }
        moments += pending.map(\.again)
        if case .loading(let until) = state { moments.append(until) }
        timer?.set(moments.min())
    }

    private func keepTime() throws(SystemError) {
        let now = Moment.now
        if let graceEnd, graceEnd <= now { runOutOfGrace() }
        if let limit = run?.timeLimit, limit <= now { timeOut() }
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

    func leave(_ end: WorkerEnd) {
        hasEnded = true
        ended(end)
    }

    /// Claims and sends a job if the pipeline is free.
    func work() throws(SystemError) {
        guard case .ready = state, run == nil, !isStopping, !isStale else { return }
        if let obstacle { return post.update { $0.block("\(obstacle)") } }
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
            .info, .started, of: record.view)
        post.update { $0.begin(record.view, claim: claim.attempt.claim) }
        run = Run(claim: claim, deadline: .now + spool.settings.jobTimeout, seed: seed)
        learnWhetherItAnswers()
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
}

extension String {
    /// The first words of an instruction, on one line.
    fileprivate var headline: String { String(excerpt.prefix(50)) }
}
