/// What a station's declaration says, `.spool/stations/NAME`: where it differs from the settings.
public struct StationTerms: Hashable, Sendable {
    /// The most jobs it may send in a minute; nil: as the settings say; 0: without limit.
    public var jobsPerMinute: Int?
    /// The most of its jobs that run at once; nil and 0 as above.
    public var concurrentJobs: Int?

    /// The Unix group that alone may read what comes of its drops; nil: everybody may.
    public var group: String?
    /// Its group was taken away, and its drop box may still be closed to all others: whoever reads
    /// this opens it.
    public var opensDropBox = false

    /// What a declaration that is damaged may have said: nobody but the service may read.
    public static let unknown: StationTerms = {
        var terms = StationTerms()
        terms.group = ""
        return terms
    }()

    /// As the settings say.
    public init() {}

    /// What a limit may be; 0 stands for none.
    public static let limits = 0...1_000_000

    /// The limit in force, from a station's own and that of the settings.
    public static func limit(_ own: Int?, else common: Int?) -> Int? {
        own == 0 ? nil : own ?? common
    }
}

extension StationTerms: Codable {
    enum CodingKeys: String, CodingKey {
        case jobsPerMinute = "jobs_per_min"
        case concurrentJobs = "concurrent"
        case group
        case opensDropBox = "opens_drop_box"
    }

    /// Writes what differs from the settings.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(jobsPerMinute, forKey: .jobsPerMinute)
        try values.encodeIfPresent(concurrentJobs, forKey: .concurrentJobs)
        try values.encodeIfPresent(group, forKey: .group)
        if opensDropBox { try values.encode(true, forKey: .opensDropBox) }
    }

    /// Reads a declaration; what a newer program added is left out.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func limit(_ key: CodingKeys) throws -> Int? {
            guard let value = try values.decodeIfPresent(Int.self, forKey: key) else { return nil }
            guard StationTerms.limits.contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values, debugDescription: "no limit")
            }
            return value
        }
        jobsPerMinute = try limit(.jobsPerMinute)
        concurrentJobs = try limit(.concurrentJobs)
        group = try values.decodeIfPresent(String.self, forKey: .group)
        opensDropBox = try values.decodeIfPresent(Bool.self, forKey: .opensDropBox) ?? false
    }
}
