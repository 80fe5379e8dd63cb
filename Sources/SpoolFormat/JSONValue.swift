/// Any JSON value, to carry a station's `metadata` through FoundationEssentials' coders.
///
/// Numbers keep their value, not their spelling (`1.0` becomes `1`); a fraction, or a number beyond
/// 64 bits, is rounded to a `Double`. Of names that are canonically equivalent in Unicode the
/// decoder keeps one.
public enum JSONValue: Hashable, Sendable, Codable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number that fits.
    case int(Int64)
    /// A whole number over `Int64.max`.
    case unsigned(UInt64)
    /// Any other number; encoding refuses infinity and NaN, which JSON does not have.
    case double(Double)
    /// A text.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Values by name.
    case object([String: JSONValue])

    /// Decodes whatever stands there; throws where a number is too large for a `Double`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let int = try? container.decode(Int64.self) {
            self = .int(int)
        } else if let unsigned = try? container.decode(UInt64.self) {
            self = .unsigned(unsigned)
        } else if let double = try? container.decode(Double.self) {
            self = .double(double)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let array = try? container.decode([JSONValue].self) {
            self = .array(array)
        } else if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else {
            // Of what is JSON, only such a number gets here.
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a number is too large")
        }
    }

    /// Encodes the bare value, without a mark of its kind.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let bool): try container.encode(bool)
        case .int(let int): try container.encode(int)
        case .unsigned(let unsigned): try container.encode(unsigned)
        case .double(let double): try container.encode(double)
        case .string(let string): try container.encode(string)
        case .array(let array): try container.encode(array)
        case .object(let object): try container.encode(object)
        }
    }
}
