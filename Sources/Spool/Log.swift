public import Linux
public import SpoolFormat

/// One line per event on standard error: for a person at a terminal, for journald (with the
/// priority prefixes of `sd-daemon`), or as JSON.
public struct Log: Sendable {
    /// How urgent a line is; the value of syslog and journald.
    public enum Priority: Int, Sendable {
        /// Somebody must act.
        case error = 3
        /// Somebody should look.
        case warning = 4
        /// The usual course of things.
        case info = 6
        /// For developers.
        case debug = 7
    }

    /// How a line looks.
    public enum Format: String, Sendable, CaseIterable {
        /// Words; with a priority prefix unless a person reads them.
        case text
        /// One JSON object.
        case json
    }

    private let format: Format
    private let hasPrefix: Bool
    /// What went wrong lately.
    public let troubles = Troubles()

    /// A log in this format.
    public init(format: Format = .text) {
        self.init(format: format, isForPerson: StandardStream.error.isTerminal)
    }

    init(format: Format, isForPerson: Bool) {
        self.format = format
        hasPrefix = !isForPerson
    }

    private struct Line: Encodable {
        let time: Timestamp
        let priority: Int
        let job: JobID?
        let message: String
    }

    /// Writes a line about a job, or about none.
    public func write(_ message: String, _ priority: Priority = .info, job: JobID? = nil) {
        // There is no better place to tell that the log cannot be written.
        try? StandardStream.error.write(line(message, priority, job: job, at: .now))
    }

    /// A line as it is written, with its end.
    func line(_ message: String, _ priority: Priority, job: JobID?, at time: Timestamp) -> String {
        switch format {
        case .json:
            let line = Line(time: time, priority: priority.rawValue, job: job, message: message)
            return String(decoding: JSONText.line(line), as: UTF8.self)
        case .text:
            let text = message.oneLine
            return (hasPrefix ? "<\(priority.rawValue)>" : "") + "[JobQueue] \(text)\n"
        }
    }

    /// Writes what went wrong, and what was being done; what lasts is told once and then now and
    /// then.
    public func write(_ error: SystemError, while doing: String, job: JobID? = nil) {
        let text = "\(doing): \(error.withRemedy)"
        guard let untold = troubles.note(error.commonCause ?? text, at: .now) else { return }
        let more = untold == 0 ? "" : " (\(untold) more like it since this was told last)"
        write(text + more, .error, job: job)
    }
}
