import Glibc
import Linux
import Testing

/// Signals belong to a whole process: each test has one of its own.
@Suite struct SignalsTests {
    @Test func `signals become events, each by its name`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            Self.unblockSignals()
            let loop = try EventLoop()
            var seen: [Signal] = []
            let signals = try Signals([.hangUp, .terminate, .interrupt], on: loop) {
                seen.append($0)
                if seen.count == 3 { loop.stop() }
            }
            for number in [SIGTERM, SIGHUP, SIGINT] {
                #expect(pthread_kill(pthread_self(), number) == 0)
            }
            try loop.runUntilStopped()
            #expect(seen == [.hangUp, .interrupt, .terminate])
            withExtendedLifetime(signals) {}
        }
    }

    @Test func `a signal that was not asked for keeps its effect`() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            dieWhenStuck()
            Self.unblockSignals()
            let signals = try Signals([.hangUp], on: try EventLoop()) { _ in }
            pthread_kill(pthread_self(), SIGTERM)
            withExtendedLifetime(signals) {}
        }
    }

    @Test func `a pipe without a reader is an error and not the end`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            Self.unblockSignals()
            Signals.ignorePipeAndLease()
            var pipe = try Pipe()
            close(try take(&pipe.reading))
            let writing = try take(&pipe.writing)
            let error = failure { () throws(SystemError) in _ = try writing.write(some: [1]) }
            #expect(error?.code == .brokenPipe)
            kill(getpid(), SIGIO)
        }
    }

    /// A test runs on a thread that has most of them blocked.
    private static func unblockSignals() {
        var none = sigset_t()
        sigemptyset(&none)
        #expect(pthread_sigmask(SIG_SETMASK, &none, nil) == 0)
    }

    static let numbers: [(Signal, Int32)] = [
        (.hangUp, SIGHUP), (.interrupt, SIGINT), (.kill, SIGKILL), (.pipe, SIGPIPE),
        (.terminate, SIGTERM), (.io, SIGIO), (.windowChanged, SIGWINCH),
    ]

    @Test(arguments: numbers)
    func `a signal has the kernel's number`(signal: Signal, number: Int32) {
        #expect(signal.rawValue == number)
    }
}
