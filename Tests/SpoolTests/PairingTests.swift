import Linux
import SpoolFormat
import Testing

@testable import Spool

@Suite struct PairingTests {
    /// `JSON+IMAGE`, with `-` for a partner that is missing; sorted.
    private func pairs(_ items: [Pairing.Item]) -> [String] {
        Pairing.drops(items).pairs.map {
            "\($0.instruction?.description ?? "-")+\($0.image?.description ?? "-")"
        }.sorted()
    }

    /// Files in the order in which they came; `NAME>IMAGE` is a JSON that names its image, `NAME!`
    /// an image that is whole.
    private func items(_ names: [String]) -> [Pairing.Item] {
        names.enumerated().map { index, text in
            let parts = text.split(separator: ">").map(String.init)
            let isWhole = text.hasSuffix("!")
            let name = isWhole ? String(parts[0].dropLast()) : parts[0]
            return Pairing.Item(
                name: Path(name), changed: Int64(index),
                namedImage: parts.count > 1 ? Path(parts[1]) : nil, isWhole: isWhole)
        }
    }

    @Test(arguments: [
        ([], []),
        (["a.json", "a.jpg"], ["a.json+a.jpg"]),
        (["a.jpg", "a.json"], ["a.json+a.jpg"]),
        (["a.json"], ["a.json+-"]),
        (["a.jpg"], ["-+a.jpg"]),
        (["a"], ["-+a"]),
        (["a.json", "a"], ["a.json+a"]),
        (["a.json", "b.jpg"], ["-+b.jpg", "a.json+-"]),
        // Only the last extension is cut off.
        (["a.b.json", "a.b.jpg", "a.jpg"], ["-+a.jpg", "a.b.json+a.b.jpg"]),
        // Two images of one stem: the first one, unless only the second is whole.
        (["a.json", "a.jpg", "a.png"], ["-+a.png", "a.json+a.jpg"]),
        (["a.png", "a.jpg", "a.json"], ["-+a.jpg", "a.json+a.png"]),
        (["a.json", "a.jpg", "a.png!"], ["-+a.jpg", "a.json+a.png"]),
        (["a.json", "a.jpg!", "a.png!"], ["-+a.png", "a.json+a.jpg"]),
        // A JSON that names its image.
        (["a.json>b.jpg", "b.jpg"], ["a.json+b.jpg"]),
        (["a.json>b.jpg", "a.jpg"], ["-+a.jpg", "a.json+-"]),
        (["a.json>b.jpg", "a.jpg", "b.jpg"], ["-+a.jpg", "a.json+b.jpg"]),
        (["b.json", "b.jpg", "a.json>b.jpg"], ["a.json+b.jpg", "b.json+-"]),
        (["a.json>c.jpg", "b.json>c.jpg", "c.jpg"], ["a.json+c.jpg", "b.json+-"]),
        (["b.json>c.jpg", "a.json>c.jpg", "c.jpg"], ["a.json+-", "b.json+c.jpg"]),
        // Two JSONs of one stem can only differ in the extension's case.
        (["a.json", "a.JSON", "a.jpg"], ["a.JSON+-", "a.json+a.jpg"]),
        // Names are bytes: neither case nor Unicode form is folded.
        (["a.json", "A.jpg"], ["-+A.jpg", "a.json+-"]),
        (["e\u{301}.json", "\u{e9}.jpg"], ["-+\u{e9}.jpg", "e\u{301}.json+-"]),
        (["\u{e9}.json>e\u{301}.jpg", "\u{e9}.jpg"], ["-+\u{e9}.jpg", "\u{e9}.json+-"]),
        // What is never taken.
        (["a.json", "a.jpg.part", "Thumbs.db", ".a.jpg"], ["a.json+-"]),
    ])
    func `files become pairs`(_ files: [String], _ expected: [String]) {
        let found = pairs(items(files)).map { Path($0) }.sorted()
        #expect(found == expected.map { Path($0) }.sorted())
    }

    @Test func `the pair is called after its JSON, and a lone image after itself`() {
        let pairs = Pairing.drops(items(["a.json>b.jpg", "b.jpg", "c.png"])).pairs
        #expect(pairs.map { Path($0.stem) } == ["a", "c"])
    }

    /// All drops: pairs as above, batches as `LIST[IMAGE IMAGE]`.
    private func drops(_ items: [Pairing.Item]) -> [String] {
        let batches = Pairing.drops(items).batches.map { batch in
            "\(batch.list)[\(batch.images.sorted().map(\.description).joined(separator: " "))]"
        }
        return (pairs(items) + batches).sorted()
    }

    /// Files in the order in which they came; `NAME>IMAGE,IMAGE` is a list that was read.
    private func lists(_ names: [String]) -> [Pairing.Item] {
        names.enumerated().map { index, text in
            let parts = text.split(separator: ">").map(String.init)
            var item = Pairing.Item(name: Path(parts[0]), changed: Int64(index))
            let named = parts.dropFirst().flatMap { $0.split(separator: ",").map(String.init) }
            if parts[0].hasSuffix(".csv") {
                item.namedImages = named.map { Path($0) }
            } else {
                item.namedImage = named.first.map { Path($0) }
            }
            return item
        }
    }

    @Test(arguments: [
        (["a.csv>x.jpg,y.jpg", "x.jpg", "y.jpg"], ["a.csv[x.jpg y.jpg]"]),
        (["x.jpg", "y.jpg", "z.jpg", "a.csv>x.jpg,y.jpg"], ["-+z.jpg", "a.csv[x.jpg y.jpg]"]),
        (["a.csv>x.jpg,y.jpg", "y.jpg"], ["a.csv[y.jpg]"]),
        (["a.csv>x.jpg,x.jpg", "x.jpg"], ["a.csv[x.jpg]"]),
        // One that was not read yet claims nothing.
        (["a.csv", "a.jpg"], ["-+a.jpg", "a.csv[]"]),
        // Of those that name one image the first gets it, list or JSON.
        (["a.csv>x.jpg", "b.csv>x.jpg", "x.jpg"], ["a.csv[x.jpg]", "b.csv[]"]),
        (["b.json>x.jpg", "a.csv>x.jpg", "x.jpg"], ["a.csv[]", "b.json+x.jpg"]),
        (["a.csv>x.jpg", "b.json>x.jpg", "x.jpg"], ["a.csv[x.jpg]", "b.json+-"]),
        // Who names an image goes before one that takes what has its stem.
        (["x.json", "x.jpg", "a.csv>x.jpg"], ["a.csv[x.jpg]", "x.json+-"]),
    ])
    func `a list claims the images it names`(_ files: [String], _ expected: [String]) {
        #expect(drops(lists(files)) == expected.sorted())
        #expect(drops(lists(files).reversed()) == expected.sorted())
    }

    @Test func `files of one moment are taken by name, so that every look gives the same pairs`() {
        let items = ["b.json", "a.json"].map {
            Pairing.Item(name: Path($0), changed: 5, namedImage: "c.jpg")
        }
        let image = Pairing.Item(name: "c.jpg", changed: 5)
        #expect(pairs(items + [image]) == ["a.json+c.jpg", "b.json+-"])
        #expect(pairs([image] + items.reversed()) == ["a.json+c.jpg", "b.json+-"])
    }
}
