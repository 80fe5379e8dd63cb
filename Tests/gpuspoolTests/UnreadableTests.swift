import Linux
import SpoolFormat
import Testing

/// What cannot be read concerns its own job or drop and no other.
@Suite(.serialized, .evidence) struct UnreadableTests {
    @Test func `an instruction that is no file does not close the door for others`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.shell(
                """
                cd incoming
                ln -s /etc/hostname link.json; mkfifo pipe.json; ln -s link.json loop.json
                for stem in link pipe loop; do cp $PHOTOS/cat.png $stem.png; done
                """)
            try spool.drop("good")
            _ = try spool.view(of: "good", is: "queued")
            for id in ["link", "pipe", "loop"] {
                let view = try spool.view(of: id, is: "rejected")
                #expect(view["code"]?.text == "invalid_request", "\(view)")
            }
        }
    }

    @Test func `a list tells what it cannot read, and lists the rest`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.start("watch")
            for id in ["a", "b", "c"] {
                try spool.drop(id)
                _ = try spool.view(of: id, is: "queued")
            }
            #expect(try watcher.stop() == .status(0))
            try spool.shell(
                """
                rm status/b.json; mv queued/b/status.json record
                ln -s ../../record queued/b/status.json
                """)
            for words in [["list"], ["list", "--json"], ["list", "--state", "queued"]] {
                let outcome = try spool.runWords(["--spool", "\(spool.path)"] + words)
                #expect(outcome.status == 71)
                #expect(outcome.error.hasPrefix("gpuspool: job b: open '"), "\(outcome)")
                #expect(outcome.error.split(separator: "\n").count == 1)
                for id in ["a", "c"] { #expect(outcome.output.contains(id), "\(outcome)") }
            }
            let status = try spool.run("status", "b")
            #expect(status.status == 71)
            #expect(try spool.run("status", "a").status == 0)
            let verified = try spool.run("verify")
            #expect(verified.status == 1)
            #expect(verified.output.contains("queued/b"), "\(verified)")
        }
    }

    private static let canBeNobody: Bool = {
        let words = setpriv + [Program.path, "--version"]
        let result = try? Command.run(words[0], Array(words.dropFirst()), timeout: .seconds(10))
        return Host.user == 0 && result?.exit == .status(0)
    }()

    private static let setpriv: [Path] = [
        "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    ]

    @Test(.enabled(if: canBeNobody, "needs root, and a program that nobody may run"))
    func `a file the service may not read does not close the door for others`() throws {
        try TestSpool.use { spool in
            try spool.shell("chown -R 65534:65534 .")
            let words = UnreadableTests.setpriv.map { "\($0)" }.joined(separator: " ")
            _ = try spool.startShell(
                "exec \(words) \(Program.path) --spool \(spool.path) watch")
            try spool.shell(
                """
                cp $PHOTOS/cat.png incoming/mine.png
                echo '{"instruction": "blur"}' > incoming/.json
                chmod 0 incoming/.json; mv incoming/.json incoming/mine.json
                """)
            let view = try spool.wait(for: "the reason") { () -> JSONValue? in
                let view = try spool.json("status/mine.json")
                return view?["error"]?.text?.contains("may not read") == true ? view : nil
            }
            #expect(view["status"]?.text == "receiving", "\(view)")
            try spool.drop("good")
            try spool.shell("chown 65534 incoming/good.*")
            _ = try spool.view(of: "good", is: "queued")
            try spool.shell("chmod 644 incoming/mine.json")
            _ = try spool.view(of: "mine", is: "queued")
        }
    }

    private static let canOwnFiles: Bool = {
        let words = setpriv + fileOwner + [Program.path, "--version"]
        let result = try? Command.run(words[0], Array(words.dropFirst()), timeout: .seconds(10))
        return canBeNobody && result?.exit == .status(0)
    }()

    private static let fileOwner: [Path] = [
        "--inh-caps=-all,+fowner", "--ambient-caps=-all,+fowner",
    ]

    /// A umask of 077: in the share nobody but the sender could read it.
    @Test(.enabled(if: canOwnFiles, "needs root, setpriv and CAP_FOWNER"))
    func `with CAP_FOWNER what a sender's mode hides is taken`() throws {
        try TestSpool.use { spool in
            try spool.shell("chown -R 65534:65534 .")
            let words = (UnreadableTests.setpriv + UnreadableTests.fileOwner)
                .map { "\($0)" }.joined(separator: " ")
            _ = try spool.startShell(
                "exec \(words) \(Program.path) --spool \(spool.path) watch")
            try spool.shell(
                """
                umask 077
                mkdir incoming/.folder incoming/.wrong
                cp $PHOTOS/cat.png incoming/.png; echo '{"instruction": "blur"}' > incoming/.json
                cp incoming/.png incoming/.folder/x.png; cp incoming/.json incoming/.folder/x.json
                mkdir -p incoming/.wrong/a/b; touch incoming/.wrong/a/b/c
                chown -R 65533 incoming/.[fjpw]*
                cd incoming; mv .folder folder; mv .wrong wrong; mv .png pair.png; mv .json pair.json
                """)
            _ = try spool.view(of: "pair", is: "queued")
            _ = try spool.view(of: "folder", is: "queued")
            _ = try spool.view(of: "wrong", is: "rejected")
            #expect(try spool.names("incoming") == [])
        }
    }

    /// A foreign hand's work in the service's own directories, found at the start.
    @Test func `a record that cannot be read stops neither the watcher nor the worker`() throws {
        try TestSpool.use { spool in
            try spool.shell(
                """
                for bundle in queued/old queued/later running/cut@1 done/ended; do
                    mkdir $bundle; : > $bundle/lease; ln -s /etc/hostname $bundle/status.json
                done
                touch -d 'next week' queued/later
                ln -s /etc/hostname .spool/workers/ghost.json
                ln -s /etc/hostname .spool/tmp/1.ghost
                """)
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start("run", "--set", pipeline.setting)
            try spool.drop("good")
            _ = try spool.view(of: "good", is: "completed")
            #expect(try spool.names("queued") == ["later", "old"])
            let log = try service.printed()
            #expect(log.contains("Reading the record of job old: open "), "\(log)")
            #expect(log.contains("Reading the record of job ended: open "), "\(log)")
        }
    }

    /// A directory in place of a view: what cannot be removed or replaced keeps no other.
    @Test func `a view that cannot be written does not stop the others`() throws {
        try TestSpool.use { spool in
            try spool.shell("mkdir -p status/ghost.json/x status/b.json/x")
            let service = try spool.start("watch")
            for id in ["a", "b", "c"] { try spool.drop(id) }
            for id in ["a", "c"] { _ = try spool.view(of: id, is: "queued") }
            _ = try spool.wait(for: "three jobs in queue.json") {
                try spool.json("queue.json")?["queued_count"] == .int(3) ? true : nil
            }
            #expect(try service.printed().contains("Writing the views: "))
        }
    }
}
