import Testing

@testable import SpoolFormat

@Suite struct ImageProbeTests {
    @Test func `an empty file is unfinished`() {
        #expect(ImageProbe.examine([]) == .unfinished(nil, "the file is empty"))
    }

    @Test(arguments: [1, 7, 511, 512, 513, 100_000])
    func `a file of zeros is unfinished`(count: Int) {
        let verdict = ImageProbe.examine(Array(repeating: 0, count: count))
        #expect(verdict == .unfinished(nil, "the file is filled with zeros so far"))
    }

    @Test func `a file whose first sector is still a hole is unfinished`() {
        let file = Array(repeating: 0, count: 512) + JPEGSample.small
        #expect(
            ImageProbe.examine(file) == .unfinished(nil, "the file is filled with zeros so far"))
    }

    @Test(arguments: [JPEGSample.start, PNGSample.signature])
    func `the beginning of a signature is unfinished`(signature: [UInt8]) {
        let words = "only its first bytes have arrived"
        for count in 1..<signature.count {
            let head = Array(signature.prefix(count))
            #expect(ImageProbe.examine(head) == .unfinished(nil, words))
            #expect(ImageProbe.examine(head + [0, 0, 0]) == .unfinished(nil, words))
        }
    }

    @Test(arguments: Photo.all)
    func `a real photo is whole and its dimensions are known`(photo: Photo) throws {
        #expect(ImageProbe.examine(try photo.bytes) == .whole(photo.header))
    }

    @Test(arguments: Photo.all)
    func `a truncated real photo is unfinished at every length`(photo: Photo) throws {
        let bytes = try photo.bytes
        for count in cuts(of: bytes.count) {
            let verdict = ImageProbe.examine(Array(bytes.prefix(count)))
            #expect(isUnfinished(verdict), "\(count) bytes: \(verdict)")
        }
    }

    @Test(arguments: Photo.all)
    func `a real photo whose tail is still zeros is unfinished at every length`(
        photo: Photo
    ) throws {
        let bytes = try photo.bytes
        let hole = [UInt8](repeating: 0, count: 4096)
        for count in cuts(of: bytes.count) {
            let file = Array(bytes.prefix(count)) + hole.prefix(bytes.count - count)
            let verdict = ImageProbe.examine(file)
            #expect(isUnfinished(verdict), "\(count) bytes: \(verdict)")
        }
    }

    @Test(arguments: Photo.all)
    func `a header is known as soon as it has arrived`(photo: Photo) throws {
        let head = Array(try photo.bytes.prefix(20_000))
        guard case .unfinished(photo.header, _) = ImageProbe.examine(head) else {
            Issue.record("\(ImageProbe.examine(head))")
            return
        }
    }

    @Test(arguments: Photo.all)
    func `a real photo with data behind its end marker is whole`(photo: Photo) throws {
        let verdict = ImageProbe.examine(try photo.bytes + JPEGSample.small.dropLast(9))
        #expect(verdict == .whole(photo.header))
    }

    @Test(arguments: [JPEGSample.small, PNGSample.small])
    func `a truncated or zero-filled small file is unfinished at every length`(file: [UInt8]) {
        for count in 0..<file.count {
            let head = Array(file.prefix(count))
            let filled = head + Array(repeating: 0, count: file.count - count)
            #expect(isUnfinished(ImageProbe.examine(head)), "\(count) bytes")
            #expect(isUnfinished(ImageProbe.examine(filled)), "\(count) bytes, then zeros")
        }
    }

    /// Fails by a trap: an index or a sum that a file's length fields lead astray.
    @Test(arguments: [JPEGSample.small, PNGSample.small])
    func `changed bytes never crash and never give impossible dimensions`(file: [UInt8]) {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            expectPossible(ImageProbe.examine(mutated(file, using: &random)))
        }
    }

    @Test(arguments: Photo.all)
    func `changed bytes in a real header never crash`(photo: Photo) throws {
        let head = Array(try photo.bytes.prefix(2000))
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            expectPossible(ImageProbe.examine(mutated(head, using: &random)))
        }
    }

    private func isUnfinished(_ verdict: ImageVerdict) -> Bool {
        if case .unfinished = verdict { true } else { false }
    }

    private func expectPossible(_ verdict: ImageVerdict) {
        guard case .whole(let header) = verdict else { return }
        #expect(header.width > 0 && header.height > 0)
    }

    /// One to four bytes changed, extreme ones preferred, and sometimes the tail cut.
    private func mutated(_ file: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var file = file
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<file.count, using: &random)
            let any = UInt8.random(in: 0...255, using: &random)
            file[place] = [0, 1, 0x7F, 0x80, 0xFF, any].randomElement(using: &random) ?? any
        }
        guard Bool.random(using: &random) else { return file }
        return Array(file.prefix(Int.random(in: 0...file.count, using: &random)))
    }
}
