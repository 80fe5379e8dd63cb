import Linux
import SpoolFormat
import TestSupport
import Testing

/// `WATCHDOG=1` comes from those who live, not from a timer.
@Suite(.serialized, .evidence) struct WatchdogTests {
    /// A watchdog's time, in microseconds: asked for twice in it.
    private static let time = 1_000_000

    /// Waits until it was told so often.
    private func wait(for count: Int, _ manager: Manager, _ spool: TestSpool) throws {
        manager.socket.take()
        let before = manager.lives
        _ = try spool.wait(for: "\(count) signs of life") {
            manager.socket.take()
            return manager.lives >= before + count ? true : nil
        }
    }

    /// Whether nothing is told for twice the time.
    private func isSilent(_ manager: Manager) throws -> Bool {
        manager.socket.take()
        let before = manager.lives
        try Waiting.pause(.microseconds(WatchdogTests.time * 2))
        manager.socket.take()
        return manager.lives == before
    }

    /// A worker whose pipeline is stopped says why it is silent, and lives again with it.
    private func expectSilence(
        whileStopped child: String, of worker: Daemon, _ manager: Manager, _ spool: TestSpool
    ) throws {
        try spool.shell("kill -STOP \(child)")
        _ = try spool.wait(for: silence) {
            try worker.printed().contains(silence) ? true : nil
        }
        #expect(try isSilent(manager))
        try spool.shell("kill -CONT \(child)")
        try wait(for: 2, manager, spool)
    }

    private func children(of worker: Daemon) throws -> String {
        try Disk.text(Path("/proc/\(worker.pid)/task/\(worker.pid)/children"))
    }

    private let silence = "The pipeline has said nothing for "

    @Test func `a watcher whose loop turns says so`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let watcher = try spool.start(
                "watch", environment: manager.environment(watchdog: WatchdogTests.time))
            try wait(for: 3, manager, spool)
            try spool.shell("kill -STOP \(watcher.pid)")
            #expect(try isSilent(manager))
            try spool.shell("kill -CONT \(watcher.pid)")
            try wait(for: 2, manager, spool)
        }
    }

    @Test func `an idle worker lives as long as its pipeline answers`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let pipeline = try FakePipeline(in: spool)
            let worker = try spool.start(
                "work", "--set", pipeline.setting,
                environment: manager.environment(watchdog: WatchdogTests.time))
            try wait(for: 3, manager, spool)
            try expectSilence(whileStopped: try children(of: worker), of: worker, manager, spool)
        }
    }

    @Test func `a process of all roles is ready and lives as its pipeline does`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let pipeline = try FakePipeline(in: spool)
            let service = try spool.start(
                "run", "--set", pipeline.setting,
                environment: manager.environment(watchdog: WatchdogTests.time))
            try manager.wait(for: "READY=1")
            // Not before its pipeline was.
            #expect(try service.printed().contains("Worker started"))
            try wait(for: 2, manager, spool)
            let child = try children(of: service)
            try spool.shell("kill -STOP \(child)")
            _ = try spool.wait(for: silence) {
                try service.printed().contains(silence) ? true : nil
            }
            #expect(try isSilent(manager))
        }
    }

    /// It reads its input between jobs: how long a job may take is another limit's business.
    @Test func `a pipeline that cannot answer at work is no reason to die`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            try spool.shell("mkfifo ../go")
            let pipeline = try FakePipeline(
                in: spool,
                "def edit(order):\n    open('\(spool.folder)/go').read()\n    good(order)")
            _ = try spool.start("watch")
            let worker = try spool.start(
                "work", "--set", pipeline.setting,
                environment: manager.environment(watchdog: WatchdogTests.time))
            for job in ["a", "b"] {
                try spool.drop(job)
                _ = try spool.view(of: job, is: "processing")
                try wait(for: 5, manager, spool)
                try spool.shell("echo > ../go")
                _ = try spool.view(of: job, is: "completed")
                try wait(for: 2, manager, spool)
            }
            #expect(try !worker.printed().contains(silence))
        }
    }

    /// The shipped protocol module answers in a thread of its own.
    @Test func `a pipeline that answered at work once has to`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            let program = spool.folder / "serve.py"
            try spool.shell("mkfifo ../go")
            try Disk.write(
                program,
                """
                import shutil, sys
                sys.path.insert(0, "\(TestSpool.photos)/../../Sources/Pipelines")
                sys.dont_write_bytecode = True
                import protocol
                class Pipeline:
                    models = ["slow"]
                    def load(self, model): pass
                    def edit(self, request, progress):
                        open("\(spool.folder)/go").read()
                        shutil.copy("\(TestSpool.photos)/cat.png", request.output)
                protocol.serve(Pipeline())
                """.utf8)
            _ = try spool.start("watch")
            let worker = try spool.start(
                "work", "--set", "PIPELINE=exec /usr/bin/python3 \(program)",
                environment: manager.environment(watchdog: WatchdogTests.time))
            try spool.drop("a")
            _ = try spool.view(of: "a", is: "processing")
            try wait(for: 3, manager, spool)
            try expectSilence(whileStopped: try children(of: worker), of: worker, manager, spool)
            try spool.shell("echo > ../go")
            _ = try spool.view(of: "a", is: "completed")
        }
    }

    @Test func `a time that is meant for another process is none`() throws {
        try TestSpool.use { spool in
            let manager = try Manager(in: spool)
            var environment = manager.environment(watchdog: 100_000)
            environment["WATCHDOG_PID"] = "1"
            _ = try spool.start("watch", environment: environment)
            try manager.wait(for: "READY=1")
            #expect(try isSilent(manager))
        }
    }
}
