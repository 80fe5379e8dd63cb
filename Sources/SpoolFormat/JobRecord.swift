/// The durable record of a job, `status.json` in its bundle: what the view says, and what the
/// service needs to go on after a crash.
public struct JobRecord: Hashable, Sendable {
    /// What everybody may know.
    public var view: JobView
    /// The image's file name in the bundle.
    public var image: String?
    /// Replaces the model's own system prompt.
    public var systemPrompt: String?
    /// The seed of every run: the station's, or drawn before the first.
    public var seed: Int64?
    /// The stamp given at admission: nanoseconds since 1970, strictly increasing.
    public var orderNanoseconds: Int64
    /// Not to be run before; nanoseconds since 1970; 0 when it was due from the start.
    public var dueNanoseconds: Int64
    /// How often it was claimed; the next claim's number is one more.
    public var claims: Int
    /// How often a run was followed by another one: what `retries_total` counts.
    public var retries = 0
    /// How often it cost its pipeline's life since it was last admitted or retried by hand.
    public var pipelineKills = 0

    /// The `order_ns` of the first row of its batch, which tells batches of one name apart; 0 when
    /// it is no row.
    public var batchOrder: Int64 = 0
    /// How many rows its batch had.
    public var batchSize = 0

    /// The record of a job that was admitted, or refused, now.
    public init(view: JobView, image: String?, orderNanoseconds: Int64, dueNanoseconds: Int64 = 0) {
        self.view = view
        self.image = image
        self.orderNanoseconds = orderNanoseconds
        self.dueNanoseconds = dueNanoseconds
        claims = 0
    }

    /// The bundle's mtime while it is queued: the FIFO key.
    public var stamp: Int64 { max(orderNanoseconds, dueNanoseconds) }
}

extension JobRecord: Codable {
    /// Reads a record.
    public init(from decoder: any Decoder) throws {
        view = try JobView(from: decoder)
        let values = try decoder.container(keyedBy: JobKey.self)
        image = try values.decodeIfPresent(String.self, forKey: .image)
        systemPrompt = try values.decodeIfPresent(String.self, forKey: .systemPrompt)
        seed = try values.decodeIfPresent(Int64.self, forKey: .seed)
        orderNanoseconds = try values.decode(Int64.self, forKey: .orderNanoseconds)
        dueNanoseconds = try values.decode(Int64.self, forKey: .dueNanoseconds)
        claims = try values.decode(Int.self, forKey: .claims)
        retries = try values.decodeIfPresent(Int.self, forKey: .retries) ?? 0
        pipelineKills = try values.decodeIfPresent(Int.self, forKey: .pipelineKills) ?? 0
        batchOrder = try values.decodeIfPresent(Int64.self, forKey: .batchOrder) ?? 0
        batchSize = try values.decodeIfPresent(Int.self, forKey: .batchSize) ?? 0
        // All are counted up: a number that no worker wrote must not overflow.
        let counts = 0..<AttemptName.maximumClaim
        guard
            [claims, view.attempts, retries, pipelineKills, batchSize].allSatisfy(counts.contains)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .claims, in: values, debugDescription: "not a count")
        }
    }

    /// Writes the view's fields and the service's own beside them.
    public func encode(to encoder: any Encoder) throws {
        try view.encode(to: encoder)
        var values = encoder.container(keyedBy: JobKey.self)
        try values.encode(image, forKey: .image)
        try values.encode(systemPrompt, forKey: .systemPrompt)
        try values.encode(seed, forKey: .seed)
        try values.encode(orderNanoseconds, forKey: .orderNanoseconds)
        try values.encode(dueNanoseconds, forKey: .dueNanoseconds)
        try values.encode(claims, forKey: .claims)
        try values.encode(retries, forKey: .retries)
        try values.encode(pipelineKills, forKey: .pipelineKills)
        guard view.batch != nil else { return }
        try values.encode(batchOrder, forKey: .batchOrder)
        try values.encode(batchSize, forKey: .batchSize)
    }
}
