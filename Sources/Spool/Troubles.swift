internal import Linux
internal import Synchronization

/// Which problems the log was told, so that one that lasts is no flood: it is told when it begins
/// and then now and then; one that pauses and comes again begins anew.
public final class Troubles: Sendable {
    private struct Trouble {
        var told: Moment
        var last: Moment
        var untold = 0
    }

    private struct State {
        var troubles: [String: Trouble] = [:]
        var isNew = false
    }

    private let state = Mutex(State())

    /// How long one that lasts is not told again.
    static let silence = Duration.seconds(600)
    /// One that did not happen for so long was over: what is tried again after an error is tried
    /// at the latest after a minute.
    static let pause = Duration.seconds(90)
    private static let most = 256

    /// Takes note of a problem: how often it happened since it was told last, or nil when it need
    /// not be told now.
    func note(_ cause: String, at now: Moment) -> Int? {
        state.withLock { state in
            state.isNew = true
            if let trouble = state.troubles[cause], now - trouble.last <= Troubles.pause {
                state.troubles[cause]?.last = now
                guard now - trouble.told >= Troubles.silence else {
                    state.troubles[cause]?.untold += 1
                    return nil
                }
                state.troubles[cause] = Trouble(told: now, last: now)
                return trouble.untold
            }
            if state.troubles.count >= Troubles.most {
                state.troubles = state.troubles.filter { now - $1.last <= Troubles.pause }
                // So many at once are many problems.
                if state.troubles.count >= Troubles.most { state.troubles = [:] }
            }
            state.troubles[cause] = Trouble(told: now, last: now)
            return 0
        }
    }

    /// Whether anything went wrong, told or not, since this was asked last.
    public func takeNews() -> Bool {
        state.withLock { state in
            defer { state.isNew = false }
            return state.isNew
        }
    }
}
