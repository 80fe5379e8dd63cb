internal import Linux
internal import SpoolFormat

/// Folder bundles: one JSON, one image, nothing else.
extension Door {
    /// Judges a folder bundle: one JSON, one image, nothing else.
    func judge(folder: DropBox, _ directory: borrowing Directory) throws(SystemError)
        -> (Judgement, Pairing.Pair)
    {
        var pair = Door.pair(in: folder)
        if folder.files.isEmpty, folder.subfolders.isEmpty {
            return (emptyFolder(folder), pair)
        }
        // Another member may come as long as the folder is not quiet.
        let quiet = folder.lastChange + settings.settle
        if !folder.isRenamed, now < quiet {
            return (.wait(until: quiet, for: "the end of the folder", error: nil), pair)
        }
        if let refusal = superfluous(in: folder) { return (.refuse(refusal), pair) }
        guard let name = pair.instruction, let instruction = folder.files[name],
            let image = pair.image
        else { return (try judge(pair, in: folder, directory), pair) }
        let verdict = try judge(pair, in: folder, directory)
        if let named = instruction.namedImage, Path(named) != image {
            pair = Pairing.Pair(stem: pair.stem, instruction: pair.instruction, image: nil)
            return (
                .refuse(
                    Refusal(
                        .invalidRequest,
                        "The JSON names the image '\(Path(named))', but the folder holds "
                            + "'\(image)'. Correct 'image', or leave it out.")), pair
            )
        }
        return (verdict, pair)
    }

    /// The first JSON and the first image by name.
    static func pair(in folder: DropBox) -> Pairing.Pair {
        var instruction: Path?
        var image: Path?
        for name in folder.files.keys.sorted() {
            switch DropName(name.bytes) {
            case .instruction: instruction = instruction ?? name
            case .image: image = image ?? name
            case .ignored, .control, .batch: continue
            }
        }
        return Pairing.Pair(
            stem: folder.path.lastComponent.bytes, instruction: instruction, image: image)
    }

    private func emptyFolder(_ folder: DropBox) -> Judgement {
        let deadline = folder.lastChange + settings.dropTimeout
        guard now >= deadline else {
            return .wait(until: deadline, for: "one JSON and one image", error: nil)
        }
        return .refuse(
            Refusal(
                .incompleteBundle,
                "The folder stayed empty for \(DurationText.seconds(settings.dropTimeout)) s. "
                    + "Put one JSON and one image into it."))
    }

    private func superfluous(in folder: DropBox) -> Refusal? {
        if let name = folder.subfolders.min() {
            return Refusal(
                .invalidRequest,
                "The folder holds the folder '\(name)'; only one JSON and one image are allowed.")
        }
        if let list = folder.files.keys.sorted().first(where: {
            if case .batch = DropName($0.bytes) { true } else { false }
        }) {
            return Refusal(
                .invalidRequest,
                "The folder holds '\(list)'; a CSV file and its images are dropped without a folder."
            )
        }
        let instructions = folder.files.keys.filter {
            if case .instruction = DropName($0.bytes) { true } else { false }
        }
        let images = folder.files.count - instructions.count
        if instructions.count > 1 || images > 1 {
            let names = folder.files.keys.sorted().prefix(5).map { "'\($0)'" }
            return Refusal(
                .invalidRequest,
                "The folder holds \(instructions.count) JSON files and \(images) other files "
                    + "(\(names.joined(separator: ", "))); only one JSON and one image are allowed."
            )
        }
        return nil
    }
}
