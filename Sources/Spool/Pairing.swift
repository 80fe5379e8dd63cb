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

    /// A file, its kind, and what tells which others it wants.
    struct Item {
        let name: Path
        /// When it came, by the kernel's clock: the first of two rivals wins.
        let changed: Int64
        /// For a JSON that could be read: the image it names.
        var namedImage: Path?
        /// For an image: whether it could be taken now.
        var isWhole = false
    }

    /// Pairs each JSON with the image it names or the one of its stem.
    ///
    /// Of two images of one stem the first whole one is taken; of two JSONs that name one image
    /// the first. The others wait for a partner.
    static func pairs(_ items: [Item]) -> [Pair] {
        let items = items.sorted { ($0.changed, $0.name) < ($1.changed, $1.name) }
        var images: [Path: Item] = [:]
        var byStem: [[UInt8]: [Path]] = [:]
        var instructions: [(item: Item, stem: [UInt8])] = []
        for item in items {
            switch DropName(item.name.bytes) {
            case .ignored, .control: continue
            case .instruction(let stem): instructions.append((item, stem))
            case .image(let stem):
                images[item.name] = item
                byStem[stem, default: []].append(item.name)
            }
        }
        var pairs: [Pair] = []
        // A JSON that names its image goes before one that takes what has its stem.
        for (item, stem) in instructions where item.namedImage != nil {
            let image = item.namedImage.flatMap { images.removeValue(forKey: $0)?.name }
            pairs.append(Pair(stem: stem, instruction: item.name, image: image))
        }
        for (item, stem) in instructions where item.namedImage == nil {
            let rivals = (byStem[stem] ?? []).filter { images[$0] != nil }
            let image = rivals.first { images[$0]?.isWhole == true } ?? rivals.first
            if let image { images[image] = nil }
            pairs.append(Pair(stem: stem, instruction: item.name, image: image))
        }
        for item in items where images[item.name] != nil {
            let stem = DropName.stem(of: item.name.bytes)
            pairs.append(Pair(stem: stem, instruction: nil, image: item.name))
        }
        return pairs
    }
}
