internal import Linux
internal import SpoolFormat
internal import Units

/// A file that an install puts in its place.
struct InstalledFile {
    /// What it holds.
    enum Content {
        /// This program itself.
        case program
        case text([UInt8])
    }

    let path: Path
    let content: Content
    /// Once it is edited it is its administrator's: never replaced, never removed.
    var isSettings = false

    var mode: UInt32 {
        guard case .program = content else { return 0o644 }
        return 0o755
    }

    /// What the manifest has for it. The program is not told by its bytes: where an install put it,
    /// any program is replaced.
    var sum: String {
        switch content {
        case .program: "program"
        case .text(let bytes): SHA256.hex(of: bytes)
        }
    }

    /// All files of an install.
    static func all(in places: Places) -> [InstalledFile] {
        let made =
            Shell.allCases.map { (places.prefix / $0.place, $0.script) }
            + [(places.prefix / "share/man/man1/gpuspool.1", ManualPage.text)]
        return [InstalledFile(path: places.program, content: .program)] + shipped(in: places)
            + made.map { InstalledFile(path: $0, content: .text(Array($1.utf8))) }
    }

    /// The files of `systemd/`.
    private static func shipped(in places: Places) -> [InstalledFile] {
        let unit = UnitText(places: places)
        return (0...).lazy.map { units_file($0) }.prefix { $0 != nil }.compactMap { file in
            guard let file = file?.pointee,
                let path = places.place(of: Path(String(cString: file.name)))
            else { return nil }
            let bytes = UnsafeBufferPointer(start: file.start, count: file.size)
            let text = unit.adapted(String(decoding: bytes, as: UTF8.self))
            return InstalledFile(
                path: path, content: .text(Array(text.utf8)),
                isSettings: path == places.settings)
        }
    }
}
