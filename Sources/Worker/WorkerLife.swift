// Whether a worker lives, for the service manager's watchdog, and what it does in words.
//
// A worker whose pipeline hangs does no work, however its own loop turns. So its life is the
// pipeline's: while one is ready it must answer a ping, or say anything else. Two exceptions have
// limits of their own: a pipeline that loads (`loadPatience`), and one at work that reads its input
// only between jobs (`JOB_TIMEOUT_SECONDS`): a step may take long. Which pipelines answer at work
// is learned: the first job comes with a ping, and who answered one before its job's end always
// has to.

internal import Linux
internal import Spool
internal import SpoolFormat

/// What is known of a pipeline's answers.
struct Pulse {
    /// Called at each sign of life; nil: nobody asks.
    var alive: (() -> Void)?
    /// Whether it was asked and nothing came since, and since when.
    var askedAt: Moment?
    /// A ping without its pong yet: the claim that was at work when it was sent.
    var ping: (claim: AttemptName?, isOut: Bool) = (nil, false)
    /// Whether this pipeline answers while it works.
    var answersAtWork = false
    /// Whether the log was told that it is silent.
    var isSilenceTold = false

    /// Another pipeline starts.
    mutating func reset() { self = Pulse(alive: alive) }
}

extension Worker {
    /// Whether its pipeline has been ready, and it has looked for a job.
    public var isReady: Bool { wasEverReady && post.card.state != .starting }

    /// Calls `changed` whenever `words` may say something new.
    public func tell(_ changed: @escaping () -> Void) { post.changed = changed }

    /// From now on `askForLife` is answered by `alive`.
    public func beWatched(_ alive: @escaping () -> Void) { pulse.alive = alive }

    /// Has `alive` called as soon as the pipeline gives a sign of life; at once where it need not.
    public func askForLife() {
        guard mustAnswer else {
            pulse.askedAt = nil
            sendPing()
            pulse.alive?()
            return
        }
        if let since = pulse.askedAt, !pulse.isSilenceTold {
            pulse.isSilenceTold = true
            let seconds = DurationText.seconds(.now - since)
            spool.log.write(
                "The pipeline has said nothing for \(seconds) s, not even to a ping: the service "
                    + "manager is not told any more that this worker lives", .error)
        }
        pulse.askedAt = pulse.askedAt ?? .now
        sendPing()
    }

    /// Whether silence means that the pipeline hangs.
    private var mustAnswer: Bool {
        guard pipeline != nil, farewell == nil, case .ready = state else { return false }
        return run == nil || run?.unread != nil || pulse.answersAtWork
    }

    /// One at a time: a pipeline that does not read must not be drowned.
    private func sendPing() {
        guard let pipeline, farewell == nil, case .ready = state, !pulse.ping.isOut else { return }
        pulse.ping = (run?.claim.attempt, true)
        pipeline.send(JSONText.line(PipelineOrder.Ping()))
    }

    /// A job was sent: a good moment to learn whether this pipeline answers at work.
    func learnWhetherItAnswers() {
        if pulse.alive != nil, !pulse.answersAtWork { sendPing() }
    }

    /// The pipeline said something.
    func noteLife(_ event: PipelineEvent) {
        if event == .pong {
            if let claim = pulse.ping.claim, claim == run?.claim.attempt {
                pulse.answersAtWork = true
            }
            pulse.ping = (nil, false)
        }
        guard pulse.askedAt != nil else { return }
        pulse.askedAt = nil
        pulse.isSilenceTold = false
        pulse.alive?()
    }

    /// What it does, for `systemctl status`.
    public var words: String {
        let card = post.card
        let model = card.model.map { "; model \($0)" } ?? ""
        switch card.state {
        case .starting: return "Loading the pipeline"
        case .idle: return "Idle\(model)"
        case .busy: return "Running \(jobWords)\(model)"
        case .blocked: return "Blocked: \(card.error ?? "a job cannot end")"
        case .broken: return "The pipeline failed: \(card.error ?? "for no known reason")"
        case .stopped: return "Stopped"
        }
    }

    /// A job whose results are not for everybody has no name here.
    private var jobWords: String {
        let card = post.card
        guard let id = card.jobID, let claim = card.claim else { return "a job" }
        let bundle = Path.bundle(AttemptName(id: id, claim: claim))
        let mode = try? spool.root.status(of: bundle)?.mode
        let name = (mode ?? 0) & 0o004 == 0 ? "a private job" : "\(id)"
        return name + card.stepWords
    }
}
