import FoundationEssentials
import Linux
import SpoolFormat

/// Files as a test sees them: by absolute path, whole.
enum Disk {
    /// The bytes of a file; nil when it is not there.
    static func read(_ path: Path) throws -> [UInt8]? {
        do throws(SystemError) {
            return try Directory(path.parent).open(path.lastComponent).contents(limit: 1 << 28)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    /// Writes a file as `cp` and most programs do: open, write, close.
    static func write(_ path: Path, _ bytes: some Sequence<UInt8>, mode: UInt32 = 0o644) throws {
        let directory = try Directory(path.parent)
        let file = try directory.openOrCreate(path.lastComponent, mode: mode)
        try file.truncate(to: 0)
        try file.write(bytes)
    }

    /// The text of a file of `/proc`.
    static func text(_ path: Path) throws -> String {
        String(decoding: try read(path) ?? [], as: UTF8.self)
    }

    /// What the kernel says of a name, without following a link.
    static func status(_ path: Path) throws -> FileStatus? {
        do throws(SystemError) {
            return try Directory(path.parent).status(of: path.lastComponent)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    /// The names in a directory, sorted; none when it is not there.
    static func names(_ path: Path) throws -> [Path] {
        do throws(SystemError) {
            return try Directory(path).names().sorted()
        } catch {
            guard error.isNotFound else { throw error }
            return []
        }
    }

    /// Every regular file below a directory, with its bytes.
    static func tree(_ path: Path) throws -> [Path: [UInt8]] {
        var files: [Path: [UInt8]] = [:]
        for name in try names(path) {
            switch try status(path / name)?.kind {
            case .directory:
                for (inner, bytes) in try tree(path / name) { files[name / inner] = bytes }
            case .file: files[name] = try read(path / name)
            default: continue
            }
        }
        return files
    }

    /// The JSON in a file; nil when it is not there.
    static func json(_ path: Path) throws -> JSONValue? {
        guard let bytes = try read(path) else { return nil }
        return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    }

    /// A new directory that nobody else uses.
    static func temporaryDirectory() throws -> Path {
        let name = Path("gpuspool-e2e-\(Hexadecimal.text(of: Host.random(6)))")
        try Directory("/tmp").makeDirectory(name, mode: 0o755)
        return "/tmp" / name
    }
}

extension JSONValue {
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// The names of an object's fields.
    var fields: Set<String> {
        guard case .object(let members) = self else { return [] }
        return Set(members.keys)
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var integer: Int64? {
        guard case .int(let value) = self else { return nil }
        return value
    }

    var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }
}
