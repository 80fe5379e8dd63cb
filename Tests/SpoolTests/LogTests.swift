import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct LogTests {
    private let time = Timestamp(nanoseconds: 1_705_314_600_000_000_000)

    private func line(_ log: Log, _ priority: Log.Priority = .info) throws -> String {
        log.line("Job a's \"photo\"", priority, job: try JobID("a"), at: time)
    }

    @Test func `a person reads plain words`() throws {
        let log = Log(format: .text, isForPerson: true)
        #expect(try line(log, .error) == "[JobQueue] Job a's \"photo\"\n")
    }

    // A station's instruction comes back in errors: it must not write lines of its own.
    @Test func `a message is one line, whatever it holds`() throws {
        let log = Log(format: .text, isForPerson: false)
        let line = log.line("No: 'a\n<0>b\u{1B}[2J\u{2028}c'", .info, job: nil, at: time)
        #expect(line == "<6>[JobQueue] No: 'a <0>b [2J c'\n")
    }

    // As `sd-daemon` has them.
    @Test(arguments: [(Log.Priority.error, 3), (.warning, 4), (.info, 6), (.debug, 7)])
    func `journald reads the priority in front`(_ priority: Log.Priority, _ number: Int) throws {
        let log = Log(format: .text, isForPerson: false)
        #expect(try line(log, priority) == "<\(number)>[JobQueue] Job a's \"photo\"\n")
    }

    @Test(arguments: [true, false])
    func `JSON is one object a line, whoever reads it`(_ isForPerson: Bool) throws {
        let log = Log(format: .json, isForPerson: isForPerson)
        #expect(
            try line(log, .warning)
                == #"{"job":"a","message":"Job a's \"photo\"","priority":4,"#
                + #""time":"2024-01-15T10:30:00.000Z"}"# + "\n")
        let plain = log.line("Two\nlines", .info, job: nil, at: time)
        #expect(
            plain == #"{"message":"Two\nlines","priority":6,"time":"2024-01-15T10:30:00.000Z"}"#
                + "\n")
    }
}
