import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct SpoolLayoutTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    private func make(_ path: Path) throws {
        try SpoolLayout.make(at: temporary.spool.path / path, settings: Settings())
    }

    private func problem(_ body: () throws(LayoutProblem) -> Void) -> String? {
        do throws(LayoutProblem) {
            try body()
            return nil
        } catch { return error.description }
    }

    @Test func `a new spool has its directories with their permissions`() throws {
        try make("deep/down/new")
        let spool = Path("deep/down/new")
        #expect(
            try temporary.names(spool) == [
                ".spool", "done", "failed", "incoming", "queued", "rejected", "running",
                "spool.conf", "status",
            ])
        let open = try ["done", "failed", "incoming", "rejected", "status"].map {
            try temporary.status(spool / Path($0)).mode
        }
        let closed = try [".spool", "queued", "running", ".spool/staging", ".spool/trash"].map {
            try temporary.status(spool / Path($0)).mode
        }
        #expect(Set(open) == [0o755])
        #expect(Set(closed) == [0o700])
        #expect(try temporary.text(spool / ".spool/version") == "1\n")
        #expect(
            problem { () throws(LayoutProblem) in
                try SpoolLayout.check(temporary.spool.path / spool)
            } == nil)
    }

    @Test func `making it again keeps what is there and makes what is missing`() throws {
        try make("new")
        let root = temporary.spool
        try root.root.removeDirectory("new/.spool/trash")
        try root.root.remove("new/.spool/version")
        try root.root.remove("new/spool.conf")
        try temporary.write("new/spool.conf", "MAX_INFLIGHT_JOBS=3\n")
        try root.root.directory("new/done").setMode(0o750)
        try make("new")
        #expect(try temporary.text("new/spool.conf") == "MAX_INFLIGHT_JOBS=3\n")
        #expect(try temporary.status("new/done").mode == 0o750)
        #expect(try temporary.exists("new/.spool/trash"))
        #expect(try temporary.text("new/.spool/version") == "1\n")
    }

    @Test(arguments: ["2\n", "99", "one", ""])
    func `a newer or unknown layout is refused and left alone`(_ version: String) throws {
        try temporary.spool.root.remove(".spool/version")
        try temporary.write(".spool/version", version)
        let path = temporary.spool.path
        try temporary.spool.root.removeDirectory(".spool/keys")
        let text = version.prefix { $0 != "\n" }
        let expected =
            "the spool '\(path)' has layout \(text); this program knows 1. "
            + "Use the newer program that made it."
        #expect(problem { () throws(LayoutProblem) in try SpoolLayout.check(path) } == expected)
        #expect(
            problem { () throws(LayoutProblem) in
                try SpoolLayout.make(at: path, settings: Settings())
            } == expected)
        #expect(try !temporary.exists(".spool/keys"))
    }

    @Test(arguments: ["nowhere", "empty"])
    func `what is no spool is said to be none`(_ name: Path) throws {
        try temporary.makeDirectory("empty")
        let path = temporary.spool.path / name
        #expect(
            problem { () throws(LayoutProblem) in try SpoolLayout.check(path) }
                == "'\(path)' is not a spool. Make one with: gpuspool --spool '\(path)' init")
    }

    // MARK: A fresh checkout

    @Test func `a checkout with its state directories is completed`() throws {
        let path = temporary.spool.path / "checkout"
        try temporary.makeDirectory("checkout")
        for name in ["incoming", "queued", "running", "done", "failed", "rejected"] {
            #expect(
                problem { () throws(LayoutProblem) in
                    try SpoolLayout.complete(path, settings: Settings())
                } == nil)
            #expect(try !temporary.exists("checkout/.spool"))
            try temporary.makeDirectory("checkout/\(name)")
        }
        #expect(
            problem { () throws(LayoutProblem) in
                try SpoolLayout.complete(path, settings: Settings())
            } == nil)
        #expect(try temporary.text("checkout/.spool/version") == "1\n")
    }

    /// A process that was killed between the first directory of `.spool/` and its version left a
    /// spool that `run` refused until somebody gave `init`.
    @Test func `a checkout whose completion was cut off is completed`() throws {
        let path = temporary.spool.path
        try temporary.spool.root.remove(".spool/version")
        try temporary.spool.root.removeDirectory(".spool/tmp")
        try SpoolLayout.complete(path, settings: Settings())
        #expect(try temporary.text(".spool/version") == "1\n")
        try SpoolLayout.check(path)
    }

    @Test func `making a spool leaves no temporary file`() throws {
        try make("new")
        #expect(try temporary.names("new/.spool/tmp") == [])
    }

    @Test func `completing what is not there makes nothing`() throws {
        let path = temporary.spool.path / "nowhere"
        #expect(
            problem { () throws(LayoutProblem) in
                try SpoolLayout.complete(path, settings: Settings())
            } == nil)
        #expect(try !temporary.exists("nowhere"))
    }
}
