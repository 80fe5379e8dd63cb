import Linux
import SpoolFormat
import Testing

/// `submit` as a station of its own.
@Suite(.serialized, .evidence) struct SubmitTests {
    private let photo = "\(TestSpool.photos)/cat.png"

    @Test func `without waiting the verdict is printed`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            let first = try spool.run("submit", photo, "blur", "--name", "a")
            #expect(first.status == 0)
            #expect(first.output.hasPrefix("a                         queued, position 1"))
            let second = try spool.run("submit", photo, "blur", "--json", "--seed", "5")
            #expect(second.status == 0)
            #expect(second.output.contains("\"job_id\" : \"cat\""))
            #expect(second.output.contains("\"position\" : 2"))
            let request = try #require(try spool.json("queued/cat/request.json"))
            #expect(request["instruction"]?.text == "blur")
            #expect(request["image"]?.text == "cat.png")
            #expect(request["seed"] == .int(5))
            #expect(try spool.names("incoming").isEmpty)
            let again = try spool.run("submit", photo, "blur", "--name", "a")
            #expect(again.output.hasPrefix("a~2 "), "\(again)")
        }
    }

    @Test func `with --output the same seed gives the same bytes`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("run")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            let outputs = try [("x", "7"), ("y", "7"), ("z", "8")].map { name, seed in
                let file = spool.folder / Path(name + ".png")
                let outcome = try spool.run(
                    "submit", photo, "add snow", "--seed", seed, "--name", name, "--output",
                    "\(file)")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.output == "\(file)\n")
                #expect(outcome.error.contains("\(name): completed, rules_"), "\(outcome)")
                return try #require(try Disk.read(file))
            }
            #expect(outputs[0] == outputs[1])
            #expect(outputs[0] != outputs[2])
            let waited = try spool.run("submit", photo, "rotate 90", "--name", "w", "--wait")
            let result = try spool.view(of: "w", is: "completed")["result_path"]?.text
            #expect(waited.output == "\(spool.path)/done/w/\(result ?? "?")\n")
            let failed = try spool.run("submit", photo, "make me rich", "--name", "f", "--wait")
            #expect(failed.status == 1)
            let error = try spool.view(of: "f", is: "failed")["error"]?.text
            #expect(error?.contains("make me rich") == true)
            #expect(failed.error.hasSuffix("gpuspool: \(error ?? "?")\n"), "\(failed)")
        }
    }

    @Test func `a refusal for good is 65, one for now 75`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=1") { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            let long = try spool.run("submit", photo, String(repeating: "x", count: 501))
            #expect(long.status == 65)
            #expect(
                long.error
                    == "gpuspool: The instruction has 501 characters; 1 to 500 are allowed.\n")
            try spool.shell("cp $PHOTOS/rocket.jpg ../big.jpg; truncate -s 15938355 ../big.jpg")
            let big = try spool.run("submit", "\(spool.folder)/big.jpg", "blur")
            #expect(big.status == 65)
            #expect(big.error == "gpuspool: Image too large (15.2MB). Maximum 10MB allowed.\n")
            #expect(try spool.run("submit", photo, "blur").status == 0)
            let full = try spool.run("submit", photo, "blur", "--name", "next")
            #expect(full.status == 75)
            #expect(
                full.error == "gpuspool: Queue is full (maximum 1 jobs). Please try again later. "
                    + "Come back in 300 s.\n")
        }
    }

    @Test func `with --retry it comes back when told to`() throws {
        try TestSpool.use("MAX_INFLIGHT_JOBS=1", "RETRY_AFTER_SECONDS=1") { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            #expect(try spool.run("submit", photo, "blur").status == 0)
            let patient = try spool.start("submit", photo, "blur", "--name", "p", "--retry")
            _ = try spool.view(of: "p", is: "rejected")
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            #expect(try patient.end() == .status(0))
            #expect(try patient.printed().contains("Trying again in 1 s."))
            _ = try spool.view(of: "p", is: "completed")
        }
    }

    @Test func `status --follow tells each change and ends with the job`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            let follower = try spool.start("status", "a", "--follow")
            _ = try spool.wait(for: "its first line") {
                try follower.printed().contains("a: queued, position 1") ? true : nil
            }
            _ = try spool.start("work", "--set", pipeline.setting)
            #expect(try follower.end() == .status(0))
            let result = try spool.view(of: "a", is: "completed")["result_path"]?.text ?? "?"
            #expect(try follower.printed().contains("a: completed, \(result)\n"))
            #expect(try follower.printed().contains("Job a: completed, \(result)\n"))
        }
    }

    @Test func `what cannot be submitted is told before anything is dropped`() throws {
        try TestSpool.use { spool in
            let nobody = try spool.run("submit", photo, "blur")
            #expect(nobody.status == 75)
            #expect(nobody.error.hasPrefix("gpuspool: no watcher serves '\(spool.path)'"))
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            let seed = try spool.run("submit", photo, "blur", "--seed", "-1")
            #expect(seed.status == 2)
            #expect(seed.error.contains("--seed is '-1'; it must be an integer from 0 to"))
            let station = try spool.run("submit", photo, "blur", "--station", "desk")
            #expect(station.status == 3)
            #expect(station.error.contains("there is no station 'desk'"))
            let missing = try spool.run("submit", "/no/such.png", "blur")
            #expect(missing.status == 71)
            #expect(missing.error.contains("/no"), "\(missing)")
            #expect(try spool.names("incoming").isEmpty)
        }
    }

    /// The door takes none of these names: their drops waited for the end of an upload for ever.
    @Test(arguments: ["x.tmp", "x.jpg.part", "x.png~", "x.retry", "x.json", "x.lock"])
    func `a photo with the name of a temporary file is dropped under a better one`(name: String)
        throws
    {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            try spool.shell("cp $PHOTOS/cat.png '../\(name)'")
            let outcome = try spool.run("submit", "\(spool.folder)/\(name)", "blur", "--json")
            #expect(outcome.status == 0, "\(outcome)")
            let stem = name.contains("jpg") ? "x.jpg" : "x"
            let request = try #require(try spool.json("queued" / Path(stem) / "request.json"))
            #expect(request["image"]?.text == "\(stem).png")
            #expect(try spool.names("incoming").isEmpty)
        }
    }

    @Test(arguments: [".x", "~$x", "_unpack_x", "a/b", ""])
    func `a name that the door never takes is refused`(name: String) throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            _ = try spool.wait(for: "the watcher") { try spool.json("queue.json") }
            let outcome = try spool.run("submit", photo, "blur", "--name", name)
            #expect(outcome.status == 2)
            #expect(
                outcome.error == "gpuspool: '\(name)' is no name for a drop: "
                    + "the door never takes it. Give the drop another one with --name.\n")
            #expect(try spool.names("incoming").isEmpty)
        }
    }

    @Test func `a station's submission goes through its box`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            _ = try spool.run("station", "add", "desk")
            let outcome = try spool.run("submit", photo, "blur", "--station", "desk", "--json")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.contains("\"job_id\" : \"desk.cat\""))
            #expect(outcome.output.contains("\"station\" : \"desk\""))
        }
    }
}
