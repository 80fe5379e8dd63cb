import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Who is taken first, and how many at once.
@Suite struct AdmissionTests {
    /// A watcher that has not looked yet, in front of `count` drops of each kind: wrong ones came first.
    private func crowd(_ count: Int) throws -> Watching {
        let watching = try Watching(starts: false) {
            $0.maxInflightJobs = 1000
            $0.settle = .zero
        }
        for (prefix, instruction) in [("bad", ""), ("good", "blur")] {
            for name in names(prefix, 0..<count) {
                try watching.temporary.write(.incoming / Path(name + ".png"), Sample.png)
                try watching.temporary.write(
                    .incoming / Path(name + ".json"), #"{"instruction":"\#(instruction)"}"#)
            }
        }
        return watching
    }

    private func names(_ prefix: String, _ numbers: Range<Int>) -> [String] {
        numbers.map { "\(prefix)-\($0 + 100)" }
    }

    @Test func `of a crowd 32 are taken at once, those who may come in before the others`() throws {
        let watching = try crowd(40)
        try watching.start()
        let watcher = try #require(watching.watcher)
        var ready = watcher.inbox.pass(now: .now).candidates
        #expect(ready.count == 80)
        let crowds = [
            names("good", 0..<32), names("bad", 0..<24) + names("good", 32..<40),
            names("bad", 24..<40),
        ]
        for (turn, crowd) in crowds.enumerated() {
            let (taken, isMore) = watcher.admit(ready)
            #expect(taken.map { "\(Path($0.stem))" }.sorted() == crowd)
            #expect(isMore == (turn < 2))
            ready.removeAll { taken.contains($0.key) }
        }
        #expect(try watching.temporary.names("queued") == names("good", 0..<40))
        #expect(try watching.temporary.names("rejected") == names("bad", 0..<40))
    }

    @Test func `the rest of a crowd comes in with the next turns`() throws {
        let watching = try crowd(50)
        try watching.start()
        let (good, bad) = (names("good", 0..<50), names("bad", 0..<50))
        try watching.wait {
            try watching.temporary.names("queued") == good
                && watching.temporary.names("rejected") == bad
        }
    }
}
