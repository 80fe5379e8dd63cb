// The worker's side of its pipeline: started when it is down, exchanged when the settings change,
// believed as long as what it says makes sense.

internal import Linux
internal import Spool
internal import SpoolFormat

extension Worker {
    func startPipelineIfDown() {
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
        pulse.reset()
        state = .loading(until: .now + Worker.loadPatience)
        post.update { $0.state = .starting }
        model = spool.settings.defaultModel
        let order = PipelineOrder.Load(model: model)
        pipeline?.send(JSONText.line(order))
    }

    /// Lets a pipeline go that the settings have replaced; the next turn starts another.
    func exchangePipeline() {
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

    func handle(_ incident: Pipeline.Incident) {
        do throws(SystemError) {
            switch incident {
            case .event(let event):
                noteLife(event)
                try handle(event)
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
            spool.log.write("The pipeline refused to load: \(error)", .warning, .pipelineFailed)
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
        if case .loading = state { spool.log.write("Worker started", .info, .workerReady) }
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
        post.report(step: step, of: steps)
    }

    func timeOut() {
        let seconds = DurationText.seconds(spool.settings.jobTimeout)
        let last = run?.lastStep.map { "; its last word was \($0)" } ?? "; the pipeline was silent"
        breakOff("The job ran longer than \(seconds) s\(last).")
    }

    /// The pipeline cannot be trusted any more: the job at hand ends, a fresh pipeline starts.
    func breakOff(_ error: String) {
        guard run != nil else { return pipelineFailed(error) }
        dropPipeline()
        // The first one may be an accident; a job that does it again is not tried a third time.
        fail(error, isRetryable: true, killedPipeline: true)
        failuresInRow += 1
        if failuresInRow > 1 { delayRestart() }
    }

    /// It failed without a job. Before it ever worked that is for a person to see to.
    func pipelineFailed(_ error: String) {
        dropPipeline()
        post.update {
            $0.state = .broken
            $0.error = error
        }
        guard wasEverReady else { return leave(.broken(error)) }
        spool.log.write(
            "The pipeline failed: \(error) Starting it again in "
                + "\(DurationText.seconds(restartDelay)) s", .error, .pipelineFailed)
        delayRestart()
    }

    private func delayRestart() {
        restart = .now + restartDelay
        restartDelay = min(restartDelay * 2, .seconds(60))
    }

    func dropPipeline() {
        farewell = nil
        pipeline?.kill()
        pipeline = nil
        state = .down
    }
}
