/// A picture format that the service takes.
public enum ImageFormat: String, Sendable {
    /// ITU-T T.81, in any of its processes, with any application segments.
    case jpeg = "JPEG"
    /// W3C PNG, animated ones included.
    case png = "PNG"
}

/// What a picture's header says of it.
public struct ImageHeader: Hashable, Sendable {
    /// The format by content, never by name.
    public let format: ImageFormat
    /// The width in pixels, at least 1.
    public let width: Int
    /// The height in pixels, at least 1.
    public let height: Int

    /// Describes a picture of `width` × `height` pixels.
    public init(format: ImageFormat, width: Int, height: Int) {
        self.format = format
        self.width = width
        self.height = height
    }
}

/// What can be said of a file without decoding it; the texts are words for its sender.
public enum ImageVerdict: Hashable, Sendable {
    /// The header was read and the end marker found; bytes after the end marker are allowed.
    case whole(ImageHeader)
    /// It may still become right as bytes arrive or holes are filled; the text says what is missing.
    case unfinished(ImageHeader?, String)
    /// It is wrong for good: not a JPEG or PNG, or its structure is broken.
    case damaged(String)
}

/// Judges a file by its content: is it a JPEG or PNG, how large, and has all of it arrived?
///
/// Structure is walked, pixels are not decoded and checksums of pixel data not computed: a hole in
/// the middle of the pixel data goes unseen.
public enum ImageProbe {
    /// Examines a file's whole content as it stands now.
    public static func examine(_ bytes: [UInt8]) -> ImageVerdict {
        examine(bytes.span.bytes)
    }

    static func examine(_ bytes: RawSpan) -> ImageVerdict {
        guard bytes.byteCount > 0 else { return .unfinished(nil, "the file is empty") }
        guard !bytes.isBlank(from: 0) else {
            return .unfinished(nil, "the file is filled with zeros so far")
        }
        if let verdict = judge(bytes, signature: JPEGProbe.signature, JPEGProbe.examine) {
            return verdict
        }
        if let verdict = judge(bytes, signature: PNGProbe.signature, PNGProbe.examine) {
            return verdict
        }
        return .damaged(ForeignContent.words(for: bytes))
    }

    /// The verdict of one format's probe, or nil where the file is of another format.
    private static func judge(
        _ bytes: RawSpan, signature: [UInt8], _ examine: (RawSpan) -> ImageVerdict
    ) -> ImageVerdict? {
        let matching = bytes.matchingPrefix(signature)
        if matching == signature.count { return examine(bytes) }
        guard matching > 0, bytes.isBlank(from: matching) else { return nil }
        return .unfinished(nil, "only its first bytes have arrived")
    }
}
