internal import Linux
public import SpoolFormat

/// Whether the default pipeline could start here.
public enum PythonSearch {
    /// Whether any interpreter that would be used can import Pillow.
    public static func hasPillow(_ settings: Settings) -> Bool {
        do throws(PipelineProblem) {
            _ = try Python.withPillow(setting: settings.python)
            return true
        } catch { return false }
    }
}

/// Finds a Python that has Pillow. On many machines the first `python3` has not, although the
/// system's own has.
enum Python {
    /// The first of the setting, `python3` along the path and `/usr/bin/python3` that can import
    /// Pillow.
    static func withPillow(setting: String?) throws(PipelineProblem) -> Path {
        var tried: [String] = []
        for candidate in candidates(setting) {
            switch importsPillow(candidate) {
            case nil: return candidate
            case let reason?: tried.append("\(candidate): \(reason)")
            }
        }
        let list = tried.isEmpty ? "no python3 was found" : tried.joined(separator: "; ")
        throw PipelineProblem(
            description: "The pipeline 'rules' needs a Python with Pillow (\(list)). Install it: "
                + "apt-get install python3-pil, or: python3 -m pip install pillow, or name another "
                + "interpreter in GPUSPOOL_PYTHON.")
    }

    private static func candidates(_ setting: String?) -> [Path] {
        var candidates: [Path] = []
        let named = setting.map { Host.find(program: Path($0)) } ?? []
        for path in named + Host.find(program: "python3").prefix(1) + ["/usr/bin/python3"]
        where !candidates.contains(path) {
            candidates.append(path)
        }
        return candidates
    }

    /// Nil when it can, else why not.
    private static func importsPillow(_ python: Path) -> String? {
        do throws(SystemError) {
            let result = try Command.run(
                python, ["-c", "import PIL.Image"], timeout: .seconds(60))
            guard let exit = result.exit else { return "gave no answer for 60 s" }
            if exit == .status(0) { return nil }
            let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
            return lines.last.map(String.init) ?? exit.description
        } catch { return "\(error)" }
    }
}
