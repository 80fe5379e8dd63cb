/// What a batch and its rows are called: `NAME.csv`, and `NAME-0001`, `NAME-0002` ….
public struct BatchName: Hashable, Sendable {
    /// `NAME` or `STATION.NAME`, where the name was taken followed by `~2`, `~3` ….
    private let base: JobID

    /// The most rows that have a number of four digits.
    public static let maximumRows = 9999

    /// The suffix of a batch's own ID, and of the file.
    public static let suffix = ".csv"

    /// The names of a batch that was dropped as `STEM.csv`.
    public init(stem: [UInt8], station: StationName?) throws(NameProblem) {
        let room = 5
        do throws(NameProblem) {
            // The longest of its names has to be one.
            _ = try JobID(stem: stem + "-0001".utf8, station: station)
            base = try JobID(stem: stem, station: station)
        } catch {
            guard case .tooLong(let count, let allowed) = error else { throw error }
            throw .tooLong(min(count, stem.count), allowed: allowed - room)
        }
    }

    /// The names of the batch with this ID; nil when it is no batch's.
    public init?(_ id: JobID) {
        let suffix = Array(BatchName.suffix.utf8)
        guard id.bytes.suffix(suffix.count).elementsEqual(suffix),
            let base = try? JobID(id.bytes.dropLast(suffix.count))
        else { return nil }
        self.base = base
    }

    private init(base: JobID) { self.base = base }

    /// The batch's own ID.
    public var id: JobID { base.with(BatchName.suffix) }

    /// The ID of a row, from 1.
    public func row(_ number: Int) -> JobID {
        let digits = String(number)
        return base.with("-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
    }

    /// The IDs of all rows.
    public func rows(_ count: Int) -> [JobID] { (0..<count).map { row($0 + 1) } }

    /// The same with `~k` behind the name.
    public func variant(_ number: Int) -> BatchName { BatchName(base: base.variant(number)) }
}
