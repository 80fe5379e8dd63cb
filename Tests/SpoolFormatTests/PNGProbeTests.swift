import Testing

@testable import SpoolFormat

@Suite struct PNGProbeTests {
    private typealias Sample = PNGSample

    private static let header = ImageHeader(format: .png, width: 40, height: 30)
    private static let start = Sample.signature + Sample.header()
    private static let hole = [UInt8](repeating: 0, count: 4096)

    static let whole: [(String, [UInt8])] = [
        ("the smallest", Sample.small),
        ("several data chunks", start + Sample.data + Sample.data + Sample.end),
        ("data behind the end", Sample.small + Array("trailing".utf8)),
        (
            "unknown chunks",
            start + Sample.chunk("vpAg", [1]) + Sample.data
                + Sample.chunk("zzZz", []) + Sample.end
        ),
        (
            "interlaced",
            Sample.signature + Sample.header(rest: [0, 0, 1]) + Sample.data + Sample.end
        ),
    ]

    @Test(arguments: whole)
    func `a right PNG is whole`(what: String, file: [UInt8]) {
        #expect(ImageProbe.examine(file) == .whole(Self.header), "\(what)")
    }

    @Test func `only the specified depths and colour types are right`() {
        let depths: [UInt8: Set<UInt8>] = [
            0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16],
        ]
        for colour in UInt8(0)...8 {
            for depth in UInt8(0)...33 {
                let header = Sample.header(depth: depth, colour: colour)
                let isWhole = isWhole(Sample.signature + header + Sample.data + Sample.end)
                #expect(isWhole == (depths[colour]?.contains(depth) ?? false), "\(colour) \(depth)")
            }
        }
    }

    @Test func `the largest dimensions are read`() {
        let size = UInt32(Int32.max)
        let file = Sample.signature + Sample.header(width: size, height: size)
        let header = ImageHeader(format: .png, width: Int(size), height: Int(size))
        #expect(ImageProbe.examine(file) == .unfinished(header, "the PNG's end marker is missing"))
    }

    static let damaged: [(String, [UInt8])] = [
        ("it does not begin with its header", Sample.signature + Sample.data + Sample.header()),
        (
            "it does not begin with its header",
            Sample.signature + Sample.chunk("IHDR", Array(1...14)) + Sample.data
        ),
        ("its header's checksum is wrong", flipped(start, at: 19) + Sample.data),
        ("its header's checksum is wrong", flipped(start, at: 29) + Sample.data),
        (
            "its width or height is out of range",
            Sample.signature + Sample.header(width: 0)
                + Sample.data
        ),
        (
            "its width or height is out of range",
            Sample.signature + Sample.header(height: 0x8000_0000) + Sample.data
        ),
        (
            "its header makes no sense",
            Sample.signature + Sample.header(rest: [1, 0, 0]) + Sample.data
        ),
        (
            "its header makes no sense",
            Sample.signature + Sample.header(rest: [0, 1, 0]) + Sample.data
        ),
        (
            "its header makes no sense",
            Sample.signature + Sample.header(rest: [0, 0, 2]) + Sample.data
        ),
        ("between its chunks stands something else", start + Array("\u{1}23456789abc".utf8)),
        (
            "between its chunks stands something else",
            start + Sample.big32(0x8000_0000) + Array("IDAT".utf8) + [1, 2, 3]
        ),
        ("it ends before any picture data", start + Sample.end),
        ("its end chunk is not empty", start + Sample.data + Sample.chunk("IEND", [1])),
    ]

    @Test(arguments: damaged)
    func `a broken PNG is damaged`(fault: String, file: [UInt8]) {
        let words = "the PNG is broken: \(fault). Save it again as JPEG or PNG."
        #expect(ImageProbe.examine(file) == .damaged(words))
    }

    static let unfinished: [(String, Bool, [UInt8])] = [
        ("the PNG's header is missing", false, start.dropLast(1)),
        ("the PNG's header is filled with zeros so far", false, start.prefix(20) + hole),
        ("the PNG's header is filled with zeros so far", false, start.dropLast(2) + [0, 0]),
        ("the PNG's end marker is missing", true, start),
        ("the PNG's end marker is missing", true, start + Sample.data.dropLast(1)),
        (
            "the PNG's end marker is missing", true,
            start + Sample.big32(0x7FFF_FFFF) + Array("IDAT".utf8)
        ),
        ("the PNG's end marker is missing", true, Sample.small.dropLast(1) + [0]),
        (
            "a part of the PNG is filled with zeros so far", true,
            start + Sample.data + hole + Sample.end
        ),
        (
            "a part of the PNG is filled with zeros so far", true,
            start + Sample.data.prefix(6) + hole
        ),
        (
            "a part of the PNG is filled with zeros so far", true,
            start + Array(repeating: 0, count: 8) + Sample.data
        ),
    ]

    @Test(arguments: unfinished)
    func `a PNG with something missing is unfinished`(
        words: String, hasHeader: Bool, file: [UInt8]
    ) {
        #expect(ImageProbe.examine(file) == .unfinished(hasHeader ? Self.header : nil, words))
    }

    private func isWhole(_ file: [UInt8]) -> Bool {
        if case .whole = ImageProbe.examine(file) { true } else { false }
    }

    private static func flipped(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
        var bytes = bytes
        bytes[offset] ^= 0x40
        return bytes
    }
}
