internal import Linux
internal import Spool
internal import SpoolFormat

extension Subcommand {
    static let station = Subcommand(
        "station", "add NAME | list | remove NAME",
        summary: "declare senders with a drop box of their own",
        discussion: """
            A station drops into incoming/NAME/; its jobs are called NAME.STEM. `add` returns when
            the drop box is there, `remove` refuses while it holds files.
            """
    ) { invocation in
        let operands = try invocation.operands(1...2, of: "station")
        let stations = Stations(try invocation.spool())
        switch (operands[0].text, operands.count) {
        case ("add", 2):
            let path = try stations.add(try stationName(operands[1]))
            try invocation.print(["drop_box": "\(path)"], or: "Drop box ready: \(path)\n")
        case ("remove", 2):
            let name = try stationName(operands[1])
            try stations.remove(name)
            try invocation.print(["removed": "\(name)"], or: "Station '\(name)' removed.\n")
        case ("list", 1):
            let names = try stations.list().map(\.description)
            try invocation.print(names, or: names.map { "\($0)\n" }.joined())
        default:
            throw Failure(
                .usage,
                "station takes: add NAME, list, or remove NAME. "
                    + "See: gpuspool station --help")
        }
        return .done
    }

    private static func stationName(_ operand: Path) throws -> StationName {
        guard let name = operand.text.flatMap({ StationName($0) }) else {
            throw Failure(
                .usage, "the station's name is '\(operand)'; it must be \(StationName.rule).")
        }
        return name
    }
}

extension Stations {
    /// Removes a station, in the command's words.
    fileprivate func remove(_ name: StationName) throws {
        switch try withdraw(name) {
        case .removed: return
        case .unknown: throw Failure(.notFound, "there is no station '\(name)'.")
        case .holdsFiles(let files):
            let names = files.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
            throw Failure(
                .tryLater,
                "the drop box of '\(name)' holds \(files.count) files (\(names)). "
                    + "Wait until they are taken, or move them away.")
        }
    }
}
