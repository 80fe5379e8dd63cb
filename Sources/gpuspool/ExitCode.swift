internal import Linux
internal import Spool

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
}
