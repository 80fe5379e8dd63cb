internal import Linux
internal import SpoolFormat

/// The manual page, from the tables of commands and settings; see man(7).
enum ManualPage {
    static var text: String {
        let parts = [
            ".TH GPUSPOOL 1 \"\(Gpuspool.released)\" \"gpuspool \(Gpuspool.version)\" \"User Commands\"\n",
            section("NAME", "gpuspool \\- edits photos that stations drop into a folder\n"),
            section("SYNOPSIS", ".B gpuspool\n[\\-\\-spool \\fIDIR\\fR] \\fICOMMAND\\fR ...\n"),
            section("DESCRIPTION", paragraphs(description)),
            section("COMMANDS", Subcommand.shown.map(command).joined()),
            section("COMMON OPTIONS", Subcommand.common.map(option).joined()),
            section("SETTINGS", settings), section("ENVIRONMENT", items(environment)),
            section("EXIT STATUS", items(exits)), section("FILES", items(files)),
            section("EXAMPLES", examples), section("SEE ALSO", seeAlso),
        ]
        return parts.joined()
    }

    private static let description = """
        A station (a kiosk, a camera, a script) copies a photo and a small JSON that says what to do
        into a folder. gpuspool checks them at the door, queues them first in, first out, has them
        edited one by one on the GPU, and puts the result where the station can fetch it. Everything
        is a file: the spool is the queue, the database and the API. HOWTO.txt in the spool tells
        stations how to drop.
        """

    private static func section(_ name: String, _ body: String) -> String { ".SH \(name)\n\(body)" }

    /// Nothing in it is taken for a request or an escape.
    private static func escaped(_ text: String) -> String {
        let text = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\\": "\\e"
            case "-": "\\-"
            case _ where scalar.isASCII: String(scalar)
            default: named(scalar)
            }
        }.joined()
        return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
    }

    /// As in `\\[u2026]`: what reads the page need not be told its encoding.
    private static func named(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "\\[u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "]"
    }

    private static func paragraphs(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? ".PP\n" : escaped(String($0)) + "\n" }.joined()
    }

    private static func item(_ name: String, _ text: String) -> String {
        ".TP\n\(name)\n\(escaped(text))\n"
    }

    private static func items(_ list: [(String, String)]) -> String {
        list.map { item("\\fB\(escaped($0.0))\\fR", $0.1) }.joined()
    }

    private static func option(_ option: Option) -> String {
        let value = option.value.map { " \\fI\(escaped($0))\\fR" } ?? ""
        return item("\\fB\(escaped(option.name))\\fR\(value)", option.help)
    }

    private static func command(_ command: Subcommand) -> String {
        let options = command.options.isEmpty ? "" : " [OPTIONS]"
        let operands = command.operands.isEmpty ? "" : " " + command.operands
        let summary = command.summary.prefix(1).uppercased() + command.summary.dropFirst() + "."
        let discussion = command.discussion.isEmpty ? "" : "\n\n" + command.discussion
        return ".SS \"\(escaped("gpuspool \(command.name)\(options)\(operands)"))\"\n"
            + paragraphs(summary + discussion) + command.options.map(option).joined()
    }

    private static var settings: String {
        let introduction = """
            NAME=VALUE in spool.conf; GPUSPOOL_NAME in the environment goes before it, and
            --set NAME=VALUE before both. Seconds may be fractions. An unknown or malformed setting
            stops the program.
            """
        let list = Settings.documentation.map { setting in
            let standard = setting.standard.isEmpty ? "none" : setting.standard
            return (setting.name, "\(setting.summary) (\(setting.allowed); default: \(standard))")
        }
        return paragraphs(introduction) + items(list)
    }

    private static let environment = [
        ("GPUSPOOL_SPOOL", "the spool, where --spool does not name it"),
        ("GPUSPOOL_NAME", "the setting NAME, for each one above"),
        ("JOURNAL_STREAM", "set by systemd: log lines go to the journal with their fields"),
        ("DESTDIR", "for install and uninstall: everything goes below that directory"),
    ]

    private static let exits = [
        ("0", "done"), ("1", "the job failed, or a check found something"),
        ("2", "wrong usage"), ("3", "not found"), ("65", "refused for good"),
        ("70", "an internal error"), ("71", "an error of the system"),
        ("75", "try later; when is printed"), ("78", "settings, or another watcher runs"),
    ]

    private static let files = [
        ("incoming/", "where stations drop; incoming/STATION/ is the drop box of a declared one"),
        (
            "done/, failed/, rejected/",
            "ended jobs, one folder each, until their time to live is up"
        ),
        ("status/ID.json", "where the job ID is"), ("queue.json", "how full the queue is"),
        ("spool.conf", "settings"), ("HOWTO.txt", "how to drop, for the stations"),
        ("/var/spool/gpuspool", "the spool of the installed service"),
        ("/etc/gpuspool.env", "the installed service's environment"),
    ]

    private static let examples = """
        .EX
        gpuspool \\-\\-spool /srv/spool init
        gpuspool \\-\\-spool /srv/spool run
        gpuspool \\-\\-spool /srv/spool submit beach.jpg "make it black and white" \\-\\-wait
        journalctl GPUSPOOL_JOB=IMG_0001
        .EE

        """

    private static let seeAlso = """
        .BR systemctl (1),
        .BR journalctl (1),
        .BR systemd.unit (5),
        .BR smb.conf (5)

        """
}
