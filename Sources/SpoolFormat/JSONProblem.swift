/// Why a text is not the JSON that was expected, and where.
public struct JSONProblem: Error, Hashable, Sendable {
    /// What a caller may do differently about a problem.
    public enum Kind: Sendable {
        /// The text stops too early; more of it may still arrive.
        case unfinished
        /// A character stands where JSON does not allow it.
        case malformed
        /// Arrays and objects are nested too deep.
        case tooDeep
        /// A name stands twice in the top-level object.
        case duplicateKey
        /// The text is JSON so far, but an array, a string or another single value.
        case notAnObject
        /// The bytes are not UTF-8, or in an encoding that is not supported.
        case notText
    }

    /// What a caller may do differently.
    public let kind: Kind
    /// The line, from 1; a line ends with LF, CR LF or CR.
    public let line: Int
    /// The column in that line, from 1, counted in Unicode scalars.
    public let column: Int
    /// Words for whoever wrote the text, without the position.
    public let message: String

    /// Describes a problem at a known position.
    public init(kind: Kind, line: Int, column: Int, message: String) {
        self.kind = kind
        self.line = line
        self.column = column
        self.message = message
    }

    /// Describes a problem at `offset` bytes into `text`.
    init(_ kind: Kind, at offset: Int, in text: [UInt8], _ message: String) {
        let position = TextPosition(of: offset, in: text)
        self.init(kind: kind, line: position.line, column: position.column, message: message)
    }
}

extension JSONProblem: CustomStringConvertible {
    /// The position and the message: "line 3, column 7: found ',', expected a value".
    public var description: String { "line \(line), column \(column): \(message)" }
}
