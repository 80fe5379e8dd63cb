// The spool's directories: whose they are, on which filesystem, how full it is, and whether they
// tell what happens in them.

internal import Linux
internal import SpoolFormat

extension Diagnosis {
    private static let hidden = Path(SpoolFile.hidden)

    /// Where only the service looks.
    private var privatePlaces: [Path] {
        [Path(.queued), Path(.running), Diagnosis.hidden]
            + SpoolFile.Hidden.directories.map { Path.hidden($0) }
    }

    /// Where senders find their answers.
    private var answers: [Path] {
        JobState.finished.map { Path($0) } + [Path(SpoolFile.status)]
    }

    private func boxes() throws(SystemError) -> [Path] {
        [.incoming] + (try Stations(spool).list().map { Path.dropBox(of: $0) }) + [.inlet]
    }

    // MARK: Permissions

    func permissions() throws(SystemError) -> [Check] {
        guard let service = try spool.root.status(of: Diagnosis.hidden)?.owner else {
            return [missing(Diagnosis.hidden)]
        }
        var checks: [Check] = []
        let user = Host.name(ofUser: service)
        for place in privatePlaces + answers + [.incoming] {
            guard let status = try spool.root.status(of: place), status.kind == .directory else {
                checks.append(missing(place))
                continue
            }
            if status.owner != service {
                checks.append(
                    problem(
                        .fail,
                        "'\(place)' belongs to \(Host.name(ofUser: status.owner)), "
                            + "'\(SpoolFile.hidden)' to \(user)", "chown \(user)", place))
            }
            if let problem = modeProblem(of: place, status.mode) { checks.append(problem) }
        }
        if Host.user != service {
            checks.append(
                Check(
                    "permissions", .warning,
                    "what the service may do is seen by its own user, "
                        + "\(user), not by \(Host.name(ofUser: Host.user))",
                    "Run it as that user: sudo -u \(user) gpuspool --spool '\(spool.path)' doctor"))
        }
        return checks.isEmpty
            ? [
                Check(
                    "permissions", .ok, "every directory is \(user)'s, and no wider open than meant"
                )
            ]
            : checks
    }

    private func modeProblem(of place: Path, _ mode: UInt32) -> Check? {
        let octal = String(mode, radix: 8)
        if place == .incoming {
            guard mode & 0o002 != 0, mode & 0o1000 == 0 else { return nil }
            return problem(
                .warning, "in '\(place)' (mode \(octal)) each sender may remove another's drop",
                "chmod +t", place)
        }
        if mode & 0o022 != 0 {
            return problem(
                .fail, "'\(place)' (mode \(octal)) may be written by others", "chmod go-w", place)
        }
        guard privatePlaces.contains(place), mode & 0o055 != 0 else { return nil }
        return problem(
            .warning, "'\(place)' (mode \(octal)) may be read by others", "chmod go=", place)
    }

    private func problem(
        _ verdict: Check.Verdict, _ finding: String, _ command: String, _ place: Path
    ) -> Check {
        Check("permissions", verdict, finding, "\(command) '\(spool.path / place)'")
    }

    private func missing(_ place: Path) -> Check {
        Check(
            "permissions", .fail, "the directory '\(place)' is not there",
            "Make what is missing: gpuspool --spool '\(spool.path)' init")
    }

    // MARK: One filesystem

    /// The kernel compares filesystems, and mounts of one, before it looks for the name: renaming
    /// what is not there tells, and does nothing.
    func filesystem() throws(SystemError) -> [Check] {
        let kind = try FileSystem(of: spool.root).kind
        var elsewhere: [Check] = []
        for place in privatePlaces + answers + (try boxes()) {
            let absent = Path.temporary()
            do throws(SystemError) {
                try spool.root.rename(absent, to: place / absent.lastComponent)
            } catch {
                if error.isNotFound { continue }
                guard error.code == .otherFilesystem else { throw error }
                let other = try FileSystem(of: try spool.root.directory(place)).kind
                elsewhere.append(
                    Check(
                        "filesystem", .fail,
                        "'\(place)' (\(other)) is another filesystem, or "
                            + "another mount, than the spool (\(kind)): nothing can be renamed there",
                        error.remedy))
            }
        }
        return elsewhere.isEmpty
            ? [Check("filesystem", .ok, "all of the spool is on one filesystem (\(kind))")]
            : elsewhere
    }

    // MARK: Room

    /// Files that all jobs make which may be in the spool at once, several times over.
    private static let comfortableFiles: UInt64 = 10_000

    func space() throws(SystemError) -> [Check] {
        let disk = try FileSystem(of: spool.root)
        let files = disk.availableFiles.map { "\($0) files" } ?? "any number of files"
        let room = "\(disk.available / 1_048_576) MB and \(files) may still be written"
        let settings = spool.settings
        if spool.isNearlyFull {
            return [
                Check(
                    "space", .fail,
                    "\(room): the door is closed (MIN_FREE_BYTES is "
                        + "\(settings.minFreeBytes))",
                    "Free space on the spool's disk (df, and df -i for files).")
            ]
        }
        // Each photo, its result, and what is kept of ended ones.
        let jobs = UInt64(settings.maxInflightJobs) * UInt64(settings.maxImageBytes) * 2
        let needed = UInt64(settings.minFreeBytes) + jobs
        let isShort =
            disk.available < needed
            || disk.availableFiles.map { $0 < Diagnosis.comfortableFiles } == true
        return isShort
            ? [
                Check(
                    "space", .warning, "\(room); a full queue may need more",
                    "Free space on the spool's disk (df, and df -i for files).")
            ] : [Check("space", .ok, room)]
    }

    // MARK: Events

    func events() throws(SystemError) -> [Check] {
        var told: [Path] = []
        var listed: [Check] = []
        let seconds = DurationText.seconds(spool.settings.scan)
        for box in try boxes() {
            let directory = try spool.root.directory(box)
            let disk = try FileSystem(of: directory)
            let reason: String
            if !disk.isLocal {
                reason = "\(disk.kind) tells nothing of changes that are made elsewhere"
            } else if try !EventProbe.isAnswered(in: directory, watchedAs: spool.path / box) {
                reason = "no event came of a file that was made there"
            } else {
                told.append(box)
                continue
            }
            listed.append(
                Check(
                    "events", .warning, "'\(box)' is listed every \(seconds) s: \(reason)",
                    "\(Diagnosis.goodDisk) Or, to be quicker, set SCAN_SECONDS lower."))
        }
        let names = told.map { "'\($0)'" }.joined(separator: ", ")
        return told.isEmpty
            ? listed : [Check("events", .ok, "the kernel tells what happens in \(names)")] + listed
    }
}
