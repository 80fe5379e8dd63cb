// What happens, one line for each event: to systemd's journal with its fields, where standard error
// is the journal; else to standard error, for a person at a terminal, with the priority prefixes of
// `sd-daemon`, or as JSON.
//
// Nobody waits for the journal: when it does not take a line at once (it is overrun, or starts
// anew), the line goes to standard error instead, without its fields but with its priority.

public import Linux
public import SpoolFormat

/// The log of a process.
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
        /// Words, with fields in the journal; with a priority prefix unless a person reads them.
        case text
        /// One JSON object.
        case json
    }

    private let format: Format
    private let hasPrefix: Bool
    private let journal: JournalSocket?
    /// What went wrong lately.
    public let troubles = Troubles()

    /// A log in this format.
    public init(format: Format = .text) {
        let isJournal = format == .text && StandardStream.error.isJournal
        self.init(
            format: format, isForPerson: StandardStream.error.isTerminal,
            journal: isJournal ? JournalSocket.path : nil)
    }

    init(format: Format, isForPerson: Bool, journal: Path? = nil) {
        self.format = format
        hasPrefix = !isForPerson
        // Without it there is standard error.
        self.journal = journal.flatMap { try? JournalSocket(at: $0) }
    }

    /// Writes a line about a job, or about none.
    ///
    /// `formerly` is what the job was called before.
    public func write(
        _ message: String, _ priority: Priority = .info, _ event: LogEvent? = nil,
        job: JobID? = nil, formerly: JobID? = nil, station: String? = nil,
        file: StaticString = #fileID, line: Int = #line
    ) {
        write(
            LogLine(
                message: message, priority: priority, event: event, job: job, formerly: formerly,
                station: station, file: "\(file)", line: line))
    }

    /// Writes a line about a job of which this is known.
    public func write(
        _ message: String, _ priority: Priority = .info, _ event: LogEvent, of job: JobView,
        file: StaticString = #fileID, line: Int = #line
    ) {
        write(
            message, priority, event, job: job.id, station: job.station, file: file, line: line)
    }

    /// Writes what went wrong, and what was being done; what lasts is told once and then now and
    /// then.
    public func write(
        _ error: SystemError, while doing: String, job: JobID? = nil, station: String? = nil,
        file: StaticString = #fileID, line: Int = #line
    ) {
        let text = "\(doing): \(error.withRemedy)"
        guard let untold = troubles.note(error.commonCause ?? text, at: .now) else { return }
        let more = untold == 0 ? "" : " (\(untold) more like it since this was told last)"
        write(
            LogLine(
                message: text + more, priority: .error, event: .problem, job: job,
                station: station, error: error.code, file: "\(file)", line: line))
    }

    private func write(_ line: LogLine) {
        if let journal, isTaken(line, by: journal) { return }
        // There is no better place to tell that the log cannot be written.
        try? StandardStream.error.write(text(of: line, at: .now))
    }

    /// Whether the journal took it; it may be overrun, or just start.
    private func isTaken(_ line: LogLine, by journal: JournalSocket) -> Bool {
        do throws(SystemError) {
            try journal.send(line.entry.bytes)
            return true
        } catch { return false }
    }

    /// A line as it is written to standard error, with its end.
    func text(of line: LogLine, at time: Timestamp) -> String {
        format == .json ? line.json(at: time) : line.text(hasPrefix: hasPrefix)
    }
}
