import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Each damage is found, alone and under its invariant, put right, and not found again.
@Suite struct VerificationTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// As `I3 done/d`.
        let found: [String]
        /// Bundles that stand elsewhere after the repair.
        let moved: [String: String]
        let isMended: Bool
        let make: @Sendable (Wreck) throws -> Void

        init(
            _ name: String, _ found: String..., moved: [String: String] = [:],
            isMended: Bool = true, make: @escaping @Sendable (Wreck) throws -> Void
        ) {
            testDescription = name
            self.found = found
            self.moved = moved
            self.isMended = isMended
            self.make = make
        }
    }

    static let leases: [Damage] = [
        Damage("no lease in done", "I4 done/d") { try $0.remove("done/d/lease") },
        Damage("no lease in queued", "I4 queued/p") { try $0.remove("queued/p/lease") },
        Damage("no lease in running", "I4 running/n@1") { try $0.remove("running/n@1/lease") },
        Damage("a lease that others can open", "I4 failed/f") {
            try $0.spool.root.open("failed/f/lease").setMode(0o644)
        },
        Damage("a lease with two names", "I4 queued/q") {
            try $0.temporary.hardLink(.hidden("x"), to: "queued/q/lease")
        },
        Damage("a lease that is a directory", "I4 rejected/r") { wreck in
            try wreck.unnoticed("rejected/r") {
                try wreck.spool.root.remove("rejected/r/lease")
                try wreck.temporary.makeDirectory("rejected/r/lease")
            }
        },
        Damage("a lease of two bundles", "I4 done/d", "I4 failed/f", "I4 failed/f") { wreck in
            try wreck.unnoticed("failed/f") {
                try wreck.spool.root.remove("failed/f/lease")
                try wreck.temporary.hardLink("failed/f/lease", to: "done/d/lease")
            }
        },
    ]

    static let records: [Damage] = [
        Damage("no record in queued", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.remove("queued/p/status.json")
        },
        Damage("half a record in running", "I1 running/n@1", moved: ["running/n@1": "failed/n"]) {
            try $0.replace("running/n@1/status.json", Array("{".utf8))
        },
        Damage("half a record in done", "I1 done/d", moved: ["done/d": "failed/d"]) {
            try $0.replace("done/d/status.json", [])
        },
        Damage("half a record in rejected", "I1 rejected/r") {
            try $0.replace("rejected/r/status.json", [])
        },
        Damage("a link for a record", "I1 failed/f") { wreck in
            try wreck.unnoticed("failed/f") {
                try wreck.spool.root.remove("failed/f/status.json")
                try wreck.temporary.link("failed/f/status.json", to: "/etc/passwd")
            }
        },
        Damage("a queued job that is processing", "I1 queued/p") {
            try $0.change("queued/p") { $0.view.status = .processing }
        },
        Damage("a queued job that was refused", "I1 queued/p", moved: ["queued/p": "rejected/p"]) {
            let reason = Reason(Refusal(.invalidImage, "No."), retryAfterSeconds: 0, at: .now)
            try $0.change("queued/p") {
                $0.view.status = .rejected
                $0.view.reason = reason
                $0.view.completedAt = .now
            }
        },
        Damage("a running job that was refused", "I1 running/n@1") {
            try $0.change("running/n@1") { $0.view.status = .rejected }
        },
        Damage("a done job that failed", "I1 done/d", moved: ["done/d": "failed/d"]) {
            try $0.change("done/d") { $0.view.status = .failed }
        },
        Damage("a done job that is processing", "I1 done/d", moved: ["done/d": "failed/d"]) {
            try $0.change("done/d") { $0.view.status = .processing }
        },
        Damage("a failed job that completed", "I1 failed/d", moved: ["done/d": "done/d"]) {
            try $0.spool.root.rename("done/d", to: "failed/d")
        },
        Damage("a refused job that failed", "I1 rejected/f", moved: ["failed/f": "failed/f"]) {
            try $0.spool.root.rename("failed/f", to: "rejected/f")
        },
        Damage("a failed job that waits without an order", "I1 failed/f") {
            try $0.change("failed/f") { $0.view.status = .queued }
        },
        Damage("an ended job without a time", "I8 failed/f") {
            try $0.change("failed/f") { $0.view.completedAt = nil }
        },
        Damage("claims ahead of the name", "I4 running/n@1", moved: ["running/n@1": "running/n@6"])
        { try $0.change("running/n@1") { $0.claims = 5 } },
        Damage("claims behind the name", "I4 running/n@3", moved: ["running/n@1": "running/n@3"]) {
            try $0.spool.root.rename("running/n@1", to: "running/n@3")
        },
    ]

    static let files: [Damage] = [
        Damage("no result", "I3 done/d", moved: ["done/d": "failed/d"]) {
            try $0.remove("done/d" / $0.result)
        },
        Damage("half a result", "I3 done/d", moved: ["done/d": "failed/d"]) {
            try $0.replace("done/d" / $0.result, Array(Sample.png.dropLast(3)))
        },
        Damage("a result with a wrong bit", "I3 done/d", moved: ["done/d": "failed/d"]) {
            let path = try "done/d" / $0.result
            var bytes = try $0.temporary.read(path)
            bytes[44] ^= 1
            try $0.replace(path, bytes)
        },
        Damage("a result that is a JPEG", "I3 done/d", moved: ["done/d": "failed/d"]) {
            try $0.replace("done/d" / $0.result, try Sample.photo("rocket.jpg"))
        },
        Damage("a result somewhere else", "I3 done/d", moved: ["done/d": "failed/d"]) {
            try $0.change("done/d") { $0.view.resultPath = "../../failed/f/f.png" }
        },
        Damage("a queued job without its image", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.remove("queued/p/p.png")
        },
        Damage("a queued image with a wrong bit", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.damage("queued/p/p.png")
        },
        Damage(
            "a running image with a wrong bit", "I7 running/n@1",
            moved: ["running/n@1": "failed/n"]
        ) { try $0.damage("running/n@1/n.png") },
        Damage("a done image with a wrong bit", "I7 done/d") { try $0.damage("done/d/d.png") },
        Damage("a failed job without its image", "I7 failed/f", isMended: false) {
            try $0.remove("failed/f/f.png")
        },
        Damage("a refused job without its image", "I7 rejected/r", isMended: false) {
            try $0.remove("rejected/r/r.png")
        },
        Damage("a record without a hash", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.change("queued/p") { $0.view.sha256 = nil }
        },
        Damage("a request of zeros", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.replace("queued/p/request.json", Array(repeating: 0, count: 23))
        },
        Damage("another request", "I7 done/d") {
            try $0.replace("done/d/request.json", Array(#"{"instruction": "sepia"}"#.utf8))
        },
        Damage("no request", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            try $0.remove("queued/p/request.json")
        },
        Damage("an image that others can reach", "I2 queued/p") {
            try $0.temporary.hardLink("incoming/p.png", to: "queued/p/p.png")
        },
        Damage("a link in a bundle", "I7 done/d") { wreck in
            try wreck.unnoticed("done/d") {
                try wreck.temporary.link("done/d/link", to: "/etc/passwd")
            }
        },
        Damage("a directory for a request", "I7 failed/f") { wreck in
            try wreck.unnoticed("failed/f") {
                try wreck.spool.root.remove("failed/f/request.json")
                try wreck.temporary.makeDirectory("failed/f/request.json")
            }
        },
        Damage("a directory for an image", "I2 queued/p", moved: ["queued/p": "failed/p"]) {
            wreck in
            try wreck.unnoticed("queued/p") {
                try wreck.spool.root.remove("queued/p/p.png")
                try wreck.temporary.makeDirectory("queued/p/p.png")
            }
        },
        Damage("a record without an image", "I2 running/n@1", moved: ["running/n@1": "failed/n"]) {
            try $0.change("running/n@1") { $0.image = nil }
        },
        Damage("an image named somewhere else", "I7 done/d", isMended: false) {
            try $0.change("done/d") { $0.image = "../../failed/f/f.png" }
        },
        Damage("a directory for a reason", "I7 rejected/r") { wreck in
            try wreck.unnoticed("rejected/r") {
                try wreck.spool.root.remove("rejected/r/reason.json")
                try wreck.temporary.makeDirectory("rejected/r/reason.json")
            }
        },
        Damage("no reason", "I7 rejected/r") { try $0.remove("rejected/r/reason.json") },
        Damage("another reason", "I7 rejected/r") {
            let text = try $0.temporary.text("rejected/r/reason.json")
            let other = text.replacing("No.", with: "Yes.")
            try $0.replace("rejected/r/reason.json", Array(other.utf8))
        },
        Damage("a refusal without its reason", "I7 rejected/r") {
            try $0.change("rejected/r") { $0.view.reason = nil }
        },
    ]

    static let standing: [Damage] = [
        Damage("a wrong place in the queue", "I6 queued/p") {
            try $0.spool.root.directory("queued/p").setModified(5)
        },
        Damage("an order given twice", "I6 queued/q", isMended: false) {
            let order = try $0.temporary.record("queued/p").orderNanoseconds
            try $0.change("queued/q") { $0.orderNanoseconds = order }
            try $0.spool.root.directory("queued/q").setModified(order)
        },
        Damage(
            "a job that ended and waits", "I1 failed/p", "I1 failed/p",
            moved: ["queued/p": "failed/p"]
        ) {
            try $0.copy("queued/p", to: "failed/p")
        },
        Damage("a job that is done and waits", "I1 done/d", "I1 queued/d") {
            try $0.copy("done/d", to: "queued/d")
        },
        Damage("a name no claim has", "I1 running/x") {
            try $0.temporary.makeDirectory("running/x")
        },
        Damage("a name no job has", "I1 done/-x") { try $0.temporary.makeDirectory("done/-x") },
        Damage("a file among bundles", "I1 failed/x") {
            try $0.temporary.write("failed/x", "text")
        },
        Damage("more jobs than allowed", "I5 queued", isMended: false) {
            $0.spool.settings.maxInflightJobs = 2
        },
        Damage("no directory", "I1 .spool/slots") {
            try $0.spool.root.removeDirectory(.hidden("slots"))
        },
        Damage(
            "a photo in staging without intention", "I7 .spool/staging/s",
            moved: ["": "rejected/s"]
        ) {
            try $0.temporary.makeDirectory(.staging(try JobID("s")))
            try $0.temporary.write(.staging(try JobID("s")) / "photo.png", Sample.png)
        },
        Damage("a file in staging", "I7 .spool/staging/s") {
            try $0.temporary.write(.staging(try JobID("s")), "text")
        },
        Damage(
            "a staged bundle without a lease", "I4 .spool/staging/p",
            moved: ["queued/p": "staging/p"]
        ) {
            try $0.spool.root.rename("queued/p", to: .staging(try JobID("p")))
            try $0.remove(.staging(try JobID("p")) / "lease")
        },
    ]

    @Test func `a spool as the service leaves it is fine`() throws {
        let wreck = try Wreck()
        let report = try wreck.check()
        #expect(wreck.breaks(report) == [])
        #expect(report.jobs == 6)
        #expect(!report.isBroken)
    }

    @Test(arguments: leases + records + files + standing)
    func `damage is found and put right`(damage: Damage) throws {
        let wreck = try Wreck()
        try damage.make(wreck)
        let before = try wreck.temporary.bundles()
        let report = try wreck.check()
        #expect(wreck.breaks(report) == damage.found, "\(report.findings)")
        #expect(report.isBroken)
        #expect(try wreck.temporary.bundles() == before, "a check changes nothing")
        let sent = try Set(wreck.temporary.station())
        let repair = try wreck.repair()
        #expect(try sent.subtracting(wreck.temporary.station()).isEmpty, "nothing is deleted")
        #expect(repair.isBroken == !damage.isMended, "\(repair.findings)")
        let after = try wreck.check()
        #expect(wreck.breaks(after).isEmpty == damage.isMended, "\(after.findings)")
        let places = Wreck.places.filter { damage.moved[$0] == nil } + damage.moved.values
        #expect(try wreck.temporary.bundles().sorted() == places.sorted())
    }

    @Test func `a job that is ended tells its sender why`() throws {
        let wreck = try Wreck()
        try wreck.damage("queued/p/p.png")
        try wreck.replace("queued/q/status.json", Array("{".utf8))
        try wreck.remove("done/d" / wreck.result)
        _ = try wreck.repair()
        let errors = try ["p", "q", "d"].map {
            try wreck.temporary.record("failed/\($0)").view.error
        }
        let words = "gpuspool verify ended the job; drop it again."
        #expect(
            errors == [
                "The spool was damaged: its image was damaged. \(words)",
                "The spool was damaged: its record was damaged. \(words)",
                "The spool was damaged: its result was damaged. \(words)",
            ])
        #expect(try wreck.temporary.record("failed/p").view.status == .failed)
        #expect(try wreck.aside == ["status.json"])
    }

    @Test func `a job keeps its place when something in its bundle is put right`() throws {
        let wreck = try Wreck()
        let order = try wreck.temporary.record("queued/p").orderNanoseconds
        try wreck.remove("queued/p/lease")
        try wreck.change("queued/p") { $0.view.status = .processing }
        try wreck.temporary.hardLink("incoming/p.png", to: "queued/p/p.png")
        #expect(try !wreck.repair().isBroken)
        #expect(try wreck.temporary.status("queued/p").modified == order)
        let lease = try wreck.temporary.status("queued/p/lease")
        #expect(lease.mode == 0o600 && lease.links == 1)
        #expect(try wreck.temporary.status("queued/p/p.png").links == 1)
        #expect(try wreck.temporary.record("queued/p").view.status == .queued)
    }

    @Test(.enabled(if: Host.user == 0)) func `a file of another user in the queue is copied`()
        throws
    {
        let wreck = try Wreck()
        try wreck.temporary.giveAway("queued/p/p.png", to: 65534)
        let report = try wreck.repair()
        #expect(wreck.breaks(report) == ["I2 queued/p"])
        #expect(!report.isBroken)
        #expect(try wreck.temporary.status("queued/p/p.png").owner == 0)
    }

    @Test func `what programs leave in folders that they look at is no break`() throws {
        let wreck = try Wreck()
        try wreck.temporary.write("done/Thumbs.db", "x")
        try wreck.temporary.write("queued/Thumbs.db", "x")
        let report = try wreck.check()
        #expect(wreck.breaks(report) == ["I1 queued/Thumbs.db"])
        #expect(report.findings.contains { $0.path == "done/Thumbs.db" && $0.severity == .note })
    }

    @Test func `repaired jobs go on`() throws {
        let wreck = try Wreck()
        try wreck.replace("running/n@1/status.json", Array("{".utf8))
        try wreck.remove("queued/p/lease")
        try wreck.spool.root.rename("queued/q", to: "running/q@7")
        try wreck.change("running/q@7") { $0.view.status = .throttled }
        #expect(try !wreck.repair().isBroken)
        _ = try Recovery(spool: wreck.spool).run()
        #expect(try wreck.temporary.names("queued") == ["p", "q"])
        let queue = try JobQueue(wreck.spool, on: try EventLoop()) {}
        for claims in [1, 8] {
            guard case .claimed(let claim) = try queue.next(offers: { _ in true }) else {
                Issue.record("not claimed")
                return
            }
            #expect(claim.attempt.claim == claims)
            _ = claim.fail("No.")
        }
    }
}
