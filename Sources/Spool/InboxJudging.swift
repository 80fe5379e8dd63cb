// The judgement of all drops that stand in one box: which files are one drop, what the door says
// of it, and which members are taken when it comes in. One drop's error is its own.

internal import Linux
internal import SpoolFormat

extension Inbox {
    func judge(_ box: DropBox, _ now: Moment, _ candidates: inout [Candidate])
        throws(SystemError)
    {
        let door = Door(spool: spool, now: now)
        let directory = try spool.root.directory(box.path)
        let drops = Pairing.drops(items(of: box, directory, now))
        for pair in drops.pairs {
            let key = DropKey(
                box: box.path, stem: pair.stem, file: pair.instruction ?? pair.image)
            let judgement = judgement(of: key.stem, now) { () throws(SystemError) in
                try door.judge(pair, in: box, directory)
            }
            let files = [pair.instruction, pair.image].compactMap { $0.flatMap { box.files[$0] } }
            guard let first = files.map(\.firstSeen).min() else { continue }
            candidates.append(
                Candidate(
                    key: key, station: box.station, judgement: judgement,
                    members: judgement.isWait ? [] : members(files, pair, in: box.path),
                    folder: nil, firstSeen: first,
                    arrived: files.map(\.status.changed).max() ?? 0,
                    begun: files.map(\.status.changed).min() ?? 0))
        }
        for batch in drops.batches {
            let key = DropKey(
                box: box.path, stem: batch.stem + BatchName.suffix.utf8, file: batch.list)
            let judgement = judgement(of: key.stem, now) { () throws(SystemError) in
                try door.judge(batch, in: box, directory)
            }
            if let candidate = candidate(batch, key, judgement, in: box) {
                candidates.append(candidate)
            }
        }
        for folder in box.folders.values {
            do throws(SystemError) {
                if let candidate = try judge(folder, in: box, door) { candidates.append(candidate) }
            } catch { drop(folder, of: box, error) }
        }
    }

    /// What the door says of a drop.
    private func judgement(
        of stem: [UInt8], _ now: Moment, _ judge: () throws(SystemError) -> Judgement
    ) -> Judgement {
        do throws(SystemError) { return try judge() } catch {
            // A file that its sender took away meanwhile is no trouble.
            if !error.isNotFound {
                spool.log.write(error, while: "Looking into the drop '\(Path(stem))'")
            }
            return obstacle(error, now)
        }
    }

    private func candidate(
        _ batch: Pairing.Batch, _ key: DropKey, _ judgement: Judgement, in box: DropBox
    ) -> Candidate? {
        let files = ([batch.list] + batch.images.sorted()).compactMap { box.files[$0] }
        guard let first = files.map(\.firstSeen).min() else { return nil }
        var candidate = Candidate(
            key: key, station: box.station, judgement: judgement,
            members: judgement.isWait ? [] : members(files, batch, in: box.path), folder: nil,
            firstSeen: first, arrived: files.map(\.status.changed).max() ?? 0,
            begun: files.map(\.status.changed).min() ?? 0)
        candidate.isBatch = true
        guard let list = box.files[batch.list]?.judgedList else { return candidate }
        candidate.list = list
        candidate.copies = list.rows.reduce(0) {
            $0 + (box.files[Path($1.image)]?.status.size ?? 0)
        }
        return candidate
    }

    private func members(_ files: [Arrival], _ batch: Pairing.Batch, in box: Path)
        -> [Drop.Member]
    {
        unique(
            files.map { file in
                let isList = file.name == batch.list
                return Drop.Member(
                    source: box / file.name,
                    name: Path(
                        isList ? Array(BundleFile.batch.utf8) : DropName.member(file.name.bytes)),
                    identity: file.status.identity, role: isList ? .list : .image)
            })
    }

    private func judge(_ folder: DropBox, in box: DropBox, _ door: Door) throws(SystemError)
        -> Candidate?
    {
        let key = DropKey(box: box.path, stem: folder.path.lastComponent.bytes, file: nil)
        if let problem = folder.problem {
            return Candidate(
                key: key, station: box.station, judgement: obstacle(problem, door.now),
                members: [], folder: folder.path, firstSeen: folder.firstSeen, arrived: 0, begun: 0)
        }
        let directory = try spool.root.directory(folder.path)
        if folder.files.isEmpty, folder.subfolders.isEmpty {
            // Answered, and could not be removed; or only what is never taken lies there.
            guard !folder.isAnswered, try directory.names().isEmpty else { return nil }
        }
        let (judgement, pair) = try door.judge(folder: folder, directory)
        var members: [Drop.Member] = []
        if !judgement.isWait {
            members = self.members(Array(folder.files.values), pair, in: folder.path)
        }
        for name in folder.subfolders.sorted() where !judgement.isWait {
            guard let status = try directory.status(of: name) else { continue }
            members.append(
                Drop.Member(
                    source: folder.path / name, name: Path(DropName.member(name.bytes)),
                    identity: status.identity, role: .other))
        }
        return Candidate(
            key: key, station: box.station, judgement: judgement, members: unique(members),
            folder: folder.path, firstSeen: folder.firstSeen,
            arrived: folder.files.values.map(\.status.changed).max() ?? 0,
            begun: folder.files.values.map(\.status.changed).min() ?? 0)
    }

    /// One drop's error is its own: it waits, its sender is told, the others go on.
    private func obstacle(_ error: SystemError, _ now: Moment) -> Judgement {
        return .wait(
            until: now + Door.permissionPatience, for: "the service to be able to read it",
            error: "The service cannot read this drop: \(error.withRemedy)")
    }

    /// A JSON that was read says which image it wants.
    private func items(
        of box: DropBox, _ directory: borrowing Directory, _ now: Moment
    ) -> [Pairing.Item] {
        var items: [Pairing.Item] = []
        for file in box.files.values {
            var item = Pairing.Item(name: file.name, changed: file.status.changed)
            switch DropName(file.name.bytes) {
            case .ignored, .control: continue
            case .instruction:
                do throws(SystemError) {
                    if try isReady(file, isInstruction: true, in: box, directory, now) {
                        _ = try file.request(at: box.path / file.name, in: spool)
                    }
                } catch { note(error) }
                item.namedImage = file.namedImage.map { Path($0) }
            case .batch: item.namedImages = namedImages(of: file, in: box, directory, now)
            case .image:
                item.isWhole = file.isWholeImage
            }
            items.append(item)
        }
        return items
    }

    /// Which files belong together is not known now: everything is looked at again soon.
    private func note(_ error: SystemError) {
        if !error.isNotFound { obstruction = error }
    }

    /// The images that a list names, as far as it can be read now.
    private func namedImages(
        of file: Arrival, in box: DropBox, _ directory: borrowing Directory, _ now: Moment
    ) -> [Path] {
        do throws(SystemError) {
            if !file.isJudgedList, try isReady(file, in: box, directory, now) {
                _ = try file.list(at: box.path / file.name, in: spool)
            }
        } catch { note(error) }
        return file.judgedList?.images.map { Path($0.name) } ?? []
    }

    private func isReady(
        _ file: Arrival, isInstruction: Bool, in box: DropBox, _ directory: borrowing Directory,
        _ now: Moment
    ) throws(SystemError) -> Bool {
        if file.isJudged(isInstruction: isInstruction) { return false }
        return try isReady(file, in: box, directory, now)
    }

    private func isReady(
        _ file: Arrival, in box: DropBox, _ directory: borrowing Directory, _ now: Moment
    ) throws(SystemError) -> Bool {
        let readiness = try file.readiness(
            in: directory, isLocal: box.isLocal, spool.settings, now: now)
        return switch readiness {
        case .ready, .leftOpen: true
        case .wait, .unreadable: false
        }
    }

    private func members(_ files: [Arrival], _ pair: Pairing.Pair, in box: Path) -> [Drop.Member] {
        let members = files.sorted { $0.name < $1.name }.map { file in
            let role: Drop.Member.Role =
                file.name == pair.instruction
                ? .request : file.name == pair.image ? .image : .other
            let name =
                role == .request
                ? Path(BundleFile.request) : Path(DropName.member(file.name.bytes))
            return Drop.Member(
                source: box / file.name, name: name, identity: file.status.identity, role: role)
        }
        return unique(members)
    }

    /// Safe names may coincide where the senders' did not.
    private func unique(_ members: [Drop.Member]) -> [Drop.Member] {
        var taken: Set<Path> = []
        return members.map { member in
            var name = member.name
            var number = 2
            while !taken.insert(name).inserted {
                name = Path(Array("\(number)-".utf8) + member.name.bytes)
                number += 1
            }
            return Drop.Member(
                source: member.source, name: name, identity: member.identity, role: member.role)
        }
    }
}
