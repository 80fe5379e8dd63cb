// Where events do not come, and what is done instead: such a directory, and no other, is listed
// every SCAN_SECONDS. Decided when it is opened, by the kind of its filesystem and by a probe; what
// the probe said is asked again now and then, and a directory in whose place another one stands,
// as after a mount, is opened anew.

internal import Linux
internal import SpoolFormat

extension Inbox {
    /// How many listings later a probe is repeated.
    private static let listingsPerProbe = 12

    /// Finds out whether events come from a box.
    func probe(_ box: DropBox, _ directory: borrowing Directory, _ fileSystem: FileSystem) {
        do throws(SystemError) { try EventProbe.removeLeftovers(in: directory) } catch {
            spool.log.write(error, while: "Removing what probes left in '\(box.path)'")
        }
        guard fileSystem.isLocal else {
            return tell(box, "\(fileSystem.kind) tells nothing of changes that are made elsewhere")
        }
        // It is listed anyway.
        guard !box.isPolled else { return }
        let wasDeaf = box.isDeaf
        do throws(SystemError) {
            let path = spool.path / box.path
            box.isDeaf = try !EventProbe.isAnswered(in: directory, watchedAs: path)
        } catch {
            // A full disk or a missing permission tells nothing about events.
            spool.log.write(error, while: "Trying out whether '\(box.path)' tells of a new file")
            // The file may still be there.
            box.nextProbe = error.call == "unlink" ? .now + spool.settings.scan : nil
            return
        }
        let wait = spool.settings.scan * Inbox.listingsPerProbe
        box.nextProbe = box.isDeaf ? .now + wait : nil
        if box.isDeaf, !wasDeaf { tell(box, "no event came of a file that was made there") }
        if wasDeaf, !box.isDeaf { spool.log.write("Events come from '\(box.path)' now") }
    }

    private func tell(_ box: DropBox, _ reason: String) {
        let seconds = DurationText.seconds(spool.settings.scan)
        spool.log.write("'\(box.path)' is listed every \(seconds) s: \(reason)")
    }

    /// Looks again whether events come, when it is time to.
    func recheck(_ box: DropBox, _ now: Moment) throws(SystemError) {
        guard let time = box.nextProbe, time <= now else { return }
        box.nextProbe = nil
        // What kept events away may have been the watch itself.
        try watch(box)
        let directory = try spool.root.directory(box.path)
        probe(box, directory, try FileSystem(of: directory))
    }

    /// Plans the next listing, before this one: one that fails must not be repeated at once.
    func schedule(_ box: DropBox, _ now: Moment) {
        box.nextListing = box.hasEvents ? nil : now + spool.settings.scan
    }

    /// When the next directory without events is to be listed, or asked for events again.
    var nextPoll: Moment? {
        boxes.values.flatMap { box in
            [box.nextListing, box.nextProbe] + box.folders.values.map(\.nextListing)
        }.compactMap { $0 }.min()
    }
}
