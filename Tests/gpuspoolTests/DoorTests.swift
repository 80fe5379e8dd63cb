import Linux
import SpoolFormat
import Testing

/// When the door is shut to a sender for a while, and how it opens again.
@Suite(.serialized) struct DoorTests {
    @Test func `a sender over its limit is told when to come back, also after a restart`() throws {
        try TestSpool.use("JOBS_PER_MIN_LIMIT=2") { spool in
            let first = try spool.start("watch")
            _ = try spool.run("station", "add", "kiosk")
            for stem in ["one", "two"] {
                try spool.drop(stem)
                _ = try spool.view(of: stem, is: "queued")
            }
            try spool.drop("three")
            let view = try spool.view(of: "three", is: "rejected")
            #expect(view["code"]?.text == "rate_limited")
            #expect(view["http_status"] == .int(429))
            let start =
                "Drops without a station reached the limit of 2 jobs a minute. Try again in "
            #expect(view["detail"]?.text?.hasPrefix(start) == true, "\(view)")
            guard case .int(let seconds)? = view["retry_after_seconds"] else {
                Issue.record("no retry_after_seconds: \(view)")
                return
            }
            #expect((1...60).contains(seconds))
            try spool.drop("mine", box: "incoming/kiosk")
            _ = try spool.view(of: "kiosk.mine", is: "queued")
            _ = try first.stop()
            _ = try spool.start("watch")
            try spool.drop("four")
            #expect(try spool.view(of: "four", is: "rejected")["code"]?.text == "rate_limited")
        }
    }

    @Test func `drops that come together count together`() throws {
        try TestSpool.use("JOBS_PER_MIN_LIMIT=3") { spool in
            for number in 1...5 { try spool.drop("\(number)") }
            _ = try spool.start("watch")
            _ = try spool.view(of: "5", is: "rejected")
            _ = try spool.view(of: "4", is: "rejected")
            #expect(try spool.names("queued").map(\.description).sorted() == ["1", "2", "3"])
        }
    }

    @Test func `a closed door refuses and opens again`() throws {
        try TestSpool.use { spool in
            _ = try spool.start("watch")
            try spool.put(".spool/draining", "")
            try spool.drop("early")
            let view = try spool.view(of: "early", is: "rejected")
            #expect(view["code"]?.text == "server_busy")
            #expect(view["detail"]?.text == "Server is busy. Try again in ~5 minutes.")
            #expect(try spool.json("queue.json")?["draining"] == .bool(true))
            try spool.shell("rm .spool/draining")
            try spool.drop("late")
            _ = try spool.view(of: "late", is: "queued")
        }
    }
}
