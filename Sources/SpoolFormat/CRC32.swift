/// The checksum of PNG chunks: CRC-32 of ISO 3309, as in gzip and Ethernet.
public enum CRC32 {
    /// What a byte does to an empty register; polynomial 0x04C11DB7, bits reversed.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    /// The checksum of `bytes`; 0 where there are none.
    public static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { register, byte in
            table[Int(UInt8(truncatingIfNeeded: register) ^ byte)] ^ (register >> 8)
        }
    }
}
