import Linux
import Testing

@Suite struct PathTests {
    @Test func `names that differ only in Unicode form are different paths`() {
        #expect(Path("e\u{301}") != Path("\u{e9}"))
    }

    @Test(
        arguments: [
            ("a", "b", "a/b"), ("a/", "b", "a/b"), ("/", "b", "/b"), ("", "b", "b"),
            ("a/b", "c/d", "a/b/c/d"),
        ] as [(Path, Path, Path)])
    func `one slash stands between a directory and what is in it`(
        directory: Path, name: Path, path: Path
    ) {
        #expect(directory / name == path)
    }

    @Test(
        arguments: [
            ("a", ".", "a"), ("a/b", "a", "b"), ("/a", "/", "a"), ("/a/b", "/a", "b"),
            ("a/b/c", "a/b", "c"), ("", ".", ""), ("/", "/", ""),
        ] as [(Path, Path, Path)])
    func `a path has a parent and a last component`(path: Path, parent: Path, last: Path) {
        #expect(path.parent == parent)
        #expect(path.lastComponent == last)
    }

    @Test func `only a path from the root is absolute`() {
        let paths: [Path] = ["/", "/a", "a/b", "", "./a"]
        #expect(paths.map(\.isAbsolute) == [true, true, false, false, false])
    }

    @Test(
        arguments: [
            (Array("IMG 1.jpg".utf8), "IMG 1.jpg"), (Array("Grüße 😀\\".utf8), "Grüße 😀\\"),
            (Array("a\nb".utf8), #"a\x0ab"#), ([0x61, 0xFF, 0x7F, 0x5C], #"a\xff\x7f\x5c"#),
            (Array("\u{2028}".utf8), #"\xe2\x80\xa8"#),
            (Array("\u{85}é".utf8), #"\xc2\x85\xc3\xa9"#),
        ] as [([UInt8], String)])
    func `a path is shown on one line, whatever its bytes`(bytes: [UInt8], shown: String) {
        #expect(Path(bytes).description == shown)
    }

    @Test func `bytes that are no UTF-8 are no text`() {
        #expect(Path([0x61, 0xFF]).text == nil)
        #expect(Path("é").text == "é")
    }

    @Test func `paths are in the order of their bytes`() {
        let sorted: [Path] = ["", "A", "a", "a/b", "b", Path([0x7F]), Path([0xC3]), Path([0xFF])]
        #expect(sorted.reversed().sorted() == sorted)
    }
}
