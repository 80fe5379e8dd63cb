import Testing

@testable import SpoolFormat

@Suite struct SpoolFileTests {
    @Test func `a job's view is named after it`() throws {
        let id = try JobID("Kiosk 1.é~2".utf8)
        #expect(SpoolFile.view(of: id) == Array("Kiosk 1.é~2.json".utf8))
        #expect(SpoolFile.id(ofView: SpoolFile.view(of: id)) == id)
        #expect(SpoolFile.id(ofView: Array("a.json.json".utf8))?.text == "a.json")
    }

    @Test(
        arguments: [
            "", ".json", "a", "a.JSON", "a.json~", ".a.json", "a@1.json", "-a.json", "a.jso",
            "a\n.json", ".a.json.tmp", "abcjson",
        ])
    func `a name that is no view's names no job`(name: String) {
        #expect(SpoolFile.id(ofView: Array(name.utf8)) == nil)
    }

    @Test func `the private directories are the ones of the layout`() {
        let names = [
            "staging", "trash", "stations", "workers", "inlet", "cancel", "held", "retry", "slots",
            "leases", "keys",
        ]
        #expect(Set(names).isSubset(of: SpoolFile.Hidden.directories))
        #expect(Set(SpoolFile.Hidden.directories).count == SpoolFile.Hidden.directories.count)
    }
}

@Suite struct BundleFileTests {
    @Test func `a result tells its model, time, seed and a number of its own`() throws {
        let name = BundleFile.result(
            model: try #require(ModelName("qwen-4step")),
            completed: Timestamp(nanoseconds: 1_705_314_685_123_456_789), seed: 42,
            random: [0xA1, 0xB2, 0xC3, 0xD4, 0xE5])
        #expect(name == "qwen-4step_20240115_103125_s42_a1b2c3d4.png")
    }

    @Test func `names of temporary files hold the claim, and are no member's`() {
        #expect(BundleFile.output(claim: 3) == "out.3.part")
        #expect(BundleFile.temporaryRecord(claim: 0) == "status.0.tmp")
        let own = [
            BundleFile.request, BundleFile.record, BundleFile.lease, BundleFile.reason,
            BundleFile.members, BundleFile.output(claim: 12), BundleFile.temporaryRecord(claim: 7),
        ]
        for name in own {
            #expect(DropName.member(Array(name.utf8)) == Array("dropped-\(name)".utf8))
        }
    }

    @Test func `a state's name is its directory's, and three of them are ends`() {
        let names = ["queued", "running", "done", "failed", "rejected"]
        #expect(JobState.allCases.map(\.rawValue) == names)
        #expect(JobState.allCases.filter(\.isFinished) == JobState.finished)
        #expect(JobState.finished == [.done, .failed, .rejected])
    }
}
