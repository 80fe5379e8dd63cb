import Linux
import Spool
import SpoolFormat
import Testing

@testable import Worker

@Suite struct PythonTests {
    let temporary: TemporarySpool

    init() throws { temporary = try TemporarySpool() }

    @Test func `the interpreter that the setting names goes first`() throws {
        let python = try temporary.script(
            "python", #"[ "$1 $2" = "-c import PIL.Image" ] || exit 9"#)
        #expect(try Python.withPillow(setting: python.description) == python)
        var settings = Settings()
        settings.python = python.description
        #expect(PythonSearch.hasPillow(settings))
    }

    /// On a machine with Pillow another interpreter is found; without, all reasons are told.
    @Test(arguments: [
        (
            "echo Traceback; echo 'ModuleNotFoundError: No PIL' >&2; exit 1",
            "ModuleNotFoundError: No PIL"
        ),
        ("exit 3", "exit status 3"), ("kill -9 $$", "signal 9 (Killed)"),
    ])
    func `an interpreter without Pillow is passed over, and why`(
        _ script: String, _ reason: String
    ) throws {
        let python = try temporary.script("python", script)
        do throws(PipelineProblem) {
            #expect(try Python.withPillow(setting: python.description) != python)
        } catch { #expect(error.description.contains("\(python): \(reason)")) }
    }

    @Test func `an interpreter that cannot be run is passed over`() throws {
        let python = temporary.spool.path / "nowhere"
        do throws(PipelineProblem) {
            #expect(try Python.withPillow(setting: python.description) != python)
        } catch {
            #expect(error.description.contains("\(python): exec"))
            #expect(error.description.contains("apt-get install python3-pil"))
        }
    }
}
