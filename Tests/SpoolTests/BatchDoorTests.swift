import Linux
import SpoolFormat
import Testing

@testable import Spool

/// Batches at the door: a list, and every image it names.
@Suite struct BatchDoorTests {
    let door: Doorway

    init() throws { door = try Doorway() }

    private let list = "image,instruction\nx.png,blur\ny.png,sepia\n"

    private func batch() throws -> Candidate {
        try #require(try door.candidates().first { $0.isBatch })
    }

    @Test func `a list and its images are one drop, in whatever order they come`() throws {
        try door.rename(into: "x.png", Sample.png)
        #expect(try door.look() == ["x: wait 300000 ms for the instruction 'x.json'"])
        try door.rename(into: "a.csv", list)
        #expect(
            try door.look() == ["a.csv: wait 300000 ms for the image 'y.png' (line 3)"])
        try door.rename(into: "y.png", Sample.png)
        let candidate = try batch()
        #expect(candidate.mayComeIn)
        #expect(try door.candidates().count == 1)
        #expect(candidate.size == 2)
        #expect(candidate.copies == Int64(2 * Sample.png.count))
        #expect(candidate.members.map(\.name) == ["batch.csv", "x.png", "y.png"])
        #expect(candidate.members.map(\.role) == [.list, .image, .image])
        #expect(
            candidate.members.map(\.source) == [
                "incoming/a.csv", "incoming/x.png", "incoming/y.png",
            ])
    }

    @Test func `a list waits until it is whole, then for its images`() throws {
        try door.write("a.csv", list)
        #expect(try door.look() == ["a.csv: wait 300 ms for the end of 'a.csv'"])
        #expect(
            try door.look(after: .milliseconds(300)) == [
                "a.csv: wait 299700 ms for the images 'x.png' (line 2), 'y.png' (line 3)"
            ])
        try door.write("x.png", Sample.png)
        try door.write("y.png", Sample.png)
        #expect(try door.look() == ["a.csv: wait 300 ms for the end of 'x.png'"])
        #expect(try door.look(after: .milliseconds(300)) == ["a.csv: admit"])
    }

    @Test func `without an image a batch is refused in the end, with what came`() throws {
        try door.rename(into: "a.csv", list)
        try door.rename(into: "y.png", Sample.png)
        _ = try door.look()
        #expect(
            try door.details(after: .seconds(300)) == [
                "'a.csv' waited 300 s for the image 'x.png' (line 2), which never came. Drop the "
                    + "CSV file and its images again."
            ])
        #expect(try door.look() == ["a.csv: refuse incomplete_bundle"])
        #expect(try batch().members.map(\.name) == ["batch.csv", "y.png"])
    }

    @Test func `a wrong row is told at once, and refused when all images stand`() throws {
        try door.rename(into: "a.csv", "image,instruction,seed\nx.png,blur,1\ny.png,sepia,no\n")
        try door.rename(into: "x.png", Sample.png)
        let detail =
            "Line 3: The field 'seed' is \"no\"; it must be an integer from 0 to "
            + "9223372036854775807."
        #expect(try door.details() == [detail])
        #expect(try door.look().first?.contains("wait") == true)
        try door.rename(into: "y.png", Sample.png)
        #expect(try door.look() == ["a.csv: refuse invalid_request"])
        #expect(try door.details() == [detail])
        #expect(try batch().members.count == 3)
    }

    @Test func `images that are none are all named by their lines`() throws {
        try door.rename(into: "a.csv", list + "x.png,blur\n")
        try door.rename(into: "x.png", "GIF89a")
        try door.rename(into: "y.png", "%PDF-1.7")
        #expect(try door.look() == ["a.csv: refuse invalid_image"])
        let details = try #require(try door.details().first)
        #expect(
            details.hasPrefix("Line 2: 'x.png': it starts with 'GIF8")
                || details.contains("Line 2: 'x.png': "))
        #expect(details.contains("Line 3: 'y.png': "))
        #expect(details.contains("Line 4: 'x.png': "))
    }

    @Test func `an image that is not whole is waited for`() throws {
        try door.rename(into: "a.csv", list)
        try door.rename(into: "x.png", Array(Sample.png.dropLast(12)))
        try door.rename(into: "y.png", Sample.png)
        #expect(try door.look() == ["a.csv: wait 30000 ms for the rest of 'x.png'"])
        #expect(try door.look(after: .seconds(30)) == ["a.csv: refuse incomplete_bundle"])
    }

    @Test func `more rows than the maximum are refused for good`() throws {
        let door = try Doorway { $0.maxInflightJobs = 2 }
        try door.rename(
            into: "a.csv", "image,instruction\n" + String(repeating: "x.png,blur\n", count: 3))
        try door.rename(into: "x.png", Sample.png)
        #expect(
            try door.details() == [
                "The batch has 3 rows; at most 2 jobs can be in the queue (MAX_INFLIGHT_JOBS). Split "
                    + "it into CSV files of at most 2 rows."
            ])
        #expect(try door.look() == ["a.csv: refuse invalid_request"])
    }

    @Test func `what cannot be read as a list is refused after 2 seconds`() throws {
        try door.rename(into: "a.csv", "image,instruction\nx.png,\"blur")
        #expect(try door.look() == ["a.csv: wait 2000 ms for CSV that can be read"])
        #expect(try door.look(after: .seconds(2)) == ["a.csv: refuse invalid_request"])
    }

    @Test func `a first line that names no column is refused at once`() throws {
        try door.rename(into: "a.csv", "x.png,blur\n")
        #expect(try door.look() == ["a.csv: refuse invalid_request"])
    }

    @Test func `a list of more bytes than allowed is never read`() throws {
        try door.rename(into: "a.csv", Array(repeating: 0x41, count: 1_048_577))
        #expect(
            try door.details() == [
                "The CSV file has 1048577 bytes; at most 1048576 are allowed. Split it into smaller "
                    + "ones."
            ])
    }

    @Test func `a list in a folder is answered`() throws {
        try door.temporary.makeDirectory("incoming/trip")
        try door.write("trip/a.csv", list)
        #expect(try door.look().first?.hasPrefix("trip/: wait") == true)
        #expect(try door.look(after: .milliseconds(300)) == ["trip/: refuse invalid_request"])
        #expect(
            try door.details() == [
                "The folder holds 'a.csv'; a CSV file and its images are dropped without a folder."
            ])
    }
}
