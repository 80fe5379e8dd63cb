internal import Linux
internal import SpoolFormat

extension Spool {
    /// Moves something to `.spool/aside/NAME.NS.PID/`, beside a line that says why.
    func setAside(_ path: Path, because why: String) throws(SystemError) {
        let aside = Path.hidden(SpoolFile.Hidden.aside)
        do throws(SystemError) {
            try root.makeDirectory(aside, mode: 0o700)
            try flush(directory: Path(SpoolFile.hidden))
        } catch { guard error.code == .exists else { throw error } }
        let name = path.lastComponent
        // A name may be as long as the disk allows.
        let suffix = Array(".\(WallClock.nanoseconds).\(Host.pid)".utf8)
        let place = aside / Path(name.bytes.prefix(200) + suffix)
        try root.makeDirectory(place, mode: 0o700)
        let note = Path(name == "why.txt" ? "why.1.txt" : "why.txt")
        try write(new: place / note, Array("'\(path)' \(why).\n".utf8))
        try root.rename(path, to: place / name)
        for directory in [place, aside, path.parent] { try flush(directory: directory) }
    }
}
