internal import Linux
internal import Spool

extension Subcommand {
    static let initialize = Subcommand(
        "init", summary: "make or upgrade a spool's directories",
        discussion: """
            Makes what is missing and leaves what is there. To let others drop, give them the
            right to write into incoming/ (for example: chmod 1777 DIR/incoming).
            """
    ) { invocation in
        _ = try invocation.operands(0...0, of: "init")
        let path = invocation.spoolPath
        try invocation.checked {
            try SpoolLayout.make(at: path, settings: try invocation.settings())
        }
        try invocation.print(["spool": "\(try Host.resolve(path))"], or: "Spool ready: \(path)\n")
        return .done
    }
}
