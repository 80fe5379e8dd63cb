/// Where a byte of a text stands for a person who looks at it in an editor.
struct TextPosition: Hashable {
    /// From 1; a line ends with LF, CR LF or CR.
    private(set) var line = 1
    /// From 1, in Unicode scalars.
    private(set) var column = 1

    /// The position of the byte at `offset`, which may be the end of `text`.
    init(of offset: Int, in text: [UInt8]) {
        var previous: UInt8 = 0
        for byte in text.prefix(offset) {
            step(over: byte, after: previous)
            previous = byte
        }
    }

    private mutating func step(over byte: UInt8, after previous: UInt8) {
        switch byte {
        case UInt8(ascii: "\n") where previous == UInt8(ascii: "\r"):
            break
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
            line += 1
            column = 1
        case 0x80...0xBF:
            break  // the rest of a scalar that is already counted
        default:
            column += 1
        }
    }
}
