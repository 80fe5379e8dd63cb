/// SHA-256 of FIPS 180-4, fed piece by piece.
public struct SHA256: Sendable {
    private static let blockSize = 64
    /// The length field at the end of the last block.
    private static let lengthSize = 8

    private var state = SHA256State()
    /// The last bytes, less than a block.
    private var rest: [UInt8] = []
    private var byteCount: UInt64 = 0

    /// Begins a digest of no bytes.
    public init() {}

    /// Appends `bytes` to what is digested.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount &+= UInt64(bytes.count)
        var start = 0
        if !rest.isEmpty {
            start = min(Self.blockSize - rest.count, bytes.count)
            rest.append(contentsOf: bytes[..<start])
            guard rest.count == Self.blockSize else { return }
            rest.withUnsafeBytes { state.compress($0) }
            rest.removeAll(keepingCapacity: true)
        }
        let end = bytes.count - (bytes.count - start) % Self.blockSize
        state.compress(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        rest.append(contentsOf: bytes[end...])
    }

    /// The 32 bytes of the digest; the value is then as new.
    public mutating func finish() -> [UInt8] {
        var end = rest + [0x80]
        let zeros = (2 * Self.blockSize - Self.lengthSize - end.count) % Self.blockSize
        end += Array(repeating: 0, count: zeros)
        let bitCount = byteCount &* 8
        for shift in stride(from: 56, through: 0, by: -8) {
            end.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
        }
        end.withUnsafeBytes { state.compress($0) }
        let digest = state.bytes
        self = SHA256()
        return digest
    }

    /// The digest of `bytes` in lower-case hexadecimal.
    public static func hex(of bytes: [UInt8]) -> String {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        return Hexadecimal.text(of: hash.finish())
    }
}
