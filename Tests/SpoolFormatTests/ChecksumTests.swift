import Testing

@testable import SpoolFormat

@Suite struct ChecksumTests {
    @Test(
        arguments: [
            ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926), ("IEND", 0xAE42_6082),
            ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
        ] as [(String, UInt32)])
    func `CRC-32 gives the published values`(text: String, checksum: UInt32) {
        #expect(CRC32.checksum(text.utf8) == checksum)
    }

    /// FIPS 180-4's examples, and lengths around a block's end.
    @Test(arguments: [
        ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", 1,
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ("a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        ("a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
        ("a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"),
        ("a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        ("a", 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"),
    ])
    func `SHA-256 gives the published values`(text: String, times: Int, digest: String) {
        let bytes = Array(repeating: Array(text.utf8), count: times).flatMap { $0 }
        #expect(SHA256.hex(of: bytes) == digest)
    }

    @Test func `SHA-256 does not depend on how the bytes come in`() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let expected = SHA256.hex(of: bytes)
        for piece in 1...130 {
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: piece) {
                bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { hash.update($0) }
            }
            #expect(Hexadecimal.text(of: hash.finish()) == expected, "pieces of \(piece)")
        }
    }

    @Test func `a finished SHA-256 begins anew`() {
        var hash = SHA256()
        [UInt8](1...99).withUnsafeBytes { hash.update($0) }
        _ = hash.finish()
        hash.update(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(Hexadecimal.text(of: hash.finish()) == SHA256.hex(of: []))
    }

    @Test func `hexadecimal has two lower-case digits a byte`() {
        #expect(Hexadecimal.text(of: [0x00, 0x0A, 0xA0, 0xFF] as [UInt8]) == "000aa0ff")
        #expect(Hexadecimal.text(of: [UInt8]()) == "")
    }
}
