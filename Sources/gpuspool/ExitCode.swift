internal import Linux
internal import Spool
internal import SpoolFormat
internal import Worker

/// What the command tells its caller (DESIGN §11).
enum ExitCode: Int32 {
    case done = 0
    case jobFailed = 1
    case usage = 2
    case notFound = 3
    case refused = 65
    case tryLater = 75
    case configuration = 78
    case internalError = 70
    case systemError = 71
}

/// Ends a command with a message for the person who gave it.
struct Failure: Error {
    let code: ExitCode
    let message: String

    init(_ code: ExitCode, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: SystemError) {
        self.init(.systemError, error.withRemedy)
    }

    /// What any error is for the person who gave the command.
    init(explaining error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as SystemError: self.init(error)
        case let problem as PipelineProblem: self.init(.configuration, problem.description)
        case let problem as LayoutProblem: self.init(.configuration, problem.description)
        case let problem as SettingProblem: self.init(.configuration, problem.description)
        default: self.init(.internalError, "\(error)")
        }
    }
}
