/// The kind of a JSON value.
public enum JSONKind: String, Sendable {
    /// Names and values in braces.
    case object
    /// Values in brackets.
    case array
    /// A text in double quotes.
    case string
    /// A number.
    case number
    /// `true` or `false`.
    case boolean
    /// `null`.
    case null

    /// The kind with its article, for messages: "a string", "an object", "null".
    public var article: String {
        switch self {
        case .object, .array: "an \(rawValue)"
        case .string, .number, .boolean: "a \(rawValue)"
        case .null: rawValue
        }
    }
}

/// One name and its value in an object.
public struct JSONMember: Sendable {
    /// The name, its escapes resolved.
    public let name: String
    /// The kind of the value.
    public let kind: JSONKind
    /// The value's own bytes, valid JSON by themselves.
    public let text: ArraySlice<UInt8>
}
