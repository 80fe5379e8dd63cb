import Linux
import SpoolFormat
import Testing

/// Everything a station can put there gets its answer, and nobody else waits for it.
@Suite(.serialized, .evidence) struct BadInputTests {
    /// A kind of bad drops; all of a kind are dropped at once.
    enum Kind: String, CaseIterable, Sendable {
        case requests, images, shapes, names

        var drops: [BadDrop] {
            switch self {
            case .requests: BadDrop.requests
            case .images: BadDrop.images
            case .shapes: BadDrop.shapes
            case .names: BadDrop.names
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `each bad drop is refused with its reason and delays nobody`(kind: Kind) throws {
        // What is compared here is when the door looks; a slow disk must not decide it.
        try TestSpool.use(
            "RESUME_SECONDS=3", "DROP_TIMEOUT_SECONDS=3", "DURABILITY=relaxed"
        ) { spool in
            let outside = try makeOutside(spool)
            try BadDrop.make(kind.drops.map { ($0.name, $0.python) }, in: spool)
            let sent = try kind.drops.indices.map {
                try Disk.tree(spool.folder / "ready" / Path("\($0)"))
            }
            let pipeline = try FakePipeline(in: spool)
            _ = try spool.start("watch")
            _ = try spool.start("work", "--set", pipeline.setting)
            try spool.waitForWorker()
            try BadDrop.moveAll(in: spool)
            try spool.drop("good")
            let good = try spool.view(of: "good", is: "completed")
            var answers: [(drop: BadDrop, view: JSONValue)] = []
            for (drop, files) in zip(kind.drops, sent) {
                answers.append((drop, try check(drop, files, in: spool)))
            }
            try checkTimes(answers, good: good)
            #expect(try spool.names("incoming").isEmpty)
            #expect(try spool.names("rejected").count == kind.drops.count)
            #expect(try makeOutside(spool, only: true) == outside)
        }
    }

    /// What the links of some drops point at: must stay as it is. Its bytes and its status.
    private func makeOutside(_ spool: TestSpool, only looks: Bool = false) throws -> [FileStatus] {
        let outside = spool.folder / "outside"
        if !looks {
            try Directory(spool.folder).makeDirectory("outside", mode: 0o755)
            try Disk.write(outside / "secret.png", try TestSpool.photo("cat.png"))
            try Disk.write(outside / "secret.json", "{\"instruction\": \"blur\"}".utf8)
        }
        return try [outside, outside / "secret.png", outside / "secret.json"].compactMap {
            try Disk.status($0)
        }
    }

    private func check(_ drop: BadDrop, _ sent: [Path: [UInt8]], in spool: TestSpool) throws
        -> JSONValue
    {
        let id = try spool.wait(for: "the refusal of \(drop.name)") {
            try spool.names("rejected").first { id in
                let reason = try spool.json("rejected" / id / "reason.json")
                return reason?["dropped_as"]?.text == drop.name
            }
        }
        if drop.code == "invalid_name" {
            #expect("\(id)".wholeMatch(of: #/drop-[0-9a-f]{8}/#) != nil, "\(id)")
        } else {
            #expect("\(id)" == drop.name)
        }
        let view = try spool.view(of: "\(id)", is: "rejected")
        let bundle = "rejected" / id
        let reason = try #require(try spool.json(bundle / "reason.json"))
        let record = try #require(try spool.json(bundle / "status.json"))
        for json in [view, reason, record] {
            let detail = try #require(json["detail"]?.text)
            #expect(json["status"]?.text == "rejected")
            #expect(json["code"]?.text == drop.code, "\(drop.name): \(detail)")
            #expect(json["http_status"]?.integer == 400)
            #expect(json["message"]?.text == detail)
            #expect(json["retry_after_seconds"] == .null)
            #expect(json["job_id"]?.text == "\(id)")
            for words in drop.words {
                #expect(detail.contains(words), "\(drop.name): \(detail)")
            }
        }
        #expect(view["error"] == view["detail"])
        let kept = try Disk.tree(spool.path / bundle)
        for (name, bytes) in sent {
            let isThere = kept.values.contains(bytes)
            #expect(isThere, "\(drop.name): '\(name)' is not in \(kept.keys.sorted())")
        }
        return view
    }

    /// What is wrong for good is answered first, and the good job was done by then.
    private func checkTimes(_ answers: [(drop: BadDrop, view: JSONValue)], good: JSONValue) throws {
        func time(_ view: JSONValue, _ field: String) throws -> Timestamp {
            let text = try #require(view[field]?.text)
            return try #require(Timestamp(rfc3339: text))
        }
        let late = try answers.compactMap { answer in
            answer.drop.answer == .atOnce ? nil : try time(answer.view, "rejected_at")
        }
        for (drop, view) in answers {
            let seen = try time(view, "created_at")
            let answered = try time(view, "rejected_at")
            switch drop.answer {
            case .atOnce:
                #expect(late.allSatisfy { answered < $0 }, "\(drop.name) was answered late")
            case .unparsable:
                #expect(answered >= seen.advanced(by: .milliseconds(1990)), "\(drop.name)")
            case .patience:
                #expect(answered >= seen.advanced(by: .milliseconds(2990)), "\(drop.name)")
            }
            if drop.answer != .atOnce {
                #expect(answered <= seen.advanced(by: .seconds(8)), "\(drop.name) waited long")
            }
        }
        let done = try time(good, "completed_at")
        #expect(late.allSatisfy { done < $0 }, "the good job waited for the bad ones")
    }
}
