import Testing

@testable import SpoolFormat

@Suite struct BatchListTests {
    private static let now = Timestamp(nanoseconds: 1_705_314_600_000_000_000)

    private func parse(_ bytes: [UInt8]) throws(RequestProblem) -> BatchList {
        try BatchList(parsing: bytes, maximumInstruction: 500, now: Self.now)
    }

    private func parse(_ text: String) throws(RequestProblem) -> BatchList {
        try parse(Array(text.utf8))
    }

    /// `LINE:IMAGE:INSTRUCTION` of each row.
    private func rows(_ text: String) throws -> [String] {
        try rows(Array(text.utf8))
    }

    private func rows(_ bytes: [UInt8]) throws -> [String] {
        let list = try parse(bytes)
        #expect(list.problems.isEmpty)
        return list.rows.map { "\($0.line):\($0.image):\($0.request.instruction)" }
    }

    /// What a file is refused for.
    private func problem(_ text: String) -> String? {
        do throws(RequestProblem) { return try parse(text).problem } catch { return error.detail }
    }

    private func isUnparsable(_ text: String) -> Bool {
        do throws(RequestProblem) {
            _ = try parse(text)
            return false
        } catch {
            guard case .unparsable = error else { return false }
            return true
        }
    }

    @Test func `a row is a request with all its fields`() throws {
        let list = try parse(
            """
            image,instruction,seed,model,system_prompt
            a.jpg,"make it warmer, then blur",42,rules,"Be ""careful""."
            b.png,sepia,,,

            """)
        let first = try #require(list.rows.first)
        #expect(first.request.instruction == "make it warmer, then blur")
        #expect(first.request.seed == 42)
        #expect(first.request.model?.description == "rules")
        #expect(first.request.systemPrompt == "Be \"careful\".")
        #expect(first.request.image == "a.jpg")
        let second = try #require(list.rows.last)
        #expect(second.request.seed == nil)
        #expect(second.request.model == nil)
        #expect(list.images.map(\.name) == ["a.jpg", "b.png"])
        #expect(list.problem == nil)
    }

    @Test func `the JSON of a row says what the row says`() throws {
        let list = try parse("image,instruction,seed\na \"b\".jpg,é\t😀,7\n")
        let row = try #require(list.rows.first)
        let again = try Request(parsing: row.json, maximumInstruction: 500, now: Self.now)
        #expect(again == row.request)
        #expect(again.image == "a \"b\".jpg")
    }

    @Test(arguments: [
        // Line ends, with and without the last one; empty lines and lines of separators.
        "image,instruction\na,x\nb,y", "image,instruction\r\na,x\r\nb,y\r\n",
        "image,instruction\ra,x\rb,y\r", "image,instruction\na,x\nb,y\n\n,\n , \n",
        // Other orders, blanks, quotes.
        "instruction,image\nx,a\ny,b\n", " image , instruction \n a ,x\nb ,y\n",
        "\"image\",\"instruction\"\n\"a\",\"x\"\n\"b\" , \"y\"\n",
        // What spreadsheets of other countries write.
        "image;instruction\na;x\nb;y\n", "image\tinstruction\na\tx\nb\ty\n",
        "image;instruction;;\na;x;;\nb;y;;\n", "\u{FEFF}image;instruction\r\na;x\r\nb;y\r\n",
    ])
    func `a table is read however it was written`(_ text: String) throws {
        #expect(try rows(text) == ["2:a:x", "3:b:y"])
    }

    @Test func `Excel's first line names the separator`() throws {
        #expect(try rows("sep=;\r\nimage;instruction\r\na;x, y\r\n") == ["3:a:x, y"])
        #expect(try rows("sep=|\nimage|instruction\na|x;y\n") == ["3:a:x;y"])
    }

    @Test func `UTF-16 with a byte order mark is read`() throws {
        let units = Array("image\tinstruction\r\né.jpg\tx\r\n".utf16)
        func bytes(_ order: (UInt16) -> [UInt8]) -> [UInt8] {
            ([0xFEFF] + units).flatMap { (unit: UInt16) -> [UInt8] in order(unit) }
        }
        let little = bytes { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let big = bytes { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        #expect(try rows(little) == ["2:é.jpg:x"])
        #expect(try rows(big) == ["2:é.jpg:x"])
    }

    @Test func `the line of a row is where it begins, also behind line breaks in a text`() throws {
        let text = "image,instruction\na,\"x\r\ny\"\nb,z\n"
        #expect(try rows(text) == ["2:a:x\ny", "4:b:z"])
    }

    @Test func `two rows may name one image`() throws {
        let list = try parse("image,instruction\na.jpg,x\nb.jpg,y\na.jpg,z\n")
        #expect(list.rows.map(\.image) == ["a.jpg", "b.jpg", "a.jpg"])
        #expect(
            list.images == [
                BatchList.Image(name: "a.jpg", lines: [2, 4]),
                BatchList.Image(name: "b.jpg", lines: [3]),
            ])
    }

    @Test(arguments: [
        (
            "a.jpg,sepia\nb.jpg,blur\n",
            "Line 1 is 'a.jpg,sepia'. The first line names the columns: image,instruction and, if "
                + "needed, seed, model, system_prompt."
        ),
        (
            "image,instructions\na,x\n",
            "Unknown column 'instructions'. Did you mean 'instruction'? Known columns: image, "
                + "instruction, seed, model, system_prompt."
        ),
        (
            "Image,instruction\na,x\n",
            "Unknown column 'Image'. Did you mean 'image'? Known columns: image, instruction, seed, "
                + "model, system_prompt."
        ),
        ("image,instruction,image\na,x,b\n", "The column 'image' stands twice in line 1."),
        (
            "image,seed\na,1\n",
            "The column 'instruction' is missing in line 1. The first line names the columns: "
                + "image,instruction and, if needed, seed, model, system_prompt."
        ),
        ("image,instruction\n", "The CSV file has no rows below its first line."),
        (
            "image,instruction\na,\"x\nb,y\n",
            "Line 2: a text in double quotes begins there and does not end. Put '\"' at its end; a "
                + "double quote inside is written twice."
        ),
        (
            "image,instruction\na,\"x\"y\n",
            "Line 2: found 'y' behind the closing quote of a field. A double quote inside a text is "
                + "written twice (\"\")."
        ),
        (
            "image,instruction\na\u{0},x\n",
            "The CSV file cannot be read: line 2, column 2: a NUL byte stands in the text. Save it as UTF-8."
        ),
    ])
    func `a file that is no list is refused with what to do`(_ text: String, _ detail: String) {
        #expect(problem(text) == detail)
    }

    @Test func `Latin letters of Windows are answered with the line`() {
        let bytes = Array("image,instruction\na,gr".utf8) + [0xFC] + Array("n\n".utf8)
        do throws(RequestProblem) {
            _ = try parse(bytes)
            Issue.record("taken")
        } catch {
            #expect(
                error.detail
                    == "The CSV file cannot be read: line 2, column 5: the byte FC is not UTF-8. "
                    + "Save it as UTF-8.")
        }
    }

    @Test(arguments: ["", "\n\n", "image,instruction\n", "image,instruction\na,\"x", "\0\0"])
    func `what may still be on its way is not refused at once`(_ text: String) {
        #expect(isUnparsable(text))
    }

    @Test(arguments: [
        (",x", "The field 'image' is missing. Name the image's file."),
        (
            "a,",
            "The field 'instruction' is missing. Say what to do with the image in 1 to 500 characters."
        ),
        (
            "dir/a,x",
            "The field 'image' is \"dir/a\"; it must be a file name without a path, as a string."
        ),
        ("a,x,-1", "The field 'seed' is -1; it must be an integer from 0 to 9223372036854775807."),
        (
            "a,x,many",
            "The field 'seed' is \"many\"; it must be an integer from 0 to 9223372036854775807."
        ),
        (
            "a,x,1,m,p,q",
            "The row has 6 fields, the first line 5; found 'q' behind the last. A text with the "
                + "separator in it stands in double quotes."
        ),
    ])
    func `a wrong row is named by its line, in the words of JSON`(_ row: String, _ detail: String) {
        let text = "image,instruction,seed,model,system_prompt\ngood,x,1\n\(row)\n"
        #expect(problem(text) == "Line 3: \(detail)")
    }

    @Test func `all wrong rows are named, up to a bound`() throws {
        let two = "image,instruction\na,\nb,x\n,y\n"
        #expect(
            problem(two)?.hasSuffix("Line 4: The field 'image' is missing. Name the image's file.")
                == true)
        #expect(problem(two)?.hasPrefix("Line 2: The field 'instruction' is missing.") == true)
        let many = "image,instruction\n" + String(repeating: ",x\n", count: 25)
        #expect(problem(many)?.hasSuffix(" 5 more rows are wrong.") == true)
        #expect(problem(many)?.contains("Line 21:") == true)
        #expect(problem(many)?.contains("Line 22:") == false)
    }

    @Test func `images of wrong rows are known as well`() throws {
        let list = try parse("image,instruction\na.jpg,\nb.jpg,x\n")
        #expect(list.images.map(\.name) == ["a.jpg", "b.jpg"])
        #expect(list.count == 2)
        #expect(list.rows.count == 1)
    }

    @Test func `more rows than have numbers are refused`() {
        let text = "image,instruction\n" + String(repeating: "a,x\n", count: 10_000)
        #expect(
            problem(text)
                == "The CSV file has more than 9999 rows. Split it into smaller ones.")
    }

    @Test(arguments: [
        ([3], "line 3"), ([3, 5], "lines 3 and 5"), ([3, 5, 9], "lines 3, 5 and 9"),
    ])
    func `lines are told in words`(_ lines: [Int], _ words: String) {
        #expect(BatchList.words(for: lines) == words)
    }
}
