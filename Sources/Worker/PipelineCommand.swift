internal import Linux
internal import Pipelines
internal import SpoolFormat

/// Why no pipeline can be started.
public struct PipelineProblem: Error, CustomStringConvertible {
    /// What was found and what to do.
    public let description: String
}

/// The program that edits images, as `PIPELINE` says.
struct PipelineCommand: Equatable {
    let program: Path
    let arguments: [Path]
    /// What it reads from descriptor 3; a shipped pipeline comes to its interpreter this way.
    let source: [UInt8]?

    init(_ settings: Settings) throws(PipelineProblem) {
        switch settings.pipeline {
        case "rules":
            program = try Python.withPillow(setting: settings.python)
            arguments = ["-c", Path(PipelineCommand.bootstrap)]
            source = JSONText.line([
                ["protocol", ShippedFile.protocolModule], ["rules", ShippedFile.rules],
            ])
        case "qwen":
            throw PipelineProblem(
                description: "PIPELINE is 'qwen', which this version does not have yet. "
                    + "Set PIPELINE=rules, or a command that speaks the pipeline protocol.")
        default:
            program = "/bin/sh"
            arguments = ["-c", Path(settings.pipeline)]
            source = nil
        }
    }

    /// Runs a program and the modules it imports from memory: nothing of ours has to be installed.
    ///
    /// `sys.path[0]` is the working directory, where anybody may have put a `json.py`.
    private static let bootstrap = """
        import sys
        sys.path[:] = [path for path in sys.path if path]
        import json, os, types
        with os.fdopen(3, encoding="utf-8") as source:
            (name, module), (main, program) = json.load(source)
        sys.modules[name] = types.ModuleType(name)
        exec(compile(module, name + ".py", "exec"), sys.modules[name].__dict__)
        exec(compile(program, main + ".py", "exec"), {"__name__": "__main__"})
        """
}

/// Files that are part of this program.
public enum ShippedFile {
    /// The protocol module that the shipped pipelines share.
    static var protocolModule: String {
        text(pipelines_protocol_py_start(), pipelines_protocol_py_size)
    }

    /// The default pipeline.
    static var rules: String { text(pipelines_rules_py_start(), pipelines_rules_py_size) }

    /// The demo's photo, a JPEG.
    public static var photo: [UInt8] {
        Array(
            UnsafeBufferPointer(start: pipelines_demo_jpg_start(), count: pipelines_demo_jpg_size))
    }

    private static func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
