/// Walks a PNG's chunks from the signature to the end chunk (IEND).
enum PNGProbe {
    /// The first bytes of every PNG.
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// Behind the signature: length, type, 13 bytes of data, checksum.
    private static let endOfHeader = 33

    /// IEND, which holds no data, with its checksum.
    private static let endChunk: [UInt8] = [
        0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
    ]

    /// Bits a sample, by colour type.
    private static let depths: [UInt8: [UInt8]] = [
        0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16],
    ]

    /// Judges bytes that begin with the signature.
    static func examine(_ bytes: RawSpan) -> ImageVerdict {
        guard bytes.byteCount >= endOfHeader else {
            return .unfinished(nil, "the PNG's header is missing")
        }
        let header: ImageHeader
        switch readHeader(bytes) {
        case .success(let read): header = read
        case .failure(let fault):
            // A hole that begins inside the header reaches past its last byte.
            return bytes.isBlank(from: endOfHeader - 1)
                ? .unfinished(nil, "the PNG's header is filled with zeros so far")
                : broken(fault.words)
        }
        return walk(bytes, header)
    }

    private struct Fault: Error {
        let words: String
        init(_ words: String) { self.words = words }
    }

    private static func readHeader(_ bytes: RawSpan) -> Result<ImageHeader, Fault> {
        guard bytes.uint32(at: 8) == 13, bytes.bytes(in: 12..<16).elementsEqual("IHDR".utf8) else {
            return .failure(Fault("it does not begin with its header"))
        }
        guard bytes.uint32(at: 29) == CRC32.checksum(bytes.bytes(in: 12..<29)) else {
            return .failure(Fault("its header's checksum is wrong"))
        }
        let largest: UInt32 = 0x7FFF_FFFF
        guard let width = bytes.uint32(at: 16), let height = bytes.uint32(at: 20),
            (1...largest).contains(width), (1...largest).contains(height)
        else { return .failure(Fault("its width or height is out of range")) }
        guard let depth = bytes.byte(at: 24), let colour = bytes.byte(at: 25),
            depths[colour]?.contains(depth) == true,
            bytes.byte(at: 26) == 0, bytes.byte(at: 27) == 0,
            let interlace = bytes.byte(at: 28), interlace <= 1
        else { return .failure(Fault("its header makes no sense")) }
        return .success(ImageHeader(format: .png, width: Int(width), height: Int(height)))
    }

    private static func walk(_ bytes: RawSpan, _ header: ImageHeader) -> ImageVerdict {
        let missing = ImageVerdict.unfinished(header, "the PNG's end marker is missing")
        var offset = endOfHeader
        var hasData = false
        while let length = bytes.uint32(at: offset), offset + 8 <= bytes.byteCount {
            let type = bytes.bytes(in: offset + 4..<offset + 8)
            guard type.allSatisfy(isLetter), length <= 0x7FFF_FFFF else {
                return bytes.isBlank(from: offset + 7) || type == [0, 0, 0, 0]
                    ? .unfinished(header, "a part of the PNG is filled with zeros so far")
                    : broken("between its chunks stands something else")
            }
            let next = offset + 12 + Int(length)
            guard next <= bytes.byteCount else { return missing }
            hasData = hasData || type.elementsEqual("IDAT".utf8)
            if type.elementsEqual("IEND".utf8) {
                guard hasData else { return broken("it ends before any picture data") }
                guard length == 0 else { return broken("its end chunk is not empty") }
                return bytes.bytes(in: offset..<next) == endChunk ? .whole(header) : missing
            }
            offset = next
        }
        return missing
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte & 0xDF)
    }

    private static func broken(_ fault: String) -> ImageVerdict {
        .damaged("the PNG is broken: \(fault). Save it again as JPEG or PNG.")
    }
}
