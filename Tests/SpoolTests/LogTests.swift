import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct LogTests {
    private let time = Timestamp(nanoseconds: 1_705_314_600_000_000_000)

    private func text(_ line: LogLine, _ format: Log.Format, isForPerson: Bool = false) -> String {
        Log(format: format, isForPerson: isForPerson).text(of: line, at: time)
    }

    private func line(_ priority: Log.Priority = .info) throws -> LogLine {
        LogLine(message: "Job a's \"photo\"", priority: priority, job: try JobID("a"))
    }

    @Test func `a person reads plain words`() throws {
        #expect(
            try text(line(.error), .text, isForPerson: true) == "[JobQueue] Job a's \"photo\"\n")
    }

    // A station's instruction comes back in errors: it must not write lines of its own.
    @Test func `a message is one line, whatever it holds`() throws {
        let line = LogLine(message: "No: 'a\n<0>b\u{1B}[2J\u{2028}c'")
        #expect(text(line, .text) == "<6>[JobQueue] No: 'a <0>b [2J c'\n")
        let entry = String(decoding: line.entry.bytes, as: UTF8.self)
        #expect(entry.hasPrefix("MESSAGE=[JobQueue] No: 'a <0>b [2J c'\nPRIORITY=6\n"))
        let object = text(line, .json)
        #expect(object.contains(#""message":"No: 'a\n<0>b\u001b[2J"#), "\(object)")
        #expect(object.contains(#"[2J\u2028c'""#))
        #expect(object.filter { $0.isNewline }.count == 1)
    }

    // As `sd-daemon` has them.
    @Test(arguments: [(Log.Priority.error, 3), (.warning, 4), (.info, 6), (.debug, 7)])
    func `journald reads the priority in front`(_ priority: Log.Priority, _ number: Int) throws {
        #expect(try text(line(priority), .text) == "<\(number)>[JobQueue] Job a's \"photo\"\n")
    }

    @Test(arguments: [true, false])
    func `JSON is one object a line, whoever reads it`(_ isForPerson: Bool) throws {
        #expect(
            try text(line(.warning), .json, isForPerson: isForPerson)
                == #"{"job":"a","message":"Job a's \"photo\"","priority":4,"#
                + #""time":"2024-01-15T10:30:00.000Z"}"# + "\n")
        let full = LogLine(
            message: "Two\nlines", event: .renamed, job: try JobID("a~1"),
            formerly: try JobID("a"), station: "kiosk 3")
        #expect(
            text(full, .json, isForPerson: isForPerson)
                == #"{"event":"renamed","formerly":"a","job":"a~1","message":"Two\nlines","#
                + #""priority":6,"station":"kiosk 3","time":"2024-01-15T10:30:00.000Z"}"# + "\n")
    }

    @Test func `the journal gets every field, and a new name beside the old one`() throws {
        var line = LogLine(
            message: "Text", priority: .error, event: .attemptFailed, job: try JobID("a~1"),
            formerly: try JobID("a"), station: "kiosk 3", file: "Spool/Log.swift", line: 7)
        line.error = .noSpace
        let expected = """
            MESSAGE=[JobQueue] Text
            PRIORITY=3
            SYSLOG_IDENTIFIER=gpuspool
            CODE_FILE=Spool/Log.swift
            CODE_LINE=7
            GPUSPOOL_EVENT=attempt_failed
            GPUSPOOL_JOB=a~1
            GPUSPOOL_JOB=a
            GPUSPOOL_STATION=kiosk 3
            ERRNO=28

            """
        #expect(String(decoding: line.entry.bytes, as: UTF8.self) == expected)
    }

    // systemd.io/JOURNAL_NATIVE_PROTOCOL
    @Test func `a value of several lines stands behind its length`() {
        var entry = JournalEntry()
        entry.add("NOTHING", nil)
        entry.add("A", "x=y")
        entry.add("B", "1\n2")
        let length: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0]
        #expect(entry.bytes == Array("A=x=y\nB\n".utf8) + length + Array("1\n2\n".utf8))
    }
}
