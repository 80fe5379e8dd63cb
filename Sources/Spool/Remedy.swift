public import Linux

extension SystemError {
    /// What an operator can do about it.
    public var remedy: String? {
        switch code {
        case .noSpace where call == "inotify_add_watch":
            limitReached("fs.inotify.max_user_watches", of: "watched directories for each user")
        case .noSpace where call == "epoll_ctl":
            limitReached("fs.epoll.max_user_watches", of: "watched files for each user")
        case .tooManyOpen where call == "inotify_init1" && !Host.isOutOfDescriptors:
            limitReached("fs.inotify.max_user_instances", of: "inotify instances for each user")
        case .tooManyOpen:
            "This process may have \(Host.descriptorLimit) files open; allow it more "
                + "(ulimit -n, or LimitNOFILE= in its unit)."
        case .machineFull: limitReached("fs.file-max", of: "open files on this machine")
        case .wouldBlock where call == "exec":
            "Allow the user more processes (ulimit -u, or TasksMax= in the unit)."
        case .noSpace: "Free space on the spool's disk (df, and df -i for files)."
        case .quotaExceeded: "Raise the quota of the spool's user, or free space."
        case .readOnly: "Remount the spool's disk for writing."
        case .inputOutput: "The disk failed: see the kernel's log (dmesg), then check the disk."
        case .outOfMemory: "End other programs, or give this machine more memory."
        case .otherFilesystem:
            "The whole spool must be on one filesystem: unmount what is mounted inside it."
        case .stale, .notConnected: "The filesystem's server went away: mount it again."
        case .exists: "Something else stands there and is left as it is: look at it, move it away."
        case .isADirectory: "A directory stands where a file should be: move it away."
        case .nameTooLong: "A name has at most 255 bytes and a path 4095: shorten it."
        case .accessDenied, .notPermitted:
            "Give user \(Host.name(ofUser: Host.user)) that permission."
        default: nil
        }
    }

    /// A sentence with the remedy, if there is one.
    public var withRemedy: String { "\(self)." + (remedy.map { " \($0)" } ?? "") }

    /// The cause that this error has in common with others like it, whatever they stopped.
    var commonCause: String? {
        guard isGeneral || code == .inputOutput else { return nil }
        let isWatch = isWatchLimit || call == "inotify_init1"
        return isWatch ? "\(call) \(code.name)" : code.name
    }

    /// As in `The limit of open files on this machine is reached (fs.file-max is 9223).`
    private func limitReached(_ setting: String, of what: String) -> String {
        let file = Path(setting.split(separator: ".").joined(separator: "/"))
        guard let value = Host.kernelSetting(file) else {
            return "The limit of \(what) is reached: raise \(setting) (sysctl -w)."
        }
        let twice = value.multipliedReportingOverflow(by: 2)
        let raise = twice.overflow ? "" : " Raise it: sysctl -w \(setting)=\(twice.partialValue)"
        return "The limit of \(what) is reached (\(setting) is \(value)).\(raise)"
    }
}
