internal import Linux
internal import SpoolFormat

/// Which files of a drop box belong together.
enum Pairing {
    /// A JSON and an image that belong together, or one of them that waits for the other.
    struct Pair: Hashable {
        /// The drop's name: the JSON's stem, or the lone image's.
        let stem: [UInt8]
        /// The JSON's file name.
        let instruction: Path?
        /// The image's file name.
        let image: Path?
    }

    /// The list of a batch, and the images it names that are there.
    struct Batch: Hashable {
        /// The list's name without its extension.
        let stem: [UInt8]
        /// Its file name.
        let list: Path
        /// The images' file names.
        let images: Set<Path>
    }

    /// A file, its kind, and what tells which others it wants.
    struct Item {
        let name: Path
        /// When it came, by the kernel's clock: the first of two rivals wins.
        let changed: Int64
        /// For a JSON that could be read: the image it names.
        var namedImage: Path?
        /// For the list of a batch that could be read: the images it names.
        var namedImages: [Path] = []
        /// For an image: whether it could be taken now.
        var isWhole = false
    }

    /// Pairs each JSON with the image it names or the one of its stem, and each list with the images
    /// it names.
    ///
    /// Of two images of one stem the first whole one is taken; of two JSONs or lists that name one
    /// image the first. The others wait for a partner.
    static func drops(_ items: [Item]) -> (pairs: [Pair], batches: [Batch]) {
        let items = items.sorted { ($0.changed, $0.name) < ($1.changed, $1.name) }
        var images: [Path: Item] = [:]
        var byStem: [[UInt8]: [Path]] = [:]
        var instructions: [(item: Item, stem: [UInt8])] = []
        // Those that name their images.
        var claimants: [(item: Item, stem: [UInt8], isList: Bool)] = []
        for item in items {
            switch DropName(item.name.bytes) {
            case .ignored, .control: continue
            case .instruction(let stem) where item.namedImage != nil:
                claimants.append((item, stem, false))
            case .instruction(let stem): instructions.append((item, stem))
            case .batch(let stem): claimants.append((item, stem, true))
            case .image(let stem):
                images[item.name] = item
                byStem[stem, default: []].append(item.name)
            }
        }
        var pairs: [Pair] = []
        var batches: [Batch] = []
        // Who names an image goes before one that takes what has its stem.
        for (item, stem, isList) in claimants {
            let names = isList ? item.namedImages : [item.namedImage].compactMap { $0 }
            let claimed = names.compactMap { images.removeValue(forKey: $0)?.name }
            if isList {
                batches.append(Batch(stem: stem, list: item.name, images: Set(claimed)))
            } else {
                pairs.append(Pair(stem: stem, instruction: item.name, image: claimed.first))
            }
        }
        for (item, stem) in instructions {
            let rivals = (byStem[stem] ?? []).filter { images[$0] != nil }
            let image = rivals.first { images[$0]?.isWhole == true } ?? rivals.first
            if let image { images[image] = nil }
            pairs.append(Pair(stem: stem, instruction: item.name, image: image))
        }
        for item in items where images[item.name] != nil {
            let stem = DropName.stem(of: item.name.bytes)
            pairs.append(Pair(stem: stem, instruction: nil, image: item.name))
        }
        return (pairs, batches)
    }
}
