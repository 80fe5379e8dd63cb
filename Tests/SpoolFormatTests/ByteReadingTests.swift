import Testing

@testable import SpoolFormat

@Suite struct ByteReadingTests {
    @Test func `the next FF is found at every alignment, among bytes that differ by a bit`() {
        for place in 0..<40 {
            for start in 0...place {
                var bytes: [UInt8] = (0..<41).map { [0x7F, 0xFE, 0x00, 0x80, 0x01][$0 % 5] }
                bytes[place] = 0xFF
                let found = bytes.span.bytes.offsetOfFF(from: start)
                #expect(found == place)
                let beyond = bytes.span.bytes.offsetOfFF(from: place + 1)
                #expect(beyond == nil)
            }
        }
    }

    @Test func `reads past the end, or before the start, are nil`() {
        let bytes: [UInt8] = [1, 2, 3]
        let span = bytes.span.bytes
        let (before, last, past) = (span.byte(at: -1), span.byte(at: 2), span.byte(at: 3))
        #expect((before, last, past) == (nil, 3, nil))
        let (pair, half) = (span.uint16(at: 1), span.uint16(at: 2))
        #expect((pair, half) == (0x0203, nil))
        let (quad, range) = (span.uint32(at: 0), span.bytes(in: 2..<9))
        #expect(quad == nil && range == [3])
    }

    @Test func `the end and 512 zeros are blank, anything else is not`() {
        let sector = [UInt8](repeating: 0, count: 512)
        let cases: [([UInt8], Int, Bool)] = [
            ([], 0, true), ([1], 1, true), ([1], 9, true), ([1, 0, 0], 1, true),
            ([1, 0, 2], 1, false), (sector + [1], 0, true), (sector + [1], 1, false),
        ]
        for (bytes, offset, expected) in cases {
            let isBlank = bytes.span.bytes.isBlank(from: offset)
            #expect(isBlank == expected, "\(bytes.count) bytes from \(offset)")
        }
    }
}
