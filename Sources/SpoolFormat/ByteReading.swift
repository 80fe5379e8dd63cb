// Reads that answer nil past the end, so that no length taken from a file can trap.

extension RawSpan {
    /// The byte at `offset`, or nil past the end.
    func byte(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < byteCount else { return nil }
        return unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The big-endian 16-bit number at `offset`, or nil where it is not all there.
    func uint16(at offset: Int) -> Int? {
        guard let high = byte(at: offset), let low = byte(at: offset + 1) else { return nil }
        return Int(high) << 8 | Int(low)
    }

    /// The big-endian 32-bit number at `offset`, or nil where it is not all there.
    func uint32(at offset: Int) -> UInt32? {
        guard let high = uint16(at: offset), let low = uint16(at: offset + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    /// The bytes in `range`, as far as they exist.
    func bytes(in range: Range<Int>) -> [UInt8] {
        range.clamped(to: 0..<byteCount).map { unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }

    /// How many of the first bytes are those of `signature`.
    func matchingPrefix(_ signature: [UInt8]) -> Int {
        var count = 0
        while count < signature.count, byte(at: count) == signature[count] { count += 1 }
        return count
    }

    /// Whether nothing has arrived yet from `offset` on: the end, or zeros.
    ///
    /// A copy that sets the file's size first leaves zeros where bytes are still to come. Such a
    /// hole reaches the end of the file or of a disk sector, hence the look at 512 bytes.
    func isBlank(from offset: Int) -> Bool {
        guard offset < byteCount else { return true }
        let end = Swift.min(byteCount, offset + 512)
        return (offset..<end).allSatisfy { byte(at: $0) == 0 }
    }

    /// The offset of the next 0xFF byte at or after `start`.
    ///
    /// Eight bytes a step: compressed data holds a 0xFF about every 256 bytes.
    func offsetOfFF(from start: Int) -> Int? {
        var offset = start
        while offset + 8 <= byteCount {
            let loaded = unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let word = UInt64(littleEndian: loaded)
            // The lowest set bit marks the first byte of `~word` that is zero.
            let found = (~word &- 0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080
            if found != 0 { return offset + found.trailingZeroBitCount / 8 }
            offset += 8
        }
        while let byte = byte(at: offset) {
            if byte == 0xFF { return offset }
            offset += 1
        }
        return nil
    }
}
