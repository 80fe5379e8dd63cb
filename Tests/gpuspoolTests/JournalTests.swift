import Linux
import SpoolFormat
import Testing

private let hasJournal =
    (try? Disk.status("/lib/systemd/systemd-journald")).flatMap { $0 } != nil
    && Mounts.has("systemd-cat")

/// What systemd's journal is told: by a journald of the test's own, which nobody else sees.
@Suite(
    .serialized, .evidence, .enabled(if: Mounts.arePossible, "\(Mounts.reason)"),
    .enabled(if: hasJournal, "needs systemd-journald and systemd-cat"))
struct JournalTests {
    private static let run = """
        mount -t tmpfs -o mode=755 run /run
        mkdir -p /run/systemd/journal /run/log/journal
        """

    private func startJournal(_ spool: TestSpool) throws -> Daemon {
        let journal = try spool.startShell("exec /lib/systemd/systemd-journald")
        _ = try spool.wait(for: "the journal") {
            try spool.isTrue("test -S /run/systemd/journal/stdout") ? true : nil
        }
        return journal
    }

    /// Starts a service as systemd does, with standard error in the journal.
    private func startService(_ spool: TestSpool, _ words: String...) throws -> Daemon {
        try spool.startShell(
            """
            exec systemd-cat sh -c 'export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)
            exec '\(Program.path)' --spool spool --set PYTHON=/usr/bin/python3 \(
                words.joined(separator: " "))'
            """)
    }

    /// What the journal has, once a line is there.
    private func entries(_ spool: TestSpool, _ match: String, until last: String) throws -> String {
        try spool.wait(for: "\(last) of \(match)") {
            try spool.mount(
                """
                journalctl -D /run/log/journal -q -o json \
                    --output-fields=MESSAGE,PRIORITY,CODE_FILE,GPUSPOOL_EVENT,GPUSPOOL_STATION \
                    \(match) > found
                """)
            let found = try Disk.text(spool.folder / "found")
            return found.contains(last) ? found : nil
        }
    }

    private func values(_ entries: String, _ field: String) -> [String] {
        entries.split(separator: "\n").map { line in
            guard let start = line.ranges(of: "\"\(field)\":\"").first?.upperBound else {
                return "-"
            }
            return String(line.suffix(from: start).prefix { $0 != "\"" })
        }
    }

    @Test func `a job's whole story is found by its name`() throws {
        try TestSpool.use(mounting: Self.run) { spool in
            let journal = try startJournal(spool)
            #expect(try spool.run("station", "add", "kiosk").status == 0)
            let service = try startService(spool, "--set", "RESULT_TTL_SECONDS=1", "run")
            try spool.drop("a", box: "incoming/kiosk")
            let story = try entries(spool, "GPUSPOOL_JOB=kiosk.a", until: "cleaned")
            #expect(
                values(story, "GPUSPOOL_EVENT") == ["submitted", "started", "completed", "cleaned"])
            #expect(Set(values(story, "GPUSPOOL_STATION")) == ["kiosk"])
            #expect(Set(values(story, "PRIORITY")) == ["6"])
            let messages = values(story, "MESSAGE")
            #expect(messages[0] == "[JobQueue] Job kiosk.a submitted - Queue size: 1")
            #expect(messages[1] == "[JobQueue] Processing job kiosk.a - rotate 90...")
            #expect(messages[3] == "[JobQueue] Job kiosk.a cleaned up - It was done")
            #expect(values(story, "CODE_FILE")[0] == "Spool/Settlement.swift")
            let others = try entries(spool, "GPUSPOOL_EVENT=watcher_started", until: "Started")
            #expect(values(others, "GPUSPOOL_STATION") == ["-"])
            #expect(try service.stop() == .status(0))
            journal.kill()
        }
    }

    // A journal that is started anew, or hangs, must not take the service with it.
    @Test func `without a journal lines go to standard error`() throws {
        try TestSpool.use(mounting: Self.run) { spool in
            let journal = try startJournal(spool)
            let service = try spool.startShell(
                """
                export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)
                exec '\(Program.path)' --spool spool --set PYTHON=/usr/bin/python3 run
                """)
            _ = try entries(spool, "GPUSPOOL_EVENT=worker_ready", until: "Worker started")
            #expect(try service.printed() == "")
            journal.kill()
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "completed")
            let printed = try service.printed()
            #expect(printed.contains("<6>[JobQueue] Job a submitted - Queue size: 1\n"))
            #expect(try service.stop() == .status(0))
        }
    }

    @Test func `JSON lines stay JSON lines`() throws {
        try TestSpool.use(mounting: Self.run) { spool in
            let journal = try startJournal(spool)
            let service = try startService(spool, "--log-format", "json", "watch")
            let found = try entries(spool, "_TRANSPORT=stdout", until: "watcher_started")
            #expect(found.contains(#"\"event\":\"watcher_started\""#))
            #expect(try service.stop() == .status(0))
            journal.kill()
        }
    }
}
