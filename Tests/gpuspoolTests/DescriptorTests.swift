import Linux
import SpoolFormat
import Testing

/// What a process has open does not grow with the jobs it has served.
@Suite(.serialized, .evidence) struct DescriptorTests {
    /// Two descriptors of `incoming/` stayed open for each drop: after 500 jobs the usual limit of
    /// 1024 was reached, and no directory could be unmounted or seen removed.
    @Test func `jobs leave no open files behind`() throws {
        try TestSpool.use { spool in
            let pipeline = try FakePipeline(in: spool)
            let watcher = try spool.start("watch")
            let worker = try spool.start("work", "--set", pipeline.setting)
            try round(1, in: spool)
            let before = try [watcher, worker].map { try open(of: $0) }
            for number in 2...4 { try round(number, in: spool) }
            for (index, process) in [watcher, worker].enumerated() {
                // What one turn has open is closed at its end.
                _ = try spool.wait(for: "as many open files as before: \(before[index])") {
                    try open(of: process) <= before[index] ? true : nil
                }
            }
        }
    }

    /// A pair, a folder, and a refusal of each kind.
    private func round(_ number: Int, in spool: TestSpool) throws {
        try spool.drop("good\(number)")
        try spool.shell("mkdir ../new; cp $PHOTOS/cat.png ../new/a.png")
        try Disk.write(spool.folder / "new/a.json", #"{"instruction": "blur"}"#.utf8)
        try spool.shell("mv ../new incoming/folder\(number)")
        try spool.put(Path("incoming/bad\(number).json"), #"{"instruction": 1}"#)
        try spool.shell("cp $PHOTOS/cat.png incoming/bad\(number).png")
        try spool.shell("mkdir ../new; echo {} > ../new/a.json; echo {} > ../new/b.json")
        try spool.shell("mv ../new incoming/two\(number)")
        for name in ["good", "folder"] {
            _ = try spool.view(of: "\(name)\(number)", is: "completed")
        }
        for name in ["bad", "two"] { _ = try spool.view(of: "\(name)\(number)", is: "rejected") }
    }

    private func open(of process: Daemon) throws -> Int {
        try Disk.names(Path("/proc/\(process.pid)/fd")).count
    }
}
