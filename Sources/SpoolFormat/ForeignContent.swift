/// Names what was sent instead of a JPEG or PNG, and says what to do about it.
enum ForeignContent {
    private struct Format {
        let name: String
        let signature: [UInt8]
        let offset: Int

        init(_ name: String, _ signature: String, at offset: Int = 0) {
            self.name = name
            self.signature = Array(signature.utf8)
            self.offset = offset
        }

        func matches(_ bytes: RawSpan) -> Bool {
            bytes.bytes(in: offset..<offset + signature.count) == signature
        }
    }

    /// Enough to tell text from other content.
    private static let headSize = 512

    /// The first match counts, so special cases stand before general ones.
    private static let formats = [
        Format("GIF", "GIF87a"), Format("GIF", "GIF89a"), Format("WebP", "WEBP", at: 8),
        Format("BMP", "BM"), Format("PDF", "%PDF"),
        Format("TIFF", "II*\0"), Format("TIFF", "MM\0*"),
        Format("AVIF", "ftypavif", at: 4), Format("AVIF", "ftypavis", at: 4),
        Format("HEIC", "ftyphei", at: 4), Format("HEIC", "ftyphev", at: 4),
        Format("HEIC", "ftypmif1", at: 4), Format("HEIC", "ftypmsf1", at: 4),
        Format("video", "ftyp", at: 4),
        Format("JPEG 2000", "jP  ", at: 4), Format("JPEG XL", "JXL ", at: 4),
    ]

    /// A sentence for the sender of bytes that are neither JPEG nor PNG.
    static func words(for bytes: RawSpan) -> String {
        if let format = formats.first(where: { $0.matches(bytes) }) {
            let start = String(decoding: format.signature.filter { $0 > 0 }, as: UTF8.self)
            let verb = format.offset == 0 ? "it starts with" : "its first bytes hold"
            return "\(verb) '\(start)': \(format.name) is not supported. Save it as JPEG or PNG."
        }
        let head = bytes.bytes(in: 0..<headSize)
        if head.starts(with: PNGProbe.signature.prefix(4)) {
            return "the PNG's first bytes are changed, as by a transfer in text mode."
                + " Send it again in binary mode."
        }
        if isText(head) {
            return "it is \(kindOfText(head)), not a picture. Send a JPEG or PNG."
        }
        let start = head.prefix(4).map { Hexadecimal.text(of: [$0]).uppercased() }
            .joined(separator: " ")
        return "it starts with the bytes \(start): it is neither JPEG nor PNG."
            + " Save it as JPEG or PNG."
    }

    private static func isText(_ head: [UInt8]) -> Bool {
        head.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
            && isUTF8(head)
    }

    /// Whether `head`, which is cut inside its last character if the file is longer, is UTF-8.
    private static func isUTF8(_ head: [UInt8]) -> Bool {
        let cut = head.count < headSize ? 0...0 : 0...3
        return cut.contains { String(validating: head.dropLast($0), as: UTF8.self) != nil }
    }

    private static func kindOfText(_ head: [UInt8]) -> String {
        let start = String(decoding: head, as: UTF8.self).drop { $0.isWhitespace }.lowercased()
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") {
            return "a web page (HTML)"
        }
        if start.hasPrefix("<svg") { return "a drawing (SVG)" }
        if start.hasPrefix("{") || start.hasPrefix("[") { return "a text file (JSON)" }
        return "a text file"
    }
}
