import SpoolFormat
import Testing

@testable import Spool

@Suite struct ForecastTests {
    private var forecast = Forecast()

    private func run(
        _ seconds: Int64, _ model: String? = "rules", _ status: JobStatus = .completed
    ) throws -> JobView {
        var view = JobView(id: try JobID("a"), status: status)
        view.model = model
        view.startedAt = Timestamp(nanoseconds: 1_000_000_000)
        view.completedAt = Timestamp(nanoseconds: (1 + seconds) * 1_000_000_000)
        return view
    }

    @Test(arguments: [
        (nil, 5), ("rules", 5), ("qwen-4step", 20), ("qwen-8step", 40), ("qwen-40step", 180),
    ])
    func `without history the known times are told`(_ model: String?, _ seconds: Int) {
        #expect(forecast.measured == nil)
        #expect(forecast.expected(model) == .seconds(seconds))
    }

    @Test mutating func `the median of a model's runs is told`() throws {
        for seconds in [9, 1, 2] { forecast.learn(try run(Int64(seconds))) }
        forecast.learn(try run(50, "qwen-4step"))
        #expect(forecast.expected("rules") == .seconds(2))
        #expect(forecast.expected("qwen-4step") == .seconds(50))
        #expect(forecast.expected("qwen-8step") == .seconds(40))
        #expect(forecast.measured == .seconds(9))
    }

    @Test mutating func `only the last 20 runs count`() throws {
        for _ in 1...20 { forecast.learn(try run(100)) }
        for _ in 1...20 { forecast.learn(try run(1)) }
        #expect(forecast.measured == .seconds(1))
    }

    @Test mutating func `only runs that completed count`() throws {
        forecast.learn(try run(3, "rules", .failed))
        forecast.learn(try run(3, nil))
        forecast.learn(try run(0))
        forecast.learn(try run(-3))
        #expect(forecast.measured == nil)
    }

    @Test(arguments: [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (60_000, 60)])
    func `whole seconds are rounded up`(_ milliseconds: Int, _ seconds: Int) {
        #expect(Duration.milliseconds(milliseconds).wholeSeconds == seconds)
    }
}
