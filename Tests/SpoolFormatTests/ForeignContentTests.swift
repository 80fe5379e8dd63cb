import Testing

@testable import SpoolFormat

@Suite struct ForeignContentTests {
    private static let advice = "is not supported. Save it as JPEG or PNG."

    static let files: [([UInt8], String)] = [
        (Array("GIF89a\u{1}\0".utf8), "it starts with 'GIF89a': GIF \(advice)"),
        (Array("GIF87a".utf8), "it starts with 'GIF87a': GIF \(advice)"),
        (Array("RIFF\u{10}\0\0\0WEBPVP8 ".utf8), "its first bytes hold 'WEBP': WebP \(advice)"),
        (Array("BM\u{36}\0".utf8), "it starts with 'BM': BMP \(advice)"),
        (Array("II*\0\u{8}".utf8), "it starts with 'II*': TIFF \(advice)"),
        (Array("MM\0*\0".utf8), "it starts with 'MM*': TIFF \(advice)"),
        (Array("\0\0\0\u{18}ftypheic".utf8), "its first bytes hold 'ftyphei': HEIC \(advice)"),
        (Array("\0\0\0\u{18}ftypmif1".utf8), "its first bytes hold 'ftypmif1': HEIC \(advice)"),
        (Array("\0\0\0\u{18}ftypavif".utf8), "its first bytes hold 'ftypavif': AVIF \(advice)"),
        (Array("\0\0\0\u{18}ftypisom".utf8), "its first bytes hold 'ftyp': video \(advice)"),
        (Array("%PDF-1.7".utf8), "it starts with '%PDF': PDF \(advice)"),
        (
            Array("<!DOCTYPE html><html>".utf8),
            "it is a web page (HTML), not a picture. Send a JPEG or PNG."
        ),
        (Array("\n <HTML>".utf8), "it is a web page (HTML), not a picture. Send a JPEG or PNG."),
        (Array("<svg xmlns=".utf8), "it is a drawing (SVG), not a picture. Send a JPEG or PNG."),
        (
            Array("{\"instruction\":".utf8),
            "it is a text file (JSON), not a picture. Send a JPEG or PNG."
        ),
        (Array("Grüße".utf8), "it is a text file, not a picture. Send a JPEG or PNG."),
        (
            Array(("x" + String(repeating: "é", count: 400)).utf8),
            "it is a text file, not a picture. Send a JPEG or PNG."
        ),
        (
            [0x89] + Array("PNG\n\u{1A}\n".utf8),
            "the PNG's first bytes are changed, as by a transfer in text mode."
                + " Send it again in binary mode."
        ),
        (
            [0x7F, 0x45, 0x4C, 0x46, 2, 1],
            "it starts with the bytes 7F 45 4C 46: it is neither JPEG nor PNG."
                + " Save it as JPEG or PNG."
        ),
        (
            [0x03],
            "it starts with the bytes 03: it is neither JPEG nor PNG. Save it as JPEG or PNG."
        ),
        (
            [0xE9, 0x74, 0xE9],
            "it starts with the bytes E9 74 E9: it is neither JPEG nor PNG."
                + " Save it as JPEG or PNG."
        ),
    ]

    @Test(arguments: files)
    func `what is sent instead of a picture is named`(file: [UInt8], words: String) {
        #expect(ImageProbe.examine(file) == .damaged(words))
    }
}
