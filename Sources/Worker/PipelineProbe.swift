internal import Linux
public import SpoolFormat

/// Whether the pipeline of some settings starts.
public enum PipelineProbe {
    /// What came of it.
    public enum Answer: Sendable, Equatable {
        /// It is ready with this model, and offers these.
        case ready(model: String?, models: [String])
        /// What is wrong.
        case broken(String)
    }

    /// Starts the pipeline, has it load the default model, and ends it.
    ///
    /// Blocks until it answers, for `patience` at most. What it logs goes to standard error.
    public static func run(_ settings: Settings, patience: Duration) -> Answer {
        do {
            return try answer(try PipelineCommand(settings), settings.defaultModel, patience)
        } catch let problem as PipelineProblem {
            return .broken(problem.description)
        } catch { return .broken("\(error)") }
    }

    private static func answer(
        _ command: PipelineCommand, _ model: String?, _ patience: Duration
    ) throws(SystemError) -> Answer {
        let loop = try EventLoop()
        let seconds = DurationText.seconds(patience)
        var answer = Answer.broken("it did not become ready in \(seconds) s")
        let pipeline = try Pipeline(command, on: loop) { [unowned loop] incident in
            switch incident {
            case .event(.ready(let model, let models)):
                answer = .ready(model: model, models: models)
            case .event(.fatal(let error)), .event(.failed(nil, let error, _, _)):
                answer = .broken(error)
            case .event: return
            case .garbage(let problem): answer = .broken("it \(problem)")
            case .ended(let exit): answer = .broken("it ended before it was ready: \(exit)")
            }
            loop.stop()
        }
        let timer = try Timer(loop) { [unowned loop] in loop.stop() }
        timer.set(.now + patience)
        pipeline.send(JSONText.line(PipelineOrder.Load(model: model)))
        try loop.run()
        pipeline.kill()
        return answer
    }
}
