import Glibc
import SpoolFormat
import Testing

@testable import Linux
@testable import Spool

struct RemedyTests {
    static let cases: [(String, Int32, String)] = [
        ("mkdir", ENOSPC, "Free space on the spool's disk (df, and df -i for files)."),
        ("write", EDQUOT, "Raise the quota of the spool's user, or free space."),
        ("mkdir", EROFS, "Remount the spool's disk for writing."),
        ("fsync", EIO, "The disk failed: see the kernel's log (dmesg), then check the disk."),
        ("rename", EXDEV, "The whole spool must be on one filesystem: unmount what is mounted"),
        ("open", ESTALE, "The filesystem's server went away: mount it again."),
        ("open", ENAMETOOLONG, "A name has at most 255 bytes and a path 4095: shorten it."),
        ("exec", EAGAIN, "Allow the user more processes (ulimit -u, or TasksMax= in the unit)."),
        ("open", EMFILE, "This process may have \(Host.descriptorLimit) files open; allow it more"),
    ]

    @Test(arguments: cases)
    func `an error says what to do`(call: String, code: Int32, words: String) {
        let error = SystemError(call, [], code: code)
        #expect(error.withRemedy.contains(words), "\(error.withRemedy)")
    }

    static let limits: [(String, Int32, String)] = [
        ("inotify_add_watch", ENOSPC, "fs.inotify.max_user_watches"),
        ("inotify_init1", EMFILE, "fs.inotify.max_user_instances"),
        ("epoll_ctl", ENOSPC, "fs.epoll.max_user_watches"),
        ("open", ENFILE, "fs.file-max"),
    ]

    @Test(arguments: limits)
    func `a limit of the kernel is told with its name, its value and how to raise it`(
        call: String, code: Int32, setting: String
    ) throws {
        let path = Path(setting.split(separator: ".").joined(separator: "/"))
        let value = try #require(Host.kernelSetting(path))
        let text = SystemError(call, [], code: code).withRemedy
        #expect(text.contains("(\(setting) is \(value))"), "\(text)")
        if value < .max / 2 {
            #expect(text.contains("sysctl -w \(setting)=\(value * 2)"), "\(text)")
        }
    }

    @Test func `errors of one cause are one problem whatever they stopped`() {
        let first = SystemError("mkdir", ["a"], code: ENOSPC)
        let second = SystemError("write", ["b"], code: ENOSPC)
        let watch = SystemError("inotify_add_watch", ["c"], code: ENOSPC)
        #expect(first.commonCause == second.commonCause)
        #expect(first.commonCause != watch.commonCause)
        #expect(SystemError("open", ["a"], code: EACCES).commonCause == nil)
        #expect(first.isDiskFull && !watch.isDiskFull)
    }
}
