import Testing

@testable import Linux

@Suite struct FileSystemTests {
    @Test func `the kind and the room are the kernel's`() throws {
        let proc = try FileSystem(of: try Directory("/proc"))
        #expect(proc.type == 0x9FA0)
        #expect(proc.available == 0)
        try withTemporaryDirectory { directory in
            let first = try FileSystem(of: directory)
            #expect(first.available > 0)
            #expect(first.type != proc.type)
        }
    }

    /// Numbers of `statfs(2)`.
    static let kinds: [(String, Int64, Bool)] = [
        ("ext4", 0xEF53, true), ("XFS", 0x5846_5342, true), ("Btrfs", 0x9123_683E, true),
        ("tmpfs", 0x0102_1994, true), ("ZFS", 0x2FC1_2FC1, true), ("F2FS", 0xF2F5_2010, true),
        ("NFS", 0x6969, false), ("CIFS", 0xFF53_4D42, false), ("SMB2", 0xFE53_4D42, false),
        ("CIFS, sign-extended", Int64(Int32(bitPattern: 0xFF53_4D42)), false),
        ("SMB", 0x517B, false), ("FUSE", 0x6573_5546, false), ("overlay", 0x794C_7630, false),
        ("9p", 0x0102_1997, false), ("Ceph", 0x00C3_6400, false), ("AFS", 0x5346_414F, false),
        ("Coda", 0x7375_7245, false), ("GFS2", 0x0116_1970, false), ("OCFS2", 0x7461_636F, false),
    ]

    @Test(arguments: kinds)
    func `only filesystems of this machine are local`(name: String, type: Int64, isLocal: Bool) {
        #expect(FileSystem.isLocal(type) == isLocal)
    }

    @Test func `a kind has a name, or its number`() throws {
        #expect(try FileSystem(of: try Directory("/proc")).kind == "a filesystem of kind 0x9fa0")
        let shared = try FileSystem(of: try Directory("/dev/shm"))
        #expect(shared.kind == "tmpfs")
    }
}
