internal import FoundationEssentials

/// Our own files as JSON: sorted, indented, one line break at the end.
public enum JSONText {
    /// The bytes of a file that holds `value`.
    public static func encode(_ value: some Encodable) -> [UInt8] {
        encode(value, formatting: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }

    /// One line that holds `value`, for pipes and logs.
    public static func line(_ value: some Encodable) -> [UInt8] {
        encode(value, formatting: [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func encode(
        _ value: some Encodable, formatting: JSONEncoder.OutputFormatting
    ) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        do {
            return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            // Our values hold no NaN and nothing else that JSON cannot say.
            preconditionFailure("cannot encode \(type(of: value)): \(error)")
        }
    }

    /// The value in a file of ours; nil when it is damaged or of another kind.
    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) -> Value? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }
}
