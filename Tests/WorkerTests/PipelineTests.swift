import Linux
import Spool
import SpoolFormat
import Testing

@testable import Worker

/// A pipeline and what it told, in words.
final class PipelineScene {
    let temporary: TemporarySpool
    private(set) var told: [String] = []
    var pipeline: Pipeline?
    /// Called with each incident, after it was noted.
    var reaction: () -> Void = {}

    init(_ command: PipelineCommand, _ temporary: TemporarySpool) throws {
        self.temporary = temporary
        pipeline = try Pipeline(command, on: temporary.loop) { [unowned self] in note($0) }
    }

    /// Runs a shell command.
    convenience init(_ command: String) throws {
        var settings = Settings()
        settings.pipeline = command
        try self.init(PipelineCommand(settings), TemporarySpool())
    }

    private func note(_ incident: Pipeline.Incident) {
        switch incident {
        case .event(let event): told.append("event \(event)")
        case .garbage(let text): told.append("garbage \(text)")
        case .ended(let exit): told.append("ended \(exit)")
        }
        reaction()
    }

    /// Runs until so many incidents were told.
    func run(until count: Int) throws {
        try temporary.run { [unowned self] in told.count >= count }
    }
}

@Suite struct PipelineTests {
    @Test func `events come in order, and the end after them`() throws {
        let scene = try PipelineScene(
            #"echo '{"event":"ready","model":"m","models":["m"]}'; echo '{"event":"pong"}'"#)
        try scene.run(until: 3)
        #expect(
            scene.told == [
                #"event ready(model: Optional("m"), models: ["m"])"#, "event pong",
                "ended exit status 0",
            ])
    }

    @Test(arguments: [
        ("exit 3", "ended exit status 3"), ("kill -9 $$", "ended signal 9 (Killed)"),
        ("printf half; exit 4", "ended exit status 4"),
        ("exec >&-; exit 5", "ended exit status 5"),
    ])
    func `how it ended is told once`(_ command: String, _ end: String) throws {
        let scene = try PipelineScene(command)
        try scene.run(until: 1)
        #expect(scene.told == [end])
    }

    // More than one read, and more than a pipe holds.
    @Test func `a line may come in pieces`() throws {
        let scene = try PipelineScene(
            """
            printf '{"event":"fatal","error":"'
            head -c 300000 /dev/zero | tr '\\0' a
            echo '"}'
            cat
            """)
        try scene.run(until: 1)
        #expect(scene.told == ["event fatal(\"\(String(repeating: "a", count: 300_000))\")"])
    }

    @Test(arguments: [
        ("echo hello", "hello"), ("echo", ""), (#"printf 'a\033[1mb\377\n'"#, "a [1mb\u{FFFD}"),
    ])
    func `a line that is no message is told`(_ command: String, _ text: String) throws {
        let scene = try PipelineScene("\(command); cat")
        try scene.run(until: 1)
        #expect(
            scene.told == ["garbage printed a line that is no message of the protocol: '\(text)'"])
    }

    @Test func `a line without an end is told and does not fill the memory`() throws {
        let scene = try PipelineScene("exec cat /dev/zero")
        scene.reaction = { [unowned scene] in scene.pipeline?.kill() }
        try scene.run(until: 1)
        #expect(scene.told == ["garbage printed a line of more than 1048576 bytes"])
    }

    // The loop has timers, signals and a stop to see to.
    @Test func `a pipeline that never stops talking does not hold up the loop`() throws {
        let scene = try PipelineScene(#"exec yes '{"event":"pong"}'"#)
        // Ends the test where the loop is held up for ever.
        scene.reaction = { [unowned scene] in
            if scene.told.count > 20_000 { scene.pipeline?.kill() }
        }
        try scene.run(until: 1)
        #expect(scene.told.count < 20_000)
    }

    // MARK: Input

    @Test func `what the pipe does not take goes later`() throws {
        let temporary = try TemporarySpool {
            $0.pipeline = """
                until [ -e "$GO" ]; do sleep 0.01; done
                head -c 1000000 | cksum | sed 's/.*/{"event":"fatal","error":"&"}/'
                cat
                """
        }
        let go = temporary.spool.path / "go"
        temporary.spool.settings.pipeline = "GO='\(go)'; " + temporary.spool.settings.pipeline
        let scene = try PipelineScene(PipelineCommand(temporary.spool.settings), temporary)
        for part in 0..<10 {
            scene.pipeline?.send(Array(repeating: UInt8(0x30 + part), count: 100_000))
        }
        try temporary.write("go", "")
        try scene.run(until: 1)
        let bytes = (0..<10).map { String(repeating: "\($0)", count: 100_000) }.joined()
        try temporary.write("sent", bytes)
        let sum = try Command.run(
            "/bin/sh", ["-c", Path("cksum < '\(temporary.spool.path / "sent")'")],
            timeout: .seconds(20))
        #expect(scene.told == [#"event fatal("\#(sum.text.dropLast())")"#])
    }

    @Test func `a pipeline that reads nothing any more is no error of ours`() throws {
        let scene = try PipelineScene(#"exec <&-; echo '{"event":"pong"}'; exec sleep 1000"#)
        try scene.run(until: 1)
        for _ in 1...3 { scene.pipeline?.send(Array(repeating: 65, count: 100_000)) }
        scene.pipeline?.finish()
        scene.pipeline?.kill()
        #expect(scene.told == ["event pong"])
    }

    @Test func `the end of its input lets it exit by itself`() throws {
        let scene = try PipelineScene("cat; exit 7")
        scene.pipeline?.finish()
        try scene.run(until: 1)
        #expect(scene.told == ["ended exit status 7"])
    }

    // MARK: Ends

    @Test func `killed inside its own handler, it says nothing any more`() throws {
        let scene = try PipelineScene("echo one; echo two; echo three; exec sleep 1000")
        let pid = try #require(scene.pipeline?.pid)
        scene.reaction = { [unowned scene] in
            scene.pipeline?.kill()
            scene.pipeline = nil
        }
        try scene.run(until: 1)
        try scene.temporary.run { !ProcessWatch.isRunning(pid) }
        #expect(scene.told.count == 1)
    }

    @Test(arguments: [false, true])
    func `its whole group dies with it`(_ byItself: Bool) throws {
        let scene = try PipelineScene(
            #"sleep 1000 >&- & echo "{\"event\":\"fatal\",\"error\":\"$!\"}"; read x; exit 0"#)
        try scene.run(until: 1)
        let number = scene.told.first?.split(separator: "\"").dropFirst().first
        let grandchild = try #require(number.flatMap { Int32($0) })
        #expect(ProcessWatch.isRunning(grandchild))
        if byItself {
            scene.pipeline?.send([0x0A])
            try scene.run(until: 2)
        } else {
            scene.pipeline = nil
        }
        try scene.temporary.run { !ProcessWatch.isRunning(grandchild) }
    }

    @Test func `a grandchild that holds its output open does not hide its end`() throws {
        let scene = try PipelineScene("sleep 1000 & exit 6")
        try scene.run(until: 1)
        #expect(scene.told == ["ended exit status 6"])
    }
}
