import Linux
import SpoolFormat
import TestSupport
import Testing

/// What services tell a service manager: sd_notify(3).
@Suite(.serialized, .evidence) struct ServiceNewsTests {
    /// A pipeline that says its steps, one each time that the test writes to a FIFO.
    private func stepping(in spool: TestSpool, _ more: String = "") throws -> FakePipeline {
        try spool.shell("mkfifo ../go")
        return try FakePipeline(
            in: spool,
            """
            def edit(order):
                for step in (1, 2):
                    open("\(spool.folder)/go").read()
                    say(event="progress", job_id=order["job_id"], step=step, steps=2)
                good(order)
            \(more)
            """)
    }

    @Test func `a watcher says when it serves, what it does, and when it ends`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let watcher = try spool.start("watch", environment: manager.environment())
            #expect(try manager.wait(for: "READY=1") == ["READY=1", "STATUS=Idle; no worker"])
            #expect(!manager.socket.heard.contains("WATCHDOG=1"))
            try spool.drop("a")
            try manager.wait(for: "STATUS=1 queued, 0 running; no worker")
            let pipeline = try stepping(in: spool)
            _ = try spool.start("work", "--set", pipeline.setting)
            try manager.wait(for: "STATUS=0 queued, 1 running: a")
            try spool.shell("echo > ../go")
            try manager.wait(for: "STATUS=0 queued, 1 running: a step 1/2")
            try spool.shell("echo > ../go")
            try manager.wait(for: "STATUS=Idle")
            #expect(try watcher.stop() == .status(0))
            try manager.wait(for: "STOPPING=1")
        }
    }

    @Test func `a worker is ready when its pipeline is, and says what it does`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            try spool.shell("mkfifo ../load")
            let pipeline = try stepping(
                in: spool,
                """
                def load(order):
                    open("\(spool.folder)/load").read()
                    write("\(spool.folder)/environment", str(sorted(os.environ)).encode())
                    say(event="ready", model="fake", models=["fake"])
                """)
            _ = try spool.start("watch")
            let worker = try spool.start(
                "work", "--set", pipeline.setting,
                environment: manager.environment(watchdog: 600_000_000))
            try manager.wait(for: "STATUS=Loading the pipeline")
            // More time than a start may take.
            try manager.wait(for: "EXTEND_TIMEOUT_USEC=30000000")
            #expect(!manager.socket.heard.contains { $0.contains("READY=1") })
            try spool.shell("echo > ../load")
            #expect(try manager.wait(for: "READY=1") == ["READY=1", "STATUS=Idle; model fake"])
            let environment = try Disk.text(spool.folder / "environment")
            #expect(!environment.contains("NOTIFY") && !environment.contains("WATCHDOG"))
            #expect(environment.contains("PATH"))
            try spool.drop("a")
            try manager.wait(for: "STATUS=Running a; model fake")
            try spool.shell("echo > ../go")
            try manager.wait(for: "STATUS=Running a step 1/2; model fake")
            manager.socket.skip()
            worker.child.signal(.terminate)
            try manager.wait(for: "STOPPING=1")
            try manager.wait(for: "EXTEND_TIMEOUT_USEC=30000000")
            try spool.shell("echo > ../go")
            #expect(try worker.end() == .status(0))
            #expect(try spool.names("done") == ["a"])
        }
    }

    @Test func `a job of a station with a group has no name for everybody`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let pipeline = try stepping(in: spool)
            let added = try? spool.run("station", "add", "k", "--group", "daemon")
            _ = try spool.start("watch")
            #expect(try added?.status == 0 || spool.run("station", "add", "k").status == 0)
            let worker = try spool.start(
                "work", "--set", pipeline.setting, environment: manager.environment())
            try spool.drop("secret", box: "incoming/k")
            try manager.wait(for: "STATUS=Running a private job; model fake")
            worker.kill()
            #expect(!manager.socket.heard.contains { $0.contains("secret") })
        }
    }

    @Test func `a reload begins and ends, whatever the settings say`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let watcher = try spool.start("watch", environment: manager.environment())
            try manager.wait(for: "READY=1")
            for settings in ["MAX_INFLIGHT_JOBS=2\n", "MAX_INFLIGHT_JOBS=many\n"] {
                try Disk.write(spool.path / "spool.conf", settings.utf8)
                watcher.child.signal(.hangUp)
                let lines = try manager.wait(for: "RELOADING=1")
                #expect(lines.last?.hasPrefix("MONOTONIC_USEC=") == true)
                #expect(try manager.wait(for: "READY=1") == ["READY=1"])
            }
        }
    }

    @Test func `a service whose spool is gone says that it waits`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            _ = try spool.start("watch", environment: manager.environment())
            try manager.wait(for: "READY=1")
            try spool.shell("mv ../spool ../elsewhere")
            try manager.wait(for: "STATUS=The spool '\(spool.path)' is lost: ")
            try spool.mount("mv elsewhere spool")
            try manager.wait(for: "STATUS=Idle")
        }
    }

    @Test func `an idle service that nobody watches tells nothing`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            _ = try spool.start("watch", environment: manager.environment())
            try manager.wait(for: "READY=1")
            manager.socket.take()
            try Waiting.pause(.seconds(2))
            #expect(manager.socket.take() == [])
        }
    }

    @Test func `an address that is none is told, and no reason not to serve`() throws {
        try TestSpool.use { spool in
            let watcher = try spool.start("watch", environment: ["NOTIFY_SOCKET": "vsock:2:1"])
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "queued")
            #expect(try watcher.printed().contains("Speaking to the service manager"))
        }
    }
}
