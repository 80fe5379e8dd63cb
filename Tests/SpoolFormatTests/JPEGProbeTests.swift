import Testing

@testable import SpoolFormat

@Suite struct JPEGProbeTests {
    private typealias Sample = JPEGSample

    private static let header = ImageHeader(format: .jpeg, width: 40, height: 30)
    private static let thumbnail =
        Sample.start + Sample.frame(width: 8, height: 6) + Sample.scan + Sample.end

    static let whole: [(String, [UInt8])] = [
        ("the smallest", Sample.small),
        (
            "a second frame header, of which the first counts",
            Sample.start + Sample.frame() + Sample.frame(width: 9) + Sample.scan + Sample.end
        ),
        (
            "progressive, many scans",
            Sample.start + Sample.frame(0xC2) + Sample.scan + Sample.scan
                + Sample.segment(0xC4, [1, 2, 3]) + Sample.scan + Sample.end
        ),
        (
            "an Exif segment with a thumbnail",
            Sample.start
                + Sample.segment(0xE1, Array("Exif\0\0".utf8) + thumbnail)
                + Sample.frame() + Sample.scan + Sample.end
        ),
        (
            "fill bytes before markers",
            Sample.start + [0xFF, 0xFF] + Sample.tables + [0xFF]
                + Sample.frame() + Sample.scan + [0xFF, 0xFF] + Sample.end
        ),
        (
            "padding between segments",
            Sample.start + Sample.tables + [0, 0, 7]
                + Sample.frame() + [1] + Sample.scan + Sample.end
        ),
        (
            "a sector of zeros between segments",
            Sample.start + Sample.tables
                + Array(repeating: 0, count: 600) + Sample.frame() + Sample.scan + Sample.end
        ),
        (
            "a long run of zeros in the data",
            Sample.start + Sample.frame() + Sample.scan
                + Array(repeating: 0, count: 5000) + Sample.end
        ),
        (
            "a line count (DNL) behind the scan",
            Sample.start + Sample.frame() + Sample.scan
                + Sample.segment(0xDC, [0, 30]) + Sample.end
        ),
        (
            "markers without length",
            Sample.start + [0xFF, 0x01, 0xFF, 0xD3] + Sample.frame()
                + Sample.scan + Sample.end
        ),
        (
            "an empty comment",
            Sample.start + Sample.segment(0xFE, []) + Sample.frame()
                + Sample.scan + Sample.end
        ),
        ("a second picture behind the end (MPO)", Sample.small + thumbnail),
        ("anything behind the end", Sample.small + [0xFF, 0xD8, 0xFF, 0xC0, 0, 0, 1]),
        ("four components", Sample.start + Sample.frame(components: 4) + Sample.scan + Sample.end),
        ("12 bits", Sample.start + Sample.frame(0xC1, precision: 12) + Sample.scan + Sample.end),
        (
            "lossless, 16 bits",
            Sample.start + Sample.frame(0xC3, precision: 16) + Sample.scan
                + Sample.end
        ),
    ]

    @Test(arguments: whole)
    func `a right JPEG is whole`(what: String, file: [UInt8]) {
        #expect(ImageProbe.examine(file) == .whole(Self.header), "\(what)")
    }

    @Test func `every kind of frame gives the dimensions`() {
        for code in UInt8(0xC0)...0xCF {
            let file = Sample.start + Sample.frame(code) + Sample.scan + Sample.end
            let isFrame = ![0xC4, 0xC8, 0xCC].contains(code)
            #expect((ImageProbe.examine(file) == .whole(Self.header)) == isFrame, "\(code)")
        }
    }

    @Test func `the largest dimensions are read`() {
        let file = Sample.start + Sample.frame(width: 65_535, height: 65_500) + Sample.scan
        let header = ImageHeader(format: .jpeg, width: 65_535, height: 65_500)
        #expect(
            ImageProbe.examine(file) == .unfinished(header, "the JPEG's end marker is missing"))
    }

    static let damaged: [(String, [UInt8])] = [
        ("its size is 0x30", Sample.start + Sample.frame(width: 0) + Sample.scan + Sample.end),
        ("its size is 40x0", Sample.start + Sample.frame(height: 0) + Sample.scan + Sample.end),
        (
            "the picture data comes before the dimensions",
            Sample.start + Sample.tables + Sample.scan + Sample.frame() + Sample.end
        ),
        ("it ends before its dimensions", Sample.start + Sample.tables + Sample.end),
        ("it ends before any picture data", Sample.start + Sample.frame() + Sample.end),
        ("a segment has no length", Sample.start + [0xFF, 0xE0, 0, 1] + Sample.frame()),
        ("a segment has no length", Sample.start + [0xFF, 0xE0, 0, 0] + Sample.frame()),
        (
            "its frame header makes no sense",
            Sample.start + Sample.frame(precision: 9) + Sample.scan
        ),
        (
            "its frame header makes no sense",
            Sample.start + Sample.frame(0xC3, precision: 17) + Sample.scan
        ),
        (
            "its frame header makes no sense",
            Sample.start + Sample.frame(components: 0) + Sample.scan
        ),
        (
            "its frame header makes no sense",
            Sample.start + Sample.frame(components: 5) + Sample.scan
        ),
        (
            "its frame header makes no sense",
            Sample.start + Sample.segment(0xC0, [8, 0, 30, 0, 40, 3, 1, 0x11, 7]) + Sample.scan
        ),
        (
            "its frame header makes no sense",
            Sample.start + Sample.segment(0xC0, [8, 0, 30]) + Sample.scan
        ),
    ]

    @Test(arguments: damaged)
    func `a broken JPEG is damaged`(fault: String, file: [UInt8]) {
        let words = "the JPEG is broken: \(fault). Save it again as JPEG or PNG."
        #expect(ImageProbe.examine(file) == .damaged(words))
    }

    private static let hole = [UInt8](repeating: 0, count: 4096)

    static let unfinished: [(String, Bool, [UInt8])] = [
        ("the JPEG's end marker is missing", false, Sample.start + Sample.frame().dropLast(1)),
        ("the JPEG's end marker is missing", true, Sample.small.dropLast(2) + hole),
        ("the JPEG's end marker is missing", true, Sample.small.dropLast(1) + [0]),
        (
            "the JPEG's end marker is missing", true,
            Sample.start + Sample.frame() + Sample.segment(0xE1, thumbnail).dropLast(1)
        ),
        (
            "a second JPEG begins before the end of the first", true,
            Sample.small.dropLast(2) + Sample.small
        ),
        (
            "a part of the JPEG is filled with zeros so far", false,
            Sample.start + [0xFF, 0xE0] + hole + Sample.frame()
        ),
        (
            "a part of the JPEG is filled with zeros so far", false,
            Sample.start + Sample.tables + hole + Sample.scan + Sample.end
        ),
        (
            "a part of the JPEG is filled with zeros so far", false,
            Sample.start + Sample.tables + hole + Sample.end
        ),
        (
            "a part of the JPEG is filled with zeros so far", false,
            Sample.start + Sample.frame().prefix(7) + hole + Sample.scan
        ),
    ]

    @Test(arguments: unfinished)
    func `a JPEG with something missing is unfinished`(
        words: String, hasHeader: Bool, file: [UInt8]
    ) {
        #expect(ImageProbe.examine(file) == .unfinished(hasHeader ? Self.header : nil, words))
    }
}
