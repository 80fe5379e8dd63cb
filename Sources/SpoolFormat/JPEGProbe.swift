/// Walks a JPEG's markers as libjpeg does, from its start to its end marker.
///
/// Segments are skipped by their length, so the thumbnail inside an Exif segment is never taken for
/// the picture. Between segments, and in the compressed data, everything up to the next marker is
/// passed over: stuffed and fill bytes, padding, restart markers.
struct JPEGProbe {
    /// The first bytes of every JPEG: its start marker (SOI).
    static let signature: [UInt8] = [0xFF, 0xD8]

    private enum Marker {
        static let startOfImage: UInt8 = 0xD8
        static let endOfImage: UInt8 = 0xD9
        static let startOfScan: UInt8 = 0xDA

        static func standsAlone(_ code: UInt8) -> Bool {
            code == 0x01 || (0xD0...0xD7).contains(code)  // TEM, RST0…RST7
        }

        static func startsFrame(_ code: UInt8) -> Bool {
            (0xC0...0xCF).contains(code) && ![0xC4, 0xC8, 0xCC].contains(code)  // not DHT, JPG, DAC
        }

        static func isLossless(_ code: UInt8) -> Bool { code & 0x03 == 0x03 }
    }

    private enum Step {
        case on(Int)
        case stop(ImageVerdict)
    }

    private var header: ImageHeader?
    private var hasScan = false
    private var hasHole = false

    /// Judges bytes that begin with the signature.
    static func examine(_ bytes: RawSpan) -> ImageVerdict {
        var probe = JPEGProbe()
        var offset = signature.count
        while let (code, body) = probe.nextMarker(in: bytes, from: offset) {
            switch probe.step(over: code, body: body, in: bytes) {
            case .on(let next): offset = next
            case .stop(let verdict): return verdict
            }
        }
        return probe.unfinished
    }

    private var unfinished: ImageVerdict {
        .unfinished(header, "the JPEG's end marker is missing")
    }

    /// The next marker's code and the offset behind it.
    private mutating func nextMarker(
        in bytes: RawSpan, from start: Int
    ) -> (code: UInt8, body: Int)? {
        // Zeros alone are no fault (compressed data may hold them), but they excuse a later one.
        if bytes.isBlank(from: start) { hasHole = true }
        var offset = start
        while let found = bytes.offsetOfFF(from: offset) {
            offset = found + 1
            while bytes.byte(at: offset) == 0xFF { offset += 1 }
            guard let code = bytes.byte(at: offset) else { return nil }
            offset += 1
            if code != 0 { return (code, offset) }
        }
        return nil
    }

    private mutating func step(over code: UInt8, body: Int, in bytes: RawSpan) -> Step {
        switch code {
        case _ where Marker.standsAlone(code):
            return .on(body)
        case Marker.startOfImage:
            return .stop(.unfinished(header, "a second JPEG begins before the end of the first"))
        case Marker.endOfImage:
            return .stop(ending)
        default:
            return segment(code, at: body, in: bytes)
        }
    }

    private mutating func segment(_ code: UInt8, at body: Int, in bytes: RawSpan) -> Step {
        guard let length = bytes.uint16(at: body) else { return .stop(unfinished) }
        guard length >= 2 else {
            return .stop(broken("a segment has no length", isHole: bytes.isBlank(from: body + 1)))
        }
        if code == Marker.startOfScan {
            guard header != nil else {
                return .stop(broken("the picture data comes before the dimensions"))
            }
            hasScan = true
        } else if Marker.startsFrame(code), header == nil {
            guard body + length <= bytes.byteCount else { return .stop(unfinished) }
            if let fault = readFrame(code, at: body, length: length, in: bytes) {
                return .stop(fault)
            }
        }
        return .on(body + length)
    }

    /// Takes the dimensions from a frame header (SOF), or says what is wrong with it.
    private mutating func readFrame(
        _ code: UInt8, at body: Int, length: Int, in bytes: RawSpan
    ) -> ImageVerdict? {
        // A hole that begins inside the header reaches past its last byte.
        let isHole = bytes.isBlank(from: body + length - 1)
        guard let precision = bytes.byte(at: body + 2), let height = bytes.uint16(at: body + 3),
            let width = bytes.uint16(at: body + 5), let components = bytes.byte(at: body + 7),
            (1...4).contains(components), length == 8 + 3 * Int(components),
            Marker.isLossless(code) ? (2...16).contains(precision) : [8, 12].contains(precision)
        else { return broken("its frame header makes no sense", isHole: isHole) }
        guard width > 0, height > 0 else {
            return broken("its size is \(width)x\(height)", isHole: isHole)
        }
        header = ImageHeader(format: .jpeg, width: width, height: height)
        return nil
    }

    private var ending: ImageVerdict {
        guard let header else { return broken("it ends before its dimensions") }
        return hasScan ? .whole(header) : broken("it ends before any picture data")
    }

    private func broken(_ fault: String, isHole: Bool = false) -> ImageVerdict {
        guard !isHole, !hasHole else {
            return .unfinished(header, "a part of the JPEG is filled with zeros so far")
        }
        return .damaged("the JPEG is broken: \(fault). Save it again as JPEG or PNG.")
    }
}
