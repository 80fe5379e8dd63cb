internal import Linux
internal import SpoolFormat

/// One line of the log, and how it looks in each of its places. Whatever others said in it, it is one
/// line and moves no cursor.
struct LogLine: Sendable {
    var message: String
    var priority = Log.Priority.info
    var event: LogEvent?
    var job: JobID?
    /// What the job was called before.
    var formerly: JobID?
    var station: String?
    /// The `errno` of what went wrong.
    var error: SystemError.Code?
    /// Where in the source it is written.
    var file = ""
    var line = 0

    /// For people, or with a priority in front as `sd-daemon` has it.
    func text(hasPrefix: Bool) -> String {
        (hasPrefix ? "<\(priority.rawValue)>" : "") + sentence + "\n"
    }

    /// The words that users know.
    private var sentence: String { "[JobQueue] \(message.oneLine)" }

    private struct Object: Encodable {
        let time: Timestamp
        let priority: Int
        let event: LogEvent?
        let job: JobID?
        let formerly: JobID?
        let station: String?
        let message: String
    }

    /// One JSON object, without what is unknown.
    func json(at time: Timestamp) -> String {
        let object = Object(
            time: time, priority: priority.rawValue, event: event, job: job, formerly: formerly,
            station: station, message: message)
        let text = String(decoding: JSONText.line(object).dropLast(), as: UTF8.self)
        return text.withControlsEscaped + "\n"
    }

    /// What the journal is sent. A job that changes its name is found under both.
    var entry: JournalEntry {
        var entry = JournalEntry()
        entry.add("MESSAGE", sentence)
        entry.add("PRIORITY", "\(priority.rawValue)")
        entry.add("SYSLOG_IDENTIFIER", "gpuspool")
        entry.add("CODE_FILE", file)
        entry.add("CODE_LINE", "\(line)")
        entry.add("GPUSPOOL_EVENT", event?.rawValue)
        entry.add("GPUSPOOL_JOB", job?.description)
        entry.add("GPUSPOOL_JOB", formerly?.description)
        entry.add("GPUSPOOL_STATION", station?.oneLine)
        entry.add("ERRNO", error.map { "\($0.rawValue)" })
        return entry
    }
}

extension LogEvent: Encodable {}
