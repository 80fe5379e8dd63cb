/// What a control drop asks for: an empty file `NAME.VERB` beside the drops.
public enum ControlVerb: String, CaseIterable, Sendable {
    /// Do not run the job, or stop it.
    case cancel
    /// Try a failed or refused job again.
    case retry
    /// Keep a queued job from running.
    case hold
    /// Let a held job run.
    case release
}
