internal import SpoolFormat

/// What the worker asks of a pipeline; one JSON line each (DESIGN §9).
enum PipelineOrder {
    struct Load: Encodable {
        let op = "load"
        let model: String?

        enum CodingKeys: String, CodingKey { case op, model }

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(op, forKey: .op)
            try values.encode(model, forKey: .model)
        }
    }

    struct Edit: Encodable {
        let op = "edit"
        let jobID: JobID
        let image: String
        let instruction: String
        let seed: Int64
        let model: String?
        let systemPrompt: String?
        let output: String

        enum CodingKeys: String, CodingKey {
            case op
            case jobID = "job_id"
            case image, instruction, seed, model
            case systemPrompt = "system_prompt"
            case output
        }

        /// What is not asked for is null, not absent.
        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(op, forKey: .op)
            try values.encode(jobID, forKey: .jobID)
            try values.encode(image, forKey: .image)
            try values.encode(instruction, forKey: .instruction)
            try values.encode(seed, forKey: .seed)
            try values.encode(model, forKey: .model)
            try values.encode(systemPrompt, forKey: .systemPrompt)
            try values.encode(output, forKey: .output)
        }
    }

    struct Ping: Encodable {
        let op = "ping"
    }

    struct Cancel: Encodable {
        let op = "cancel"
        let jobID: JobID

        enum CodingKeys: String, CodingKey {
            case op
            case jobID = "job_id"
        }
    }
}

/// What a pipeline tells.
enum PipelineEvent: Equatable {
    /// A model is loaded; `models` are those it offers.
    case ready(model: String?, models: [String])
    /// A step of a job is done.
    case progress(JobID, step: Int, steps: Int)
    /// A job's output is written.
    case done(JobID, seed: Int64)
    /// A job, or a load (no job), failed.
    case failed(JobID?, error: String, kind: String, isRetryable: Bool)
    /// It is alive.
    case pong
    /// It cannot start.
    case fatal(String)

    /// A line longer than this is no message.
    static let maximumLine = 1 << 20

    private struct Line: Decodable {
        let event: String
        let job: JobID?
        let model: String?
        let models: [String]?
        let step: Int?
        let steps: Int?
        let seed: Int64?
        let error: String?
        let kind: String?
        let isRetryable: Bool?

        enum CodingKeys: String, CodingKey {
            case event
            case job = "job_id"
            case model, models, step, steps, seed, error, kind
            case isRetryable = "retryable"
        }
    }

    /// Reads a line; nil when it is no message of the protocol.
    init?(_ bytes: [UInt8]) {
        guard let line = JSONText.decode(Line.self, from: bytes) else { return nil }
        switch (line.event, line.job) {
        case ("ready", _): self = .ready(model: line.model, models: line.models ?? [])
        case ("progress", let job?):
            guard let step = line.step, let steps = line.steps, steps > 0,
                (0...steps).contains(step)
            else { return nil }
            self = .progress(job, step: step, steps: steps)
        case ("done", let job?):
            guard let seed = line.seed, seed >= 0 else { return nil }
            self = .done(job, seed: seed)
        case ("failed", let job):
            guard let error = line.error else { return nil }
            self = .failed(
                job, error: error, kind: line.kind ?? "internal",
                isRetryable: line.isRetryable ?? false)
        case ("pong", _): self = .pong
        case ("fatal", _): self = .fatal(line.error ?? "it gave no reason")
        default: return nil
        }
    }
}
