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
        var isDurable = false
        /// Whether the pipeline said anything about it.
        var wasHeard = false
        var lastStep: String?

        consuming func giveUpClaim() -> Claim { claim }
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
    private var pipeline: Pipeline?
    private var state = State.down
    private var run: Run?
    private var models: [String] = []
    private var wasEverReady = false
    private var isStopping = false
    private var restartDelay = Duration.seconds(1)
    private var timer: Timer?
    private var dueTimer: Timer?
    private var wake: Deferred?
    private var retry: Moment?
    private var restart: Moment?
    private var graceEnd: Moment?

    /// How long a pipeline may load: the largest models take minutes from a cold disk.
    static let loadPatience = Duration.seconds(1800)

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
        queue = try JobQueue(spool, on: loop) { wake.request() }
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

    // MARK: A turn

    private func turn() {
        do throws(SystemError) {
            try keepTime()
            if isStopping { stopIfIdle() } else { startPipelineIfDown() }
            try work()
        } catch { spool.log.write(error, while: "Working") }
        setTimer()
    }

    private func setTimer() {
        var moments = [retry, restart, graceEnd].compactMap { $0 }
        if let deadline = run?.deadline { moments.append(deadline) }
        if case .loading(let until) = state { moments.append(until) }
        timer?.set(moments.min())
    }

    private func keepTime() throws(SystemError) {
        let now = Moment.now
        if let graceEnd, graceEnd <= now, run != nil { try giveBack() }
        if let deadline = run?.deadline, deadline <= now { try timeOut() }
        if case .loading(let until) = state, until <= now {
            let seconds = DurationText.seconds(Worker.loadPatience)
            pipelineFailed("The pipeline did not become ready in \(seconds) s.")
        }
        if let time = retry, time <= now { retry = nil }
        if let time = restart, time <= now { restart = nil }
    }

    private func stopIfIdle() {
        guard run == nil else { return }
        pipeline?.finish()
        pipeline = nil
        post.leave()
        graceEnd = nil
        ended(.stopped)
    }

    private func startPipelineIfDown() {
        guard case .down = state, restart == nil else { return }
        do throws(SystemError) {
            pipeline = try Pipeline(command, on: loop) { [unowned self] in handle($0) }
        } catch { return pipelineFailed("It cannot be started: \(error).") }
        state = .loading(until: .now + Worker.loadPatience)
        post.update { $0.state = .starting }
        let order = PipelineOrder.Load(model: spool.settings.defaultModel)
        pipeline?.send(JSONText.line(order))
    }

    /// Claims and sends a job if the pipeline is free.
    private func work() throws(SystemError) {
        guard case .ready = state, run == nil, !isStopping else { return }
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
            systemPrompt: try claim.systemPrompt(), output: claim.output.description)
        pipeline?.send(JSONText.line(order))
        spool.log.write(
            "Processing job \(record.view.id.short) - \(order.instruction.headline)...",
            job: record.view.id)
        post.update { $0.begin(record.view, claim: claim.attempt.claim) }
        run = Run(claim: claim, deadline: .now + spool.settings.jobTimeout, seed: seed)
        try makeDurable()
    }

    /// R2: has to succeed before the job may leave `running/`; tried again at its end.
    private func makeDurable() throws(SystemError) {
        guard run?.isDurable == false, let end = try run?.claim.makeDurable() else { return }
        if end == .lost { return lose() }
        run?.isDurable = true
    }

    // MARK: The pipeline

    private func handle(_ incident: Pipeline.Incident) {
        do throws(SystemError) {
            switch incident {
            case .event(let event): try handle(event)
            case .garbage(let problem): try breakOff("The pipeline \(problem).")
            case .ended(let exit):
                try breakOff("The pipeline died (\(exit)).")
            }
        } catch { spool.log.write(error, while: "Working") }
        wake?.request()
    }

    private func handle(_ event: PipelineEvent) throws(SystemError) {
        switch event {
        case .ready(let model, let models): becomeReady(model, models)
        case .progress(let id, let step, let steps): progress(id, step, steps)
        case .done(let id, let seed) where isCurrent(id): try finish(seed: seed)
        case .failed(let id?, let error, _, _) where isCurrent(id): try fail(error)
        case .failed(nil, let error, _, _):
            spool.log.write("The pipeline refused to load: \(error)", .warning)
            if case .loading = state { pipelineFailed(error) }
        case .fatal(let error): try breakOff("The pipeline stopped: \(error)")
        case .pong: break
        case .done(let id, _):
            try breakOff("The pipeline speaks of the job '\(id)', which it was not given.")
        case .failed(let id, _, _, _):
            let name = id.map { "'\($0)'" } ?? "none"
            try breakOff("The pipeline speaks of the job \(name), which it was not given.")
        }
    }

    private func isCurrent(_ id: JobID) -> Bool { run?.claim.attempt.id == id }

    private func becomeReady(_ model: String?, _ models: [String]) {
        if case .loading = state { spool.log.write("Worker started") }
        state = .ready
        wasEverReady = true
        restartDelay = .seconds(1)
        self.models = models
        queue?.modelsChanged()
        post.update {
            $0.model = model
            $0.models = models
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

    private func finish(seed: Int64) throws(SystemError) {
        guard var done = run.take() else { return }
        if !done.isDurable {
            guard try done.claim.makeDurable() == .moved else { return lose(done.claim.attempt.id) }
            done.isDurable = true
        }
        if let problem = try done.claim.checkOutput() {
            run = consume done
            return try breakOff(problem)
        }
        // The next job first: the pipeline must not wait for the disk.
        do throws(SystemError) {
            if !isStopping, let claim = try next() { try start(claim) }
        } catch { spool.log.write(error, while: "Claiming the next job") }
        let id = done.claim.attempt.id
        let model = done.claim.record.view.model ?? post.card.model ?? spool.settings.pipeline
        let name = ModelName(model) ?? ModelName("pipeline")
        guard let name else { return }
        let claim = done.giveUpClaim()
        let result = try claim.complete(model: name, seed: seed)
        note(id, result)
    }

    private func note(_ id: JobID, _ end: Claim.Completion) {
        switch end {
        // The pipeline has the next job already; of this one it knows nothing any more.
        case .lost: logLoss(of: id)
        case .completed(let path):
            post.update { $0.jobsDone += 1 }
            spool.log.write("Job \(id.short) completed - Path: \(path)", job: id)
        }
    }

    private func fail(_ error: String) throws(SystemError) {
        guard let failed = run.take() else { return }
        let id = failed.claim.attempt.id
        if !failed.isDurable, try failed.claim.makeDurable() == .lost { return lose(id) }
        let claim = failed.giveUpClaim()
        if try claim.fail(error) == .lost { return lose(id) }
        post.update { $0.jobsDone += 1 }
        spool.log.write("Job \(id.short) failed - \(error)", .warning, job: id)
    }

    private func timeOut() throws(SystemError) {
        let seconds = DurationText.seconds(spool.settings.jobTimeout)
        let last = run?.lastStep.map { "; its last word was \($0)" } ?? "; the pipeline was silent"
        try breakOff("The job ran longer than \(seconds) s\(last).")
    }

    /// The pipeline cannot be trusted any more: the job at hand ends, a fresh pipeline starts.
    private func breakOff(_ error: String) throws(SystemError) {
        guard run != nil else { return pipelineFailed(error) }
        dropPipeline()
        try fail(error)
    }

    private func giveBack() throws(SystemError) {
        dropPipeline()
        guard let given = run.take() else { return }
        let id = given.claim.attempt.id
        if !given.isDurable, try given.claim.makeDurable() == .lost { return lose(id) }
        let claim = given.giveUpClaim()
        if try claim.giveBack(counted: false) == .lost { return lose(id) }
        spool.log.write("Job \(id.short) given back - It keeps its place", job: id)
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
        guard wasEverReady else { return ended(.broken(error)) }
        spool.log.write(
            "The pipeline failed: \(error) Starting it again in "
                + "\(DurationText.seconds(restartDelay)) s", .error)
        restart = .now + restartDelay
        restartDelay = min(restartDelay * 2, .seconds(60))
    }
}

extension String {
    /// The first words of an instruction, on one line.
    fileprivate var headline: String { String(excerpt.prefix(50)) }
}
