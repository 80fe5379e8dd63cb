import Linux

/// A pipeline in a few lines of Python that starts at once and does what a test says.
///
/// It answers every edit with a copy of `cat.png`, and writes one line `JOB PID` for each to
/// `jobs.log`. `behaviour` may replace `edit`, and anything else.
struct FakePipeline {
    private let spool: TestSpool
    private let name: String

    init(in spool: TestSpool, name: String = "fake", _ behaviour: String = "") throws {
        self.spool = spool
        self.name = name
        try Disk.write(
            spool.folder / Path("\(name).py"),
            """
            import json, os, sys, time
            PHOTO = open("\(TestSpool.photos)/cat.png", "rb").read()
            def say(**message): print(json.dumps(message), flush=True)
            def write(path, data):
                with open(path, "wb") as file: file.write(data)
            def note(order):
                with open("\(spool.folder)/jobs.log", "a") as file:
                    file.write(order["job_id"] + " " + str(os.getpid()) + "\\n")
            def done(order): say(event="done", job_id=order["job_id"], seed=order["seed"])
            def good(order):
                write(order["output"], PHOTO)
                done(order)
            def edit(order): good(order)
            def load(order): say(event="ready", model="fake", models=["fake"])
            \(behaviour)
            for line in sys.stdin:
                order = json.loads(line)
                if order["op"] == "load": load(order)
                if order["op"] == "ping": say(event="pong")
                if order["op"] == "edit":
                    note(order)
                    edit(order)

            """.utf8)
    }

    /// For `--set`.
    var setting: String { "PIPELINE=exec /usr/bin/python3 -IS \(spool.folder)/\(name).py" }

    /// The jobs it was given, in order, and the process that was.
    func jobs() throws -> [(id: String, pid: String)] {
        let log = String(decoding: try Disk.read(spool.folder / "jobs.log") ?? [], as: UTF8.self)
        return log.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (words.dropLast().joined(separator: " "), String(words.last ?? ""))
        }
    }
}
