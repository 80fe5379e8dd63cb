extension BadDrop {
    /// Everything that can be wrong with an image.
    static let images: [BadDrop] = [
        .image("text", "invalid_image", "'text.jpg': it is a text file", bytes: "b'Hello'"),
        .image("page", "invalid_image", "a web page (HTML)", bytes: "b'<!doctype html><p>404'"),
        .image("gif", "invalid_image", "GIF is not supported", bytes: "b'GIF89a' + bytes(99)"),
        .image("heic", "invalid_image", "HEIC", bytes: "b'\\0\\0\\0\\x18ftypheic' + bytes(99)"),
        .image("noise", "invalid_image", "neither JPEG nor PNG", bytes: "bytes(range(1, 255))"),
        .image(
            "checksum", "invalid_image", "checksum is wrong",
            bytes: "PHOTO[:20] + bytes([PHOTO[20] ^ 1]) + PHOTO[21:]"),
        .image(
            "15.2 MB", "image_too_large", "Image too large (15.2MB). Maximum 10MB allowed.",
            bytes: "JPEG + bytes(15938355 - len(JPEG))"),
        .image(
            "one too many", "image_too_large", "Image too large (10.1MB). Maximum 10MB allowed.",
            bytes: "JPEG + bytes(10485761 - len(JPEG))"),
        .image(
            "wide 2049", "image_too_large",
            "Image too large (2049x10). Maximum 2048x2048 allowed.", bytes: "picture(2049, 10)"),
        .image(
            "high 2049", "image_too_large",
            "Image too large (10x2049). Maximum 2048x2048 allowed.",
            bytes: "picture(10, 2049, 'JPEG')"),
        .image(
            "4000x3000", "image_too_large",
            "Image too large (4000x3000). Maximum 2048x2048 allowed.",
            bytes: "picture(4000, 3000, 'JPEG')"),
        .image(
            "bomb", "image_too_large", "Image too large (2147483647x2147483647).",
            bytes: "header(0x7fffffff, 0x7fffffff)"),
        .image(
            "empty", "incomplete_bundle", "'empty.jpg' was not finished", "the file is empty",
            answer: .patience, bytes: "b''"),
        .image(
            "half png", "incomplete_bundle", "the PNG's end marker is missing",
            answer: .patience, bytes: "PHOTO[:100000]"),
        .image(
            "half jpeg", "incomplete_bundle", "end marker", answer: .patience, bytes: "JPEG[:60000]"
        ),
        .image(
            "zeros", "incomplete_bundle", "filled with zeros", answer: .patience,
            bytes: "bytes(50000)"),
        BadDrop(
            "wrong hash", "invalid_image", "The image's SHA-256 is ", "00000000",
            answer: .patience, python: "photo(); ask(sha256='0' * 64)"),
    ]

    /// Drops that are no image and JSON side by side; `outside/` lies beside the spool.
    static let shapes: [BadDrop] = [
        BadDrop(
            "link", "invalid_image", "'link.png' is a symbolic link; only regular files",
            python: "os.symlink('../../outside/secret.png', name + '.png'); ask()"),
        BadDrop(
            "dangling", "invalid_image", "is a symbolic link",
            python: "os.symlink('/nowhere/at all', name + '.png'); ask()"),
        BadDrop(
            "json link", "invalid_request", "'json link.json' is a symbolic link",
            python: "photo(); os.symlink('../../outside/secret.json', name + '.json')"),
        BadDrop(
            "folder link", "invalid_image", "is a symbolic link", answer: .patience,
            python: "os.symlink('../../outside', name)"),
        BadDrop(
            "pipe", "invalid_image", "'pipe.png' is a named pipe",
            python: "os.mkfifo(name + '.png'); ask()"),
        BadDrop(
            "json pipe", "invalid_request", "'json pipe.json' is a named pipe",
            python: "photo(); os.mkfifo(name + '.json')"),
        BadDrop(
            "socket", "invalid_image", "'socket.png' is a socket",
            python: "socket.socket(socket.AF_UNIX).bind(name + '.png'); ask()"),
        BadDrop(
            "lone image", "incomplete_bundle", "waited 3 s for the instruction 'lone image.json'",
            answer: .patience, python: "photo()"),
        BadDrop(
            "lone json", "incomplete_bundle", "for an image called 'lone json.jpg' or",
            answer: .patience, python: "ask()"),
        BadDrop(
            "lone text", "invalid_image", "it is a text file", answer: .patience,
            python: "put(name + '.txt', b'Dear kiosk')"),
        BadDrop(
            "other image", "incomplete_bundle", "for the image 'IMG.jpg'", answer: .patience,
            python: "ask(image='IMG.jpg')"),
        BadDrop(
            "folder in folder", "invalid_request", "The folder holds the folder 'inner'",
            python: "os.makedirs(name + '/inner'); put(name + '/a.png', PHOTO); "
                + "put(name + '/a.json', b'{\"instruction\": \"blur\"}')"),
        BadDrop(
            "deep folder", "invalid_request", "The folder holds the folder 'a'",
            python: "os.makedirs(name + '/a/b/c/d'); put(name + '/a/b/c/d/x.png', PHOTO)"),
        BadDrop(
            "two images", "invalid_request", "1 JSON files and 2 other files",
            python: "os.mkdir(name); [put(f'{name}/{n}.png', PHOTO) for n in 'ab']; "
                + "put(name + '/a.json', b'{\"instruction\": \"blur\"}')"),
        BadDrop(
            "two jsons", "invalid_request", "2 JSON files and 1 other files",
            python: "os.mkdir(name); [put(f'{name}/{n}.json', b'{\"instruction\": \"blur\"}') "
                + "for n in 'ab']; put(name + '/a.png', PHOTO)"),
        BadDrop(
            "only an image", "incomplete_bundle", "'a.png' waited 3 s", answer: .patience,
            python: "os.mkdir(name); put(name + '/a.png', PHOTO)"),
        BadDrop(
            "only a folder", "incomplete_bundle", "The folder stayed empty for 3 s",
            answer: .patience, python: "os.mkdir(name)"),
        BadDrop(
            "link in folder", "invalid_image", "'a.png' is a symbolic link",
            python: "os.mkdir(name); os.symlink('../../../outside/secret.png', name + '/a.png'); "
                + "put(name + '/a.json', b'{\"instruction\": \"blur\"}')"),
        BadDrop(
            "folder link in folder", "invalid_image", "'a' is a symbolic link",
            python: "os.mkdir(name); os.symlink('../../../outside', name + '/a'); "
                + "put(name + '/a.json', b'{\"instruction\": \"blur\"}')"),
        BadDrop(
            "other name in folder", "invalid_request", "The JSON names the image 'b.png'",
            python: "os.mkdir(name); put(name + '/a.png', PHOTO); "
                + "put(name + '/a.json', b'{\"instruction\": \"blur\", \"image\": \"b.png\"}')"),
    ]

    /// Names that no job can have; `name` is what `dropped_as` says.
    static let names: [BadDrop] = [
        .named("new\\x0aline", "line break", "b'new\\nline'"),
        .named("tab\\x09", "control character", "b'tab\\t'"),
        .named("line\\xe2\\x80\\xa8separator", "line break", "'line\\u2028separator'.encode()"),
        .named("\\xff\\xfe", "not UTF-8", "b'\\xff\\xfe'"),
        .named("caf\\xe9", "not UTF-8", "b'caf\\xe9'"),
        .named("-rf", "starts with '-'", "b'-rf'"),
        .named("x@3", "ends in '@' and digits", "b'x@3'"),
        .named(String(repeating: "n", count: 111), "has 111 bytes; at most 110", "b'n' * 111"),
    ]

    private static func named(_ shown: String, _ words: String, _ bytes: String) -> BadDrop {
        BadDrop(
            shown, "invalid_name", words,
            python: "name = os.fsdecode(\(bytes)); photo(); "
                + "put(name + '.json', b'{\"instruction\": \"blur\"}')")
    }
}
