// Removes what installs put in their places: the files that the manifest lists, as far as nobody
// edited them, and the directories that were made for them, as far as they are empty. Killed at any
// point, the next `uninstall` goes on: the program goes last but for the manifest. Nothing in a spool
// is touched.

internal import Linux
internal import SpoolFormat

/// One uninstall.
struct Remover {
    let places: Places
    let tree: Tree
    let report: StepReport
    let manifest: Manifest

    /// The names of the units among the files.
    var units: [Path] {
        manifest.files.keys.sorted().filter { $0.parent == places.units }.map(\.lastComponent)
    }

    func run() throws {
        let paths = manifest.files.keys.sorted().filter { $0 != places.program }
        for path in paths + [places.program] where manifest.files[path] != nil {
            try tree.removeIfOurs(path, manifest, report)
            try tree.removeLeftover(path)
        }
        try tree.remove(places.manifest)
        for path in manifest.directories.reversed() { try tree.removeDirectory(path) }
    }
}
