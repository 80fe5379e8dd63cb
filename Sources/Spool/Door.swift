// The judgement of a drop in `incoming/`: it waits, it is refused, or it may come in.
//
// What is wrong for good is refused as soon as both partners stand and nobody writes them; what
// may still become right waits, each kind for its own time without any change. Nothing is moved
// here, and what is judged is looked at again once it has been taken (`Inspection`).

internal import Linux
internal import SpoolFormat

/// What is to become of a drop.
enum Judgement {
    /// It waits for something; look again then, unless an event comes first.
    case wait(until: Moment, for: String, error: String?)
    /// It is good; the model it asks for, if it names one.
    case admit(model: String?)
    /// It never will be.
    case refuse(Refusal)

    var isWait: Bool { if case .wait = self { true } else { false } }
}

/// Judges drops as of one moment.
struct Door {
    let spool: Spool
    let now: Moment

    /// How long JSON that does not parse may stand unchanged: an editor or a slow client may be
    /// writing it in pieces.
    static let unparsablePatience = Duration.seconds(2)

    /// How long to wait after the kernel refused to let us read a file; a change of its
    /// permissions raises an event.
    static let permissionPatience = Duration.seconds(5)

    var settings: Settings { spool.settings }

    /// Judges a JSON and its image, or one that waits for the other.
    func judge(_ pair: Pairing.Pair, in box: DropBox, _ directory: borrowing Directory)
        throws(SystemError) -> Judgement
    {
        let instruction = pair.instruction.flatMap { box.files[$0] }
        let image = pair.image.flatMap { box.files[$0] }
        switch (instruction, image) {
        case (let instruction?, let image?):
            return try judge(instruction, image, in: box, directory)
        case (let file?, nil), (nil, let file?):
            return try judge(alone: file, of: pair, in: box, directory)
        case (nil, nil): return .wait(until: now, for: "its files", error: nil)
        }
    }

    // MARK: One partner

    private func judge(
        alone file: Arrival, of pair: Pairing.Pair, in box: DropBox,
        _ directory: borrowing Directory
    ) throws(SystemError) -> Judgement {
        let partner = try missingPartner(of: file, pair, in: box)
        if now >= file.lastChange + settings.dropTimeout {
            guard try box.restat(file, in: directory, now: now) else {
                return .wait(until: now, for: partner, error: nil)
            }
        }
        let deadline = file.lastChange + settings.dropTimeout
        let look = try self.look(at: file, isInstruction: pair.image == nil, in: box, directory)
        guard now < deadline else {
            return .refuse(look.problem ?? neverCame(partner, beside: file))
        }
        return .wait(
            until: min(deadline, look.again ?? deadline), for: partner,
            error: look.problem?.detail)
    }

    private func missingPartner(of file: Arrival, _ pair: Pairing.Pair, in box: DropBox)
        throws(SystemError) -> String
    {
        let stem = Path(pair.stem)
        guard pair.image == nil else { return "the instruction '\(stem).json'" }
        if let named = file.namedImage { return "the image '\(Path(named))'" }
        return "an image called '\(stem).jpg' or '\(stem).png'"
    }

    private func neverCame(_ partner: String, beside file: Arrival) -> Refusal {
        let seconds = DurationText.seconds(settings.dropTimeout)
        return Refusal(
            .incompleteBundle,
            "'\(file.name)' waited \(seconds) s for \(partner), which never came. "
                + "Drop both files again.")
    }

    /// What a look at one file gave: what is wrong with it for good, and when to look again.
    private func look(
        at file: Arrival, isInstruction: Bool, in box: DropBox, _ directory: borrowing Directory
    ) throws(SystemError) -> (problem: Refusal?, again: Moment?) {
        let path = box.path / file.name
        if !file.isJudged(isInstruction: isInstruction) {
            switch try file.readiness(
                in: directory, isLocal: box.isLocal, settings, now: now)
            {
            case .ready, .leftOpen: break
            case .wait(let until): return (nil, until)
            case .unreadable(let error):
                return (unreadable(file, error), now + Door.permissionPatience)
            }
        }
        if isInstruction {
            guard case .wrong(let detail) = try file.request(at: path, in: spool) else {
                return (nil, nil)
            }
            return (Refusal(.invalidRequest, detail), nil)
        }
        guard case .wrong(let refusal) = try file.image(at: path, in: spool) else {
            return (nil, nil)
        }
        return (refusal, nil)
    }

    private func unreadable(_ file: Arrival, _ error: SystemError) -> Refusal {
        let owner = Host.name(ofUser: file.status.owner)
        let mode = String(file.status.mode, radix: 8)
        let user = Host.name(ofUser: Host.user)
        return Refusal(
            .invalidRequest,
            "The service (user \(user)) may not read '\(file.name)' (owner \(owner), mode \(mode), "
                + "\(error.code.name)). Make it readable, for example: chmod a+r '\(file.name)'")
    }

    // MARK: Both partners

    private func judge(
        _ instruction: Arrival, _ image: Arrival, in box: DropBox,
        _ directory: borrowing Directory
    ) throws(SystemError) -> Judgement {
        for file in [instruction, image] {
            guard try box.restat(file, in: directory, now: now) else {
                return .wait(until: now, for: "'\(file.name)'", error: nil)
            }
        }
        let deadline =
            max(instruction.lastChange, image.lastChange) + settings.dropTimeout
        for file in [instruction, image] {
            let wait = try unready(file, in: box, directory, until: deadline) {
                () throws(SystemError) in
                try isFinished(file, isInstruction: file === instruction, in: box)
            } isProven: { () throws(SystemError) in
                try isProven(image, by: instruction, in: box)
            }
            if let wait { return wait }
        }
        return try judge(ready: instruction, image, in: box)
    }

    /// What is to become of a drop because of one file that cannot be taken yet; nil when it can.
    func unready(
        _ file: Arrival, in box: DropBox, _ directory: borrowing Directory,
        until deadline: Moment, again: String = "Drop both files again.",
        isFinished: () throws(SystemError) -> Bool,
        isProven: () throws(SystemError) -> Bool = { false }
    ) throws(SystemError) -> Judgement? {
        let readiness = try file.readiness(
            in: directory, isLocal: box.isLocal, settings, now: now)
        switch readiness {
        case .ready: return nil
        case .leftOpen where try isFinished(): return nil
        case .leftOpen where now < deadline:
            return .wait(
                until: min(now + Arrival.openPatience, deadline),
                for: "the end of '\(file.name)'", error: nil)
        case .wait where try isProven(): return nil
        case .wait(let until) where now < deadline:
            return .wait(
                until: min(until, deadline), for: "the end of '\(file.name)'", error: nil)
        case .wait, .leftOpen: return .refuse(neverEnded(file, again))
        case .unreadable(let error):
            let refusal = unreadable(file, error)
            guard now < deadline else { return .refuse(refusal) }
            return .wait(
                until: min(now + Door.permissionPatience, deadline),
                for: "permission to read '\(file.name)'", error: refusal.detail)
        }
    }

    /// Whether a file that stays open has all that it needs, or something wrong for good.
    private func isFinished(_ file: Arrival, isInstruction: Bool, in box: DropBox)
        throws(SystemError) -> Bool
    {
        let path = box.path / file.name
        if isInstruction {
            if case .unfinished = try file.request(at: path, in: spool) { return false }
        } else {
            if case .unfinished = try file.image(at: path, in: spool) { return false }
        }
        return true
    }

    /// The best evidence of all: the sender's own hash of the image matches.
    private func isProven(_ image: Arrival, by instruction: Arrival, in box: DropBox)
        throws(SystemError) -> Bool
    {
        guard image.status.kind == .file, instruction.status.kind == .file,
            case .whole(let request) = try instruction.request(
                at: box.path / instruction.name, in: spool),
            let expected = request.sha256
        else { return false }
        return try image.sha256(at: box.path / image.name, in: spool) == expected
    }

    private func neverEnded(_ file: Arrival, _ again: String) -> Refusal {
        let seconds = DurationText.seconds(settings.dropTimeout)
        return Refusal(
            .incompleteBundle,
            "'\(file.name)' is still open for writing and did not change for \(seconds) s. "
                + again)
    }

    private func judge(ready instruction: Arrival, _ image: Arrival, in box: DropBox)
        throws(SystemError) -> Judgement
    {
        let request = try instruction.request(at: box.path / instruction.name, in: spool)
        if case .wrong(let detail) = request { return .refuse(Refusal(.invalidRequest, detail)) }
        let path = box.path / image.name
        let verdict = try image.image(at: path, in: spool)
        if case .wrong(let refusal) = verdict { return .refuse(refusal) }
        if case .unfinished(let detail) = request {
            return patience(
                Door.unparsablePatience, from: instruction, for: "JSON that can be read",
                Refusal(.invalidRequest, detail))
        }
        if case .unfinished(let detail) = verdict {
            return patience(
                settings.resume, from: image, for: "the rest of '\(image.name)'",
                Refusal(
                    .incompleteBundle,
                    "'\(image.name)' was not finished: \(detail). Upload it again."))
        }
        if case .whole(let request) = request, let expected = request.sha256 {
            let found = try image.sha256(at: path, in: spool)
            if found != expected {
                return patience(
                    settings.resume, from: image, for: "the image whose SHA-256 is \(expected)",
                    Refusal(.invalidImage, Contents.hashMismatch(expected, found ?? "unknown")))
            }
        }
        guard case .whole(let request) = request else { return .admit(model: nil) }
        return .admit(model: request.model?.description)
    }

    func patience(
        _ duration: Duration, from file: Arrival, for what: String, _ refusal: Refusal
    ) -> Judgement {
        let deadline = file.lastChange + duration
        guard now < deadline else { return .refuse(refusal) }
        return .wait(until: deadline, for: what, error: refusal.detail)
    }
}
