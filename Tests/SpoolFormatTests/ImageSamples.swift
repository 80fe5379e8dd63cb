import FoundationEssentials
import Testing

@testable import SpoolFormat

/// Pieces of JPEG files; none of them decodes, all of them have the right structure.
enum JPEGSample {
    static let start: [UInt8] = [0xFF, 0xD8]
    static let end: [UInt8] = [0xFF, 0xD9]
    static let tables = segment(0xDB, [0] + Array(1...64))
    static let scan = segment(0xDA, [1, 1, 0, 0, 63, 0]) + data
    /// Compressed data with a stuffed byte, a restart marker, fill bytes and a lone NUL.
    static let data: [UInt8] = [
        0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0xFF, 0xFF, 0xFF, 0xD1, 0,
    ]

    /// 40 × 30, one scan.
    static let small = start + tables + frame() + scan + end

    static func segment(_ code: UInt8, _ body: [UInt8]) -> [UInt8] {
        [0xFF, code] + big16(body.count + 2) + body
    }

    static func frame(
        _ code: UInt8 = 0xC0, width: Int = 40, height: Int = 30, precision: UInt8 = 8,
        components: UInt8 = 1
    ) -> [UInt8] {
        var body = [precision] + big16(height) + big16(width) + [components]
        for component in 0..<components { body += [component + 1, 0x11, 0x07] }
        return segment(code, body)
    }

    private static func big16(_ value: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
    }
}

/// Pieces of PNG files.
enum PNGSample {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    static let data = chunk("IDAT", [0x78, 0x9C, 1, 2, 3])
    static let end = chunk("IEND", [])

    /// 40 × 30, true colour.
    static let small = signature + header() + chunk("tEXt", Array("a\0b".utf8)) + data + end

    static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
        let content = Array(type.utf8) + body
        return big32(UInt32(body.count)) + content + big32(CRC32.checksum(content))
    }

    static func header(
        width: UInt32 = 40, height: UInt32 = 30, depth: UInt8 = 8, colour: UInt8 = 2,
        rest: [UInt8] = [0, 0, 0]
    ) -> [UInt8] {
        chunk("IHDR", big32(width) + big32(height) + [depth, colour] + rest)
    }

    static func big32(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}

/// A real photo in `Tests/Photos`; its last bytes are its end marker.
struct Photo: CustomTestStringConvertible {
    let name: String
    let header: ImageHeader

    static let all = [
        Photo("hubble.jpg", .jpeg, 1000, 872), Photo("rocket.jpg", .jpeg, 640, 427),
        Photo("astronaut.png", .png, 512, 512), Photo("cat.png", .png, 451, 300),
    ]

    private init(_ name: String, _ format: ImageFormat, _ width: Int, _ height: Int) {
        self.name = name
        header = ImageHeader(format: format, width: width, height: height)
    }

    var testDescription: String { name }

    var bytes: [UInt8] {
        get throws {
            let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent()
            return [UInt8](try Data(contentsOf: tests.appending(path: "Photos/\(name)")))
        }
    }
}

/// The lengths at which a big file is cut: all in its header and at its end, some between.
func cuts(of count: Int) -> [Int] {
    Set(0..<min(count, 17_000)).union(stride(from: 0, to: count, by: 997))
        .union(max(0, count - 64)..<count).sorted()
}

/// Repeatable random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
