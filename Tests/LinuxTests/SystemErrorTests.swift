import Glibc
import Testing

@testable import Linux

@Suite struct SystemErrorTests {
    static let texts: [(SystemError, String)] = [
        (
            SystemError("rename", ["queued/IMG_1", "running/IMG_1@1"], code: 28),
            "rename 'queued/IMG_1' to 'running/IMG_1@1': No space left on device (ENOSPC)"
        ),
        (
            SystemError("open", ["a\nb"], code: 2),
            #"open 'a\x0ab': No such file or directory (ENOENT)"#
        ),
        (SystemError("poll", code: 12), "poll: Cannot allocate memory (ENOMEM)"),
        (SystemError("read", code: 9999), "read: Unknown error (unknown error)"),
        (
            .isTaken("watcher.lock"),
            "flock 'watcher.lock': Resource temporarily unavailable (EAGAIN)"
        ),
    ]

    @Test(arguments: texts)
    func `an error says which call, on what and why`(error: SystemError, text: String) {
        #expect(error.description == text)
    }

    static let names: [(SystemError.Code, String)] = [
        (.notFound, "ENOENT"), (.exists, "EEXIST"), (.notEmpty, "ENOTEMPTY"),
        (.wouldBlock, "EAGAIN"), (.accessDenied, "EACCES"), (.notPermitted, "EPERM"),
        (.notADirectory, "ENOTDIR"), (.isADirectory, "EISDIR"), (.symbolicLink, "ELOOP"),
        (.notAFile, "ENXIO"), (.invalid, "EINVAL"), (.noSpace, "ENOSPC"),
        (.quotaExceeded, "EDQUOT"), (.readOnly, "EROFS"), (.brokenPipe, "EPIPE"),
        (.noSuchProcess, "ESRCH"), (.nameTooLong, "ENAMETOOLONG"),
    ]

    @Test(arguments: names)
    func `a code has the name of the manual pages`(code: SystemError.Code, name: String) {
        #expect(code.name == name)
    }

    @Test func `codes that mean the same to a caller are one question`() {
        func codes(where question: (SystemError) -> Bool) -> [String] {
            Self.names.map(\.0).filter { question(SystemError("x", code: $0.rawValue)) }
                .map(\.name)
        }
        #expect(codes(where: \.isNotFound) == ["ENOENT", "ENOTDIR"])
        #expect(codes(where: \.isPermission) == ["EACCES", "EPERM"])
        #expect(codes(where: \.isDiskFull) == ["ENOSPC", "EDQUOT", "EROFS"])
    }

    @Test func `only an interruption by a signal is tried again`() throws {
        var calls = 0
        func fail(_ times: Int, with error: Int32) throws(SystemError) -> Int32 {
            calls = 0
            return try retrying("call", "path") {
                calls += 1
                errno = error
                return calls > times ? 7 : -1
            }
        }
        #expect(try fail(3, with: EINTR) == 7)
        #expect(calls == 4)
        #expect(
            failure { () throws(SystemError) in _ = try fail(1, with: EIO) }?.code.name == "EIO")
        #expect(calls == 1)
    }
}
