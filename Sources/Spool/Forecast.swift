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

    /// The median of the last runs of all models; nil before the first.
    var measured: Duration? { median(durations.values.flatMap { $0 }) }

    /// What a run takes: as measured for the model, as the former API told its clients, or as
    /// measured for the others.
    func expected(_ model: String?) -> Duration {
        if let own = model.flatMap({ durations[$0] }).flatMap(median) { return own }
        return switch model {
        case "qwen-4step": .seconds(20)
        case "qwen-8step": .seconds(40)
        case "qwen-40step": .seconds(180)
        default: measured ?? .seconds(5)
        }
    }

    private func median(_ durations: [Duration]) -> Duration? {
        durations.isEmpty ? nil : durations.sorted()[durations.count / 2]
    }
}

extension Duration {
    /// Whole seconds, rounded up: a wait is never told too short.
    var wholeSeconds: Int {
        Int(clamping: components.seconds) + (components.attoseconds > 0 ? 1 : 0)
    }
}
