/// The name of a claimed bundle in `running/`: `ID@N`, the N-th claim of the job.
public struct AttemptName: Hashable, Sendable {
    /// The job.
    public let id: JobID
    /// Counts the claims of this job from 1.
    public let claim: Int

    /// More claims than this no job can have.
    static let maximumClaim = 999_999_999

    /// The name of the `claim`-th claim of `id`.
    public init(id: JobID, claim: Int) {
        self.id = id
        self.claim = claim
    }

    /// Reads a name in `running/`; nil for a name that no worker makes.
    public init?(_ bytes: [UInt8]) {
        guard let (stem, digits) = AttemptName.split(bytes), digits.first != UInt8(ascii: "0"),
            let claim = Int(String(decoding: digits, as: UTF8.self)),
            claim <= AttemptName.maximumClaim, let id = try? JobID(stem)
        else { return nil }
        self.init(id: id, claim: claim)
    }

    /// The name's bytes.
    public var bytes: [UInt8] { id.bytes + "@\(claim)".utf8 }

    static func split(_ bytes: [UInt8]) -> (stem: ArraySlice<UInt8>, digits: ArraySlice<UInt8>)? {
        guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return nil }
        let digits = bytes[(at + 1)...]
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return (bytes[..<at], digits)
    }
}
