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
        self.format = format
        hasPrefix = !StandardStream.error.isTerminal
    }

    private struct Line: Encodable {
        let time: Timestamp
        let priority: Int
        let job: JobID?
        let message: String
    }

    /// Writes a line about a job, or about none.
    public func write(_ message: String, _ priority: Priority = .info, job: JobID? = nil) {
        let text: String
        switch format {
        case .json:
            let line = Line(time: .now, priority: priority.rawValue, job: job, message: message)
            text = String(decoding: JSONText.line(line), as: UTF8.self)
        case .text:
            text = (hasPrefix ? "<\(priority.rawValue)>" : "") + "[JobQueue] \(message)\n"
        }
        // There is no better place to tell that the log cannot be written.
        try? StandardStream.error.write(text)
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
