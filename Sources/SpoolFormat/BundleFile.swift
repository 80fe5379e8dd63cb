/// The names inside a bundle.
public enum BundleFile {
    /// The station's JSON, verbatim.
    public static let request = "request.json"
    /// The list of a refused batch, verbatim; in staging of any batch.
    public static let batch = "batch.csv"
    /// The durable record.
    public static let record = "status.json"
    /// The lock of whoever moves or writes the bundle.
    public static let lease = "lease"
    /// Why a drop was refused.
    public static let reason = "reason.json"
    /// In staging: what is taken, and with which verdict.
    public static let members = ".members"

    /// In the staged bundle of a batch: the bundles of its rows, by their IDs.
    public static let rows = ".rows"
    /// In the staged bundle of a batch: all bundles of its rows are whole and durable.
    public static let expanded = ".expanded"

    /// The pipeline's output of the `claim`-th claim, until it is a whole image.
    public static func output(claim: Int) -> String { "out.\(claim).part" }

    /// A copy of that output which belongs to the worker's user.
    public static func ownOutput(claim: Int) -> String { "out.\(claim).own.part" }

    /// A record on its way; `claim` is 0 outside `running/`.
    public static func temporaryRecord(claim: Int) -> String { "status.\(claim).tmp" }

    static let reserved: Set<String> = [
        request, batch, record, lease, reason, members, rows, expanded,
    ]

    /// Whether a name is one of a claim's: what a worker left that did not come to its end.
    public static func isTemporary(_ name: [UInt8]) -> Bool {
        name.starts(with: "out.".utf8) && name.suffix(5).elementsEqual(".part".utf8)
            || name.starts(with: "status.".utf8) && name.suffix(4).elementsEqual(".tmp".utf8)
    }

    /// The result: `MODEL_YYYYMMDD_HHMMSS_sSEED_HEX8.png`.
    public static func result(
        model: ModelName, completed: Timestamp, seed: Int64, random: [UInt8]
    ) -> String {
        "\(model)_\(completed.compact)_s\(seed)_\(Hexadecimal.text(of: random.prefix(4))).png"
    }
}
