// Batches: a list, and every image it names.
//
// A batch comes in as a whole or not at all. What is wrong with it for good is told at once and
// refused as soon as all its files stand, so that they go with it.

internal import Linux
internal import SpoolFormat

extension Door {
    /// Judges the list of a batch and the images of it that are there.
    func judge(_ batch: Pairing.Batch, in box: DropBox, _ directory: borrowing Directory)
        throws(SystemError) -> Judgement
    {
        guard let file = box.files[batch.list], try box.restat(file, in: directory, now: now) else {
            return .wait(until: now, for: "'\(batch.list)'", error: nil)
        }
        let path = box.path / file.name
        let deadline = file.lastChange + settings.dropTimeout
        let wasJudged = file.isJudgedList
        if !wasJudged {
            let wait = try unready(
                file, in: box, directory, until: deadline, again: Refusal.dropBatchAgain
            ) {
                () throws(SystemError) in
                if case .unfinished = try file.list(at: path, in: spool) { return false }
                return true
            }
            if let wait { return wait }
        }
        switch try file.list(at: path, in: spool) {
        case .whole where !wasJudged:
            // Nobody knew which images it names.
            return .wait(until: now + settings.settle, for: "its images", error: nil)
        case .whole(let list): return try judge(list, of: file, batch, in: box, directory)
        case .wrong(let detail): return .refuse(Refusal(.invalidRequest, detail))
        case .unfinished(let detail):
            return patience(
                Door.unparsablePatience, from: file, for: "CSV that can be read",
                Refusal(.invalidRequest, detail))
        }
    }

    private func judge(
        _ list: BatchList, of file: Arrival, _ batch: Pairing.Batch, in box: DropBox,
        _ directory: borrowing Directory
    ) throws(SystemError) -> Judgement {
        var images: [(file: Arrival, lines: [Int])] = []
        for image in list.images {
            let name = Path(image.name)
            guard batch.images.contains(name), let arrival = box.files[name],
                try box.restat(arrival, in: directory, now: now)
            else { continue }
            images.append((arrival, image.lines))
        }
        let changes = [file.lastChange] + images.map(\.file.lastChange)
        let deadline = (changes.max() ?? now) + settings.dropTimeout
        let wrong = problem(of: list)
        guard images.count == list.images.count else {
            let missing = list.images.filter { !batch.images.contains(Path($0.name)) }
            return self.wait(for: missing, of: file, until: deadline, wrong)
        }
        for (image, _) in images {
            let path = box.path / image.name
            let wait = try unready(
                image, in: box, directory, until: deadline, again: Refusal.dropBatchAgain
            ) {
                () throws(SystemError) in
                if case .unfinished = try image.image(at: path, in: spool) { return false }
                return true
            }
            if let wait { return wait }
        }
        if let wrong { return .refuse(wrong) }
        return try judge(images, in: box) ?? .admit(model: nil)
    }

    /// What is wrong with a list for good.
    private func problem(of list: BatchList) -> Refusal? {
        if let detail = list.problem { return Refusal(.invalidRequest, detail) }
        return .tooLong(batch: list.rows.count, settings)
    }

    private func wait(
        for missing: [BatchList.Image], of file: Arrival, until deadline: Moment,
        _ wrong: Refusal?
    ) -> Judgement {
        let few = missing.prefix(5).map { "'\($0.name)' (\(BatchList.words(for: $0.lines)))" }
        let more = missing.count > 5 ? " and \(missing.count - 5) more" : ""
        let what =
            "\(missing.count == 1 ? "the image" : "the images") "
            + few.joined(separator: ", ") + more
        guard now >= deadline else {
            return .wait(until: deadline, for: what, error: wrong?.detail)
        }
        let seconds = DurationText.seconds(settings.dropTimeout)
        return .refuse(
            wrong
                ?? Refusal(
                    .incompleteBundle,
                    "'\(file.name)' waited \(seconds) s for \(what), which never came. "
                        + Refusal.dropBatchAgain))
    }

    /// What the images' contents say; nil when all are good.
    private func judge(_ images: [(file: Arrival, lines: [Int])], in box: DropBox)
        throws(SystemError) -> Judgement?
    {
        var refusals: [(code: RefusalCode, problem: BatchList.Problem)] = []
        var wait: Judgement?
        for (file, lines) in images {
            switch try file.image(at: box.path / file.name, in: spool) {
            case .whole: continue
            case .wrong(let refusal):
                let detail = "'\(file.name)': \(refusal.detail)"
                for line in lines {
                    refusals.append((refusal.code, .init(line: line, detail: detail)))
                }
            case .unfinished(let detail):
                wait =
                    wait
                    ?? patience(
                        settings.resume, from: file, for: "the rest of '\(file.name)'",
                        Refusal(
                            .incompleteBundle,
                            "'\(file.name)' (\(BatchList.words(for: lines))) was not finished: "
                                + "\(detail). " + Refusal.dropBatchAgain))
            }
        }
        refusals.sort { $0.problem.line < $1.problem.line }
        guard let first = refusals.first, let text = BatchList.text(of: refusals.map(\.problem))
        else { return wait }
        return .refuse(Refusal(first.code, text))
    }
}

extension Refusal {
    /// What the sender of a batch can do.
    static let dropBatchAgain = "Drop the CSV file and its images again."

    /// A batch of more rows than the queue could ever hold; nil for one that fits.
    static func tooLong(batch rows: Int, _ settings: Settings) -> Refusal? {
        let limit = [
            ("MAX_INFLIGHT_JOBS", settings.maxInflightJobs),
            ("MAX_PENDING_JOBS", settings.maxPendingJobs ?? .max),
        ].min { $0.1 < $1.1 }
        guard let (name, maximum) = limit, rows > maximum else { return nil }
        return Refusal(
            .invalidRequest,
            "The batch has \(rows) rows; at most \(maximum) jobs can be in the queue (\(name)). Split "
                + "it into CSV files of at most \(maximum) rows.")
    }
}
