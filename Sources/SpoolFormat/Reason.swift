/// Why a drop is refused; the raw value is `code` in `reason.json`.
public enum RefusalCode: String, Sendable, Codable, CaseIterable {
    /// Queued and running jobs are as many as the maximum.
    case queueFull = "queue_full"
    /// The station sent too many in a minute.
    case rateLimited = "rate_limited"
    /// The door is closed, or the disk is nearly full.
    case serverBusy = "server_busy"
    /// The JSON is wrong, or the drop is not one image and one JSON.
    case invalidRequest = "invalid_request"
    /// Too many bytes or pixels.
    case imageTooLarge = "image_too_large"
    /// No JPEG or PNG, a damaged one, or not the one whose hash was given.
    case invalidImage = "invalid_image"
    /// A partner is missing, or an upload never finished.
    case incompleteBundle = "incomplete_bundle"
    /// The drop's own name.
    case invalidName = "invalid_name"
    /// No worker has a model ready.
    case noModelLoaded = "no_model_loaded"

    /// The status that the HTTP API answers.
    public var httpStatus: Int {
        switch self {
        case .queueFull, .rateLimited: 429
        case .serverBusy: 503
        default: 400
        }
    }

    /// Whether the same drop may be accepted later.
    public var isTemporary: Bool { httpStatus != 400 }
}

/// A refusal before it has a job to speak of.
public struct Refusal: Hashable, Sendable, Codable, Error {
    /// Why, for programs.
    public let code: RefusalCode
    /// Why, for people: what was found, what is allowed, what to do.
    public let detail: String

    /// When to come back, if that is known for this refusal alone.
    public let retryAfterSeconds: Int?

    /// A refusal.
    public init(_ code: RefusalCode, _ detail: String, retryAfterSeconds: Int? = nil) {
        self.code = code
        self.detail = detail
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// The queue has no free slot.
    public static func queueFull(maximum: Int) -> Refusal {
        Refusal(
            .queueFull, "Queue is full (maximum \(maximum) jobs). Please try again later.")
    }

    /// The disk is nearly full, or the door is closed.
    public static func serverBusy(retryAfter seconds: Int) -> Refusal {
        Refusal(.serverBusy, "Server is busy. Try again in ~\(minutes(in: seconds)) minutes.")
    }

    /// The station, or those without a drop box of their own, sent too many in a minute.
    public static func rateLimited(
        station: String?, limit: Int, retryAfter seconds: Int
    ) -> Refusal {
        let who = words(for: station)
        return Refusal(
            .rateLimited,
            "\(who.prefix(1).uppercased())\(who.dropFirst()) reached the limit of \(limit) jobs a minute. Try again in \(seconds) s.",
            retryAfterSeconds: seconds)
    }

    /// A sender with limits, in the middle of a sentence.
    public static func words(for station: String?) -> String {
        station.map { "station '\($0)'" } ?? "drops without a station"
    }

    /// More bytes than allowed.
    public static func tooLarge(bytes: Int64, maximum: Int) -> Refusal {
        Refusal(
            .imageTooLarge,
            "Image too large (\(megabytes(bytes))MB). Maximum \(whole(maximum))MB allowed.")
    }

    /// More pixels than allowed.
    public static func tooLarge(_ header: ImageHeader, maximumSide side: Int) -> Refusal {
        Refusal(
            .imageTooLarge,
            "Image too large (\(header.width)x\(header.height)). Maximum \(side)x\(side) allowed.")
    }

    /// Whole minutes, rounded up so that nobody comes back too early.
    static func minutes(in seconds: Int) -> Int { max(1, (seconds + 59) / 60) }

    /// Mebibytes with one decimal, rounded up so that a refused size never reads as allowed.
    private static func megabytes(_ bytes: Int64) -> String {
        let unit: Int64 = 1_048_576
        let tenths = bytes / unit * 10 + (bytes % unit * 10 + unit - 1) / unit
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func whole(_ bytes: Int) -> String {
        let text = megabytes(Int64(bytes))
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// The content of `reason.json`.
public struct Reason: Hashable, Sendable {
    /// Why, for programs and people.
    public var refusal: Refusal
    /// When to come back; nil when the same drop would be refused again.
    public var retryAfterSeconds: Int?
    /// When it was refused.
    public var rejectedAt: Timestamp

    /// The reason for a refusal now.
    public init(_ refusal: Refusal, retryAfterSeconds: Int, at now: Timestamp) {
        self.refusal = refusal
        self.retryAfterSeconds =
            refusal.code.isTemporary ? refusal.retryAfterSeconds ?? retryAfterSeconds : nil
        rejectedAt = now
    }

    /// When to come back.
    public var retryAt: Timestamp? {
        retryAfterSeconds.map { rejectedAt.advanced(by: .seconds($0)) }
    }

    /// For people who do not know what a queue is.
    public var message: String {
        guard let seconds = retryAfterSeconds else { return refusal.detail }
        let minutes = Refusal.minutes(in: seconds)
        let time = minutes == 1 ? "1 minute" : "\(minutes) minutes"
        return "Your request can't be processed right now. Please try again in about \(time)."
    }
}
