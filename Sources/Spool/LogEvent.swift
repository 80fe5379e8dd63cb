/// What a line of the log tells of; a closed set, which filters and alarms may rely on:
/// `GPUSPOOL_EVENT` in the journal, `event` in JSON lines.
public enum LogEvent: String, Sendable, CaseIterable {
    // Of a job, from the door to cleanup.
    /// It came in and waits for a worker.
    case submitted
    /// It is a batch: its rows are jobs now.
    case expanded
    /// It was refused at the door.
    case rejected
    /// It gave its name to a newcomer.
    case renamed
    /// A worker begins with it.
    case started
    /// Its result is there.
    case completed
    /// It ended without a result.
    case failed
    /// A run failed, and there will be another.
    case attemptFailed = "attempt_failed"
    /// A worker that stops lets it go, to its old place.
    case givenBack = "given_back"
    /// Its worker died; it goes on.
    case recovered
    /// Its worker was stuck and is killed.
    case workerKilled = "worker_killed"
    /// A worker is no more the one that may finish it.
    case lost
    /// It was called off.
    case cancelled
    /// It was ended and is to run again.
    case retried
    /// Somebody ordered something for it.
    case ordered
    /// An order for it could not be obeyed.
    case orderRefused = "order_refused"
    /// A foreign hand took it away.
    case vanished
    /// It cannot be read, or is no job; it waits for a person.
    case damaged
    /// It was removed when its time was up.
    case cleaned

    // Of the service.
    /// The watcher serves the door.
    case watcherStarted = "watcher_started"
    /// A worker's pipeline is ready.
    case workerReady = "worker_ready"
    /// A worker's pipeline failed without a job.
    case pipelineFailed = "pipeline_failed"
    /// The settings were read again.
    case settingsRead = "settings_read"
    /// The spool is not there any more.
    case spoolLost = "spool_lost"
    /// Something did not work, with a job or without.
    case problem
}
