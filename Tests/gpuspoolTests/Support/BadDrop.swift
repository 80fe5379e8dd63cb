import Linux
import SpoolFormat

/// A drop that is refused, as Python that makes it, and what its sender is told.
struct BadDrop: Sendable {
    /// When the door may answer.
    enum Answer: Sendable {
        /// As soon as both partners stand.
        case atOnce
        /// After JSON that does not parse stood for 2 s.
        case unparsable
        /// After `RESUME_SECONDS` or `DROP_TIMEOUT_SECONDS` of the test.
        case patience
    }

    /// The drop's name: its ID, or `dropped_as` where no ID can be made of it.
    let name: String
    let code: String
    /// All stand in `detail`.
    let words: [String]
    let answer: Answer
    /// Statements of Python, in a directory of its own; `name` is the drop's name.
    let python: String

    init(
        _ name: String, _ code: String, _ words: String..., answer: Answer = .atOnce,
        python: String
    ) {
        self.init(name: name, code: code, words: words, answer: answer, python: python)
    }

    /// A wrong JSON beside a good image.
    static func json(
        _ name: String, _ words: String..., answer: Answer = .atOnce, json: String
    ) -> BadDrop {
        BadDrop(
            name: name, code: "invalid_request", words: words, answer: answer,
            python: "photo(); text('''\(json)''')")
    }

    /// A wrong image beside a good JSON.
    static func image(
        _ name: String, _ code: String, _ words: String..., answer: Answer = .atOnce,
        bytes: String
    ) -> BadDrop {
        BadDrop(
            name: name, code: code, words: words, answer: answer,
            python: "put(name + '.jpg', \(bytes)); ask()")
    }

    private init(name: String, code: String, words: [String], answer: Answer, python: String) {
        (self.name, self.code, self.words, self.answer) = (name, code, words, answer)
        self.python = python
    }

    /// What the statements may use.
    static let prelude = """
        import io, json, os, socket, struct, sys, zlib
        PHOTO = open(os.environ["PHOTOS"] + "/cat.png", "rb").read()
        JPEG = open(os.environ["PHOTOS"] + "/rocket.jpg", "rb").read()
        def chunk(kind, data):
            body = kind + data
            return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
        def header(width, height):
            fields = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
            return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", fields)
        SMALL = header(1, 1) + chunk(b"IDAT", zlib.compress(bytes(4))) + chunk(b"IEND", b"")
        def put(path, data):
            with open(path, "wb") as file: file.write(data)
        def photo(): put(name + ".png", SMALL)
        def text(value): put(name + ".json", value.encode())
        def ask(**fields): text(json.dumps({"instruction": "rotate 90", **fields}))
        def picture(width, height, format="PNG"):
            from PIL import Image
            file = io.BytesIO()
            Image.new("RGB", (width, height), "green").save(file, format)
            return file.getvalue()

        """

    /// Makes all drops, each in a directory of its own below `ready/`.
    static func make(_ drops: [(name: String, python: String)], in spool: TestSpool) throws {
        var program = prelude + "root = \"\(spool.folder)/ready\"\nos.mkdir(root)\n"
        for (index, drop) in drops.enumerated() {
            program += "os.mkdir(f'{root}/\(index)'); os.chdir(f'{root}/\(index)')\n"
            let bytes = drop.name.utf8.map(String.init).joined(separator: ",")
            program += "name = os.fsdecode(bytes([\(bytes)]))\n\(drop.python)\n"
        }
        _ = try spool.python(program)
    }

    /// Renames all of them into `incoming/`.
    static func moveAll(in spool: TestSpool) throws {
        for directory in try Disk.names(spool.folder / "ready") {
            let from = try Directory(spool.folder / "ready" / directory)
            let to = try Directory(spool.path / "incoming")
            for name in try from.names().sorted() { try from.rename(name, to: to, name) }
        }
    }
}
