internal import Linux

/// A file of `systemd/` as it is installed: the paths in it are those of the install, and for one
/// user's systemd it is without what only the machine's can do.
struct UnitText {
    let places: Places

    /// The text of a shipped file for these places.
    func adapted(_ text: String) -> String {
        let text = places.isForUser ? withoutPrivileges(text) : text
        let pairs = [
            (Shipped.program, places.program), (Shipped.spool, places.spool),
            (Shipped.settings, places.settings),
        ]
        return pairs.reduce(text) { text, pair in
            text.replacing(pair.0.description, with: pair.1.description)
        }
    }

    /// Drops the lines of what a user's systemd may not do, with the comments above them.
    private func withoutPrivileges(_ text: String) -> String {
        var kept: [Substring] = []
        var comments: [Substring] = []
        var isDropping = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("#") {
                comments.append(line)
                continue
            }
            // A line that ends with a backslash goes on.
            let isContinued = kept.last?.hasSuffix("\\") ?? false
            if !isDropping, isContinued || !UnitText.needsPrivileges(line) {
                kept += comments
                kept.append(line)
            } else {
                isDropping = line.hasSuffix("\\")
            }
            comments = []
        }
        return kept.joined(separator: "\n")
            .replacing("WantedBy=multi-user.target", with: "WantedBy=default.target")
    }

    private static func needsPrivileges(_ line: Substring) -> Bool {
        guard let equals = line.firstIndex(of: "=") else { return false }
        let name = String(line[..<equals])
        return privileged.contains(name)
            || ["Protect", "Private", "Capability", "Ambient", "IPAddress"]
                .contains { name.hasPrefix($0) }
    }

    /// Besides those whose names begin alike: another user, mounts, devices, BPF programs.
    private static let privileged: Set<String> = [
        "User", "Group", "SupplementaryGroups", "DynamicUser", "RemoveIPC", "OOMScoreAdjust",
        "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths",
        "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem", "RootDirectory", "MountAPIVFS",
        "ProcSubset", "DeviceAllow", "DevicePolicy", "RestrictFileSystems", "SocketBindDeny",
        "SocketBindAllow", "RestrictNetworkInterfaces", "IPCNamespacePath",
    ]
}
