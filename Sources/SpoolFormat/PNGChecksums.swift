/// Checks what `ImageProbe` leaves out for speed: the checksums of a PNG's chunks, which tell a hole
/// in the middle of the picture data.
public enum PNGChecksums {
    /// What is wrong with the bytes of a PNG that `ImageProbe` found whole; nil where all is well.
    public static func problem(in bytes: [UInt8]) -> String? {
        let span = bytes.span.bytes
        var offset = PNGProbe.signature.count
        while let length = span.uint32(at: offset), offset + 12 + Int(length) <= bytes.count {
            let end = offset + 8 + Int(length)
            guard span.uint32(at: end) == CRC32.checksum(bytes[offset + 4..<end]) else {
                return "the checksum of its part at byte \(offset) is wrong"
            }
            if bytes[offset + 4..<offset + 8].elementsEqual("IEND".utf8) { return nil }
            offset = end + 4
        }
        return "its end marker is missing"
    }
}
