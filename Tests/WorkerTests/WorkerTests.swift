import Linux
import SpoolFormat
import Testing

@testable import Spool
@testable import Worker

/// The work loop with a pipeline that does what the instruction says.
@Suite struct WorkerTests {
    let temporary: TemporarySpool

    init() throws {
        temporary = try TemporarySpool()
        let script = try temporary.script(
            "pipeline",
            #"""
            field() { printf '%s' "$line" | sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }
            while read -r line; do
                id=$(field job_id) output=$(field output) image=$(field image)
                done="{\"event\":\"done\",\"job_id\":\"$id\",\"seed\":7}"
                case "$line" in
                *'"op":"load"'*) echo '{"event":"ready","model":"m","models":["m"]}' ;;
                *'"good"'*) cp "$image" "$output"; echo "$done" ;;
                *'"fail"'*) echo "{\"event\":\"failed\",\"job_id\":\"$id\",\"error\":\"Too dark.\"}" ;;
                *'"die"'*) exit 3 ;;
                *'"garbage"'*) echo hello ;;
                *'"nothing"'*) echo "$done" ;;
                *'"directory"'*) mkdir "$output"; echo "$done" ;;
                *'"stranger"'*) echo '{"event":"done","job_id":"x","seed":7}' ;;
                *'"hang"'*) ;;
                *'"damaged"'*)
                    cp "$image" "$output"
                    printf '\0\0\0\0' | dd of="$output" bs=1 seek=2000 conv=notrunc 2>/dev/null
                    echo "$done" ;;
                *'"messy"'*)
                    (umask 077; cp "$image" "$output"; mkdir -p "${output%/*}/cache/deep"
                    touch "${output%/*}/tmpx")
                    echo "$done" ;;
                *'"obstacle"'*)
                    cp "$image" "$output"
                    mkdir -p "${output%/*}/new/in"
                    mv "${output%/*}/status.json" "${output%/*}/new/in"
                    mv "${output%/*}/new" "${output%/*}/status.json"
                    echo "$done" ;;
                esac
            done
            """#)
        temporary.spool.settings.pipeline = script.description
        temporary.spool.settings.jobTimeout = .seconds(10)
        temporary.spool.settings.jobRetryDelay = .zero
    }

    private func admit(_ id: String, _ instruction: String) throws {
        try temporary.admit(id, #"{"instruction":"\#(instruction)"}"#)
    }

    private func record(_ bundle: Path) throws -> JobRecord {
        let bytes = Array(try temporary.text(bundle / "status.json").utf8)
        return try #require(JSONText.decode(JobRecord.self, from: bytes))
    }

    private func stop(_ worker: Worker, _ end: @escaping () -> Worker.WorkerEnd?) throws {
        worker.stop(grace: .zero)
        try temporary.run { end() != nil }
        guard case .stopped = end() else {
            Issue.record("\(String(describing: end()))")
            return
        }
    }

    // One that costs its pipeline's life is tried once more: the first time it may be an accident.
    @Test(arguments: [
        ("fail", 1, "Too dark."), ("die", 2, "The pipeline died (exit status 3)."),
        ("garbage", 2, "no message of the protocol: 'hello'"),
        ("nothing", 2, "The pipeline said it was done but wrote no output file."),
        ("directory", 2, "The pipeline's output is not a file but a directory."),
        (
            "damaged", 2,
            "The pipeline's output is damaged: the checksum of its part at byte"
        ),
        ("stranger", 2, "The pipeline speaks of the job 'x', which it was not given."),
    ])
    func `what the pipeline does wrong ends the job, and the next one runs`(
        _ instruction: String, _ runs: Int, _ error: String
    ) throws {
        try admit("bad", instruction)
        try admit("next", "good")
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in
            try temporary.bundles() == ["done/next", "failed/bad"]
        }
        let failed = try record("failed/bad")
        #expect(failed.view.status == .failed)
        #expect(failed.view.error?.contains(error) == true, "\(failed.view.error ?? "none")")
        #expect(failed.claims == runs)
        #expect(failed.view.attempts == runs)
        #expect(failed.view.isDeadLetter == (runs == 2))
        #expect(try temporary.names("failed/bad").count == 4)
        let done = try record("done/next")
        #expect(done.view.resultSeed == 7)
        #expect(done.view.model == "m")
        try stop(worker) { end }
        #expect(try temporary.card("worker-1").state == .stopped)
        #expect(try temporary.card("worker-1").jobsDone == 2)
    }

    @Test func `a job that runs too long twice is a dead letter`() throws {
        temporary.spool.settings.jobTimeout = .milliseconds(300)
        try admit("slow", "hang")
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in try temporary.bundles() == ["failed/slow"] }
        let failed = try record("failed/slow")
        #expect(failed.view.error == "The job ran longer than 0.3 s; the pipeline was silent.")
        #expect(failed.claims == 2)
        #expect(failed.view.isDeadLetter)
        try stop(worker) { end }
    }

    @Test func `a stop without grace gives the job back to its place`() throws {
        try admit("slow", "hang")
        let stamp = try temporary.spool.root.status(of: "queued/slow")?.modified
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in try temporary.cardIfPresent("worker-1")?.state == .busy }
        try stop(worker) { end }
        #expect(try temporary.bundles() == ["queued/slow"])
        #expect(try temporary.spool.root.status(of: "queued/slow")?.modified == stamp)
        let given = try record("queued/slow")
        #expect(given.view.attempts == 0)
        #expect(given.claims == 1)
    }

    @Test func `a pipeline that cannot start ends the worker once`() throws {
        temporary.spool.settings.pipeline = #"echo '{"event":"fatal","error":"no GPU"}'; cat"#
        var ends: [Worker.WorkerEnd] = []
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { ends.append($0) }
        try temporary.run { !ends.isEmpty }
        guard case .broken(let error) = ends.first else {
            Issue.record("\(ends)")
            return
        }
        #expect(error.contains("no GPU"))
        #expect(try temporary.card("worker-1").state == .broken)
        #expect(ends.count == 1)
        withExtendedLifetime(worker) {}
    }

    @Test func `a job for a model that is not offered waits, the others run`() throws {
        try temporary.admit("other", #"{"instruction":"good","model":"qwen-4step"}"#)
        try temporary.admit("mine", #"{"instruction":"good","model":"m"}"#)
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in
            try temporary.bundles() == ["queued/other", "done/mine"]
        }
        try stop(worker) { end }
    }

    // A pipeline makes its file with mkstemp, mode 600: no station could read the result.
    @Test func `a result is readable, and nothing else of the pipeline's is left`() throws {
        try admit("a", "messy")
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in try temporary.bundles() == ["done/a"] }
        let result = try #require(try record("done/a").view.resultPath)
        #expect(
            try temporary.names("done/a")
                == ["a.png", "lease", result, "request.json", "status.json"].sorted())
        for name in [result, "a.png", "request.json", "status.json"] {
            let mode = try temporary.spool.root.status(of: "done/a" / Path(name))?.mode
            #expect(mode == 0o644, "\(name)")
        }
        try stop(worker) { end }
    }

    // MARK: Ends that are not allowed

    // One name that was taken kept all other jobs from running.
    @Test func `a job whose place is taken waits for it, and the next ones run`() throws {
        for id in ["a", "b", "c", "d"] {
            try admit(id, "good")
            try temporary.write(Path("done/\(id)"), "theirs")
        }
        try admit("next", "good")
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in
            try temporary.spool.root.status(of: "done/next")?.kind == .directory
        }
        #expect(try temporary.names("running") == ["a@1", "b@1", "c@1", "d@1"])
        #expect(try temporary.text("done/a") == "theirs")
        for id in ["a", "b", "c", "d"] {
            try temporary.spool.root.remove(Path("done/\(id)"))
        }
        try temporary.run { [self] in
            try temporary.bundles() == ["done/a", "done/b", "done/c", "done/d", "done/next"]
        }
        #expect(try record("done/a").claims == 1)
        try stop(worker) { end }
        #expect(try temporary.card("worker-1").jobsDone == 5)
    }

    // So many at once have one cause: whatever runs next would only heat the room.
    @Test func `after the third end that fails nothing is claimed until one succeeds`() throws {
        for id in ["a", "b", "c"] { try admit(id, "obstacle") }
        // It is sent before the third end fails.
        try admit("ahead", "good")
        try admit("next", "good")
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in
            try temporary.cardIfPresent("worker-1")?.state == .blocked
        }
        #expect(
            try temporary.bundles()
                == ["queued/next", "running/a@1", "running/b@1", "running/c@1", "done/ahead"])
        #expect(try temporary.card("worker-1").error?.contains("status.json") == true)
        try temporary.spool.root.removeTree("running/b@1/status.json")
        try temporary.run { [self] in
            try temporary.bundles()
                == ["running/a@1", "running/c@1", "done/ahead", "done/b", "done/next"]
        }
        try temporary.run { [self] in try temporary.card("worker-1").state == .idle }
        #expect(try temporary.card("worker-1").error == nil)
        try stop(worker) { end }
        // Left to recovery.
        #expect(try temporary.names("running") == ["a@1", "c@1"])
    }

    @Test func `an end is tried again soon, then every few seconds`() {
        var waits: [Duration] = []
        for _ in 1...8 { waits.append(Worker.PendingEnd.wait(after: waits.last)) }
        #expect(
            waits
                == [100, 200, 400, 800, 1600, 3200, 5000, 5000].map { Duration.milliseconds($0) })
    }

    // I4: the bundle was taken away under the worker's feet.
    @Test func `a lost job is let alone and the next one runs`() throws {
        try admit("lost", "hang")
        temporary.spool.settings.jobTimeout = .milliseconds(500)
        var end: Worker.WorkerEnd?
        let worker = try Worker(temporary.spool, name: nil, on: temporary.loop) { end = $0 }
        try temporary.run { [self] in try temporary.cardIfPresent("worker-1")?.state == .busy }
        try temporary.spool.root.rename("running/lost@1", to: "failed/elsewhere")
        try admit("next", "good")
        try temporary.run { [self] in
            try temporary.bundles() == ["done/next", "failed/elsewhere"]
        }
        #expect(try record("failed/elsewhere").view.status == .processing)
        try stop(worker) { end }
    }
}
