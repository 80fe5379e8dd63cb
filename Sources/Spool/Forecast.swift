internal import SpoolFormat

/// How long jobs take, from what the last ones took.
struct Forecast {
    private var durations: [String: [Duration]] = [:]

    /// How many runs of a model are remembered.
    private static let memory = 20

    /// Learns from a job that completed.
    mutating func learn(_ view: JobView) {
        guard view.status == .completed, let model = view.model, let start = view.startedAt,
            let end = view.completedAt, end > start
        else { return }
        var known = durations[model] ?? []
        known.append(end.duration(since: start))
        durations[model] = known.suffix(Forecast.memory)
    }

    /// The median of the last runs; nil before the first.
    func measured(_ model: String?) -> Duration? {
        let known = model.flatMap { durations[$0] } ?? durations.values.flatMap { $0 }
        return known.isEmpty ? nil : known.sorted()[known.count / 2]
    }

    /// What a run takes, as measured or as the former API told its clients.
    func expected(_ model: String?) -> Duration {
        if let measured = measured(model) { return measured }
        return switch model {
        case "qwen-4step": .seconds(20)
        case "qwen-8step": .seconds(40)
        case "qwen-40step": .seconds(180)
        default: .seconds(5)
        }
    }
}

extension Duration {
    /// Whole seconds, rounded up: a wait is never told too short.
    var wholeSeconds: Int {
        Int(clamping: components.seconds) + (components.attoseconds > 0 ? 1 : 0)
    }
}
