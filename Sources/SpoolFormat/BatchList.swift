/// What a station asks for with the list of a batch: one request per row, each with its image.
///
/// The fields of a row are read as the JSON of a pair is, with the same words for what is wrong.
public struct BatchList: Hashable, Sendable {
    /// One job.
    public struct Row: Hashable, Sendable {
        /// Where it stands in the file, from 1.
        public let line: Int
        /// The image's file name.
        public let image: String
        /// What is asked for.
        public let request: Request
        /// The same as the JSON of its bundle.
        public let json: [UInt8]
    }

    /// A row that is wrong for good.
    public struct Problem: Hashable, Sendable {
        /// Where it stands in the file, from 1.
        public let line: Int
        /// What was found and what is allowed.
        public let detail: String

        /// A problem of a row.
        public init(line: Int, detail: String) {
            self.line = line
            self.detail = detail
        }
    }

    /// An image that rows name.
    public struct Image: Hashable, Sendable {
        /// Its file name.
        public let name: String
        /// The lines that name it.
        public let lines: [Int]
    }

    /// The rows that are right, in order.
    public private(set) var rows: [Row] = []
    /// Those that are wrong.
    public private(set) var problems: [Problem] = []
    /// The images that rows name, each once, in order.
    public private(set) var images: [Image] = []

    /// The most bytes a list may have.
    public static let maximumBytes = 1_048_576

    /// How many wrong rows are told.
    static let maximumTold = 20

    /// The columns a list may have; the first two it must have.
    public static let columns = ["image", "instruction", "seed", "model", "system_prompt"]

    /// Reads a list: UTF-8, or UTF-16 with a byte order mark; the first line names the columns.
    ///
    /// - Throws: `RequestProblem` when the file is no table, or its first line is wrong. What is
    ///   wrong with single rows is in `problems`.
    public init(
        parsing bytes: [UInt8], maximumInstruction: Int, now: Timestamp
    ) throws(RequestProblem) {
        let records = try BatchList.records(bytes)
        guard let header = records.first else {
            throw .unparsable("The CSV file is empty. \(BatchList.advice)")
        }
        let names = try BatchList.columns(of: header)
        guard records.count > 1 else {
            throw .unparsable("The CSV file has no rows below its first line.")
        }
        guard records.count <= BatchName.maximumRows + 1 else {
            throw .invalid(
                "The CSV file has more than \(BatchName.maximumRows) rows. Split it into smaller "
                    + "ones.")
        }
        var lines: [String: [Int]] = [:]
        var order: [String] = []
        for record in records.dropFirst() {
            let cells = BatchList.cells(of: record, names)
            if let image = cells["image"] {
                if lines[image] == nil { order.append(image) }
                lines[image, default: []].append(record.line)
            }
            do throws(RequestProblem) {
                try BatchList.refuseSurplus(record, names)
                rows.append(try Row(record.line, cells, maximumInstruction, now))
            } catch {
                problems.append(Problem(line: record.line, detail: error.detail))
            }
        }
        images = order.map { Image(name: $0, lines: lines[$0] ?? []) }
    }

    /// What is wrong, the rows named; nil when nothing is.
    public var problem: String? { BatchList.text(of: problems) }

    /// How many rows there are, right or wrong.
    public var count: Int { rows.count + problems.count }

    /// The lines that name an image.
    public func lines(naming image: String) -> [Int] {
        images.first { $0.name == image }?.lines ?? []
    }

    /// As in `Line 3: …. Line 5: …`, the first of them.
    public static func text(of problems: [Problem]) -> String? {
        guard !problems.isEmpty else { return nil }
        let told = problems.prefix(maximumTold).map { "Line \($0.line): \($0.detail)" }
        let more = problems.count - told.count
        let words = more == 1 ? "1 more row is wrong." : "\(more) more rows are wrong."
        return (told + (more > 0 ? [words] : [])).joined(separator: " ")
    }

    /// As in `line 3` and `lines 3, 5 and 9`.
    public static func words(for lines: [Int]) -> String {
        guard lines.count > 1, let last = lines.last else {
            return "line \(lines.first.map(String.init) ?? "?")"
        }
        let few = lines.prefix(10).dropLast(lines.count > 10 ? 0 : 1).map(String.init)
        let end = lines.count > 10 ? "…" : "\(last)"
        return "lines \(few.joined(separator: ", ")) and \(end)"
    }

    // MARK: The table

    private static func records(_ bytes: [UInt8]) throws(RequestProblem) -> [CSVText.Record] {
        let text: [UInt8]
        do throws(JSONProblem) {
            text = try StationText.utf8(bytes)
        } catch {
            let detail = "The CSV file cannot be read: \(error)"
            let sentence = detail.hasSuffix(".") ? detail : detail + "."
            throw error.kind == .unfinished ? .unparsable(sentence) : .invalid(sentence)
        }
        do throws(CSVText.Problem) {
            return try CSVText.records(of: text, limit: BatchName.maximumRows + 2) {
                columns.contains($0.trimmed)
            }
        } catch {
            if case .unclosed = error { throw .unparsable("\(error)") }
            throw .invalid("\(error)")
        }
    }

    private static var advice: String {
        "The first line names the columns: image,instruction and, if needed, "
            + "\(columns.dropFirst(2).joined(separator: ", "))."
    }

    private static func columns(of header: CSVText.Record) throws(RequestProblem) -> [String] {
        let names = header.fields.map(\.trimmed)
        // Separators alone behind the last name are a spreadsheet's.
        let named = names.reversed().drop { $0.isEmpty }.reversed()
        guard named.contains(where: columns.contains) else {
            throw .invalid(
                "Line \(header.line) is '\(header.fields.joined(separator: ",").excerpt)'. \(advice)"
            )
        }
        for name in named where !columns.contains(name) {
            let hint = Nearest.name(to: name, among: columns).map { " Did you mean '\($0)'?" } ?? ""
            throw .invalid(
                "Unknown column '\(name.excerpt)'.\(hint) Known columns: "
                    + "\(columns.joined(separator: ", ")).")
        }
        for name in columns where named.count(where: { $0 == name }) > 1 {
            throw .invalid("The column '\(name)' stands twice in line \(header.line).")
        }
        for name in columns.prefix(2) where !named.contains(name) {
            throw .invalid("The column '\(name)' is missing in line \(header.line). \(advice)")
        }
        return Array(named)
    }

    /// The fields of a row that say something, by column.
    private static func cells(of record: CSVText.Record, _ names: [String]) -> [String: String] {
        var cells: [String: String] = [:]
        for (name, field) in zip(names, record.fields) {
            let isText = name == "instruction" || name == "system_prompt"
            let value = isText ? field : field.trimmed
            if !value.trimmed.isEmpty { cells[name] = value }
        }
        return cells
    }

    private static func refuseSurplus(_ record: CSVText.Record, _ names: [String])
        throws(RequestProblem)
    {
        let surplus = record.fields.dropFirst(names.count)
        guard let first = surplus.first(where: { !$0.trimmed.isEmpty }) else { return }
        throw .invalid(
            "The row has \(record.fields.count) fields, the first line \(names.count); found "
                + "'\(first.trimmed.excerpt)' behind the last. A text with the separator in it "
                + "stands in double quotes.")
    }
}

extension BatchList.Row {
    fileprivate init(
        _ line: Int, _ cells: [String: String], _ maximumInstruction: Int, _ now: Timestamp
    ) throws(RequestProblem) {
        guard let image = cells["image"] else {
            throw .invalid("The field 'image' is missing. Name the image's file.")
        }
        var members = cells.mapValues { JSONValue.string($0) }
        // What is no whole number stays as it is, and is refused with the words of JSON.
        if let seed = cells["seed"].flatMap({ Int64($0) }) { members["seed"] = .int(seed) }
        let json = JSONText.encode(JSONValue.object(members))
        guard json.count <= Request.maximumBytes else {
            throw .invalid(
                "The row makes a JSON of \(json.count) bytes; at most \(Request.maximumBytes) are "
                    + "allowed.")
        }
        self.line = line
        self.image = image
        self.json = json
        request = try Request(parsing: json, maximumInstruction: maximumInstruction, now: now)
    }
}

extension RequestProblem {
    /// In words.
    public var detail: String {
        switch self {
        case .unparsable(let detail), .invalid(let detail): detail
        }
    }
}

extension String {
    /// Without blanks at both ends.
    fileprivate var trimmed: String {
        let front = drop { $0.isWhitespace }
        return String(front.reversed().drop { $0.isWhitespace }.reversed())
    }
}
