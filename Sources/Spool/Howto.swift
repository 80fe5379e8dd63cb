internal import Linux
internal import SpoolFormat

/// `HOWTO.txt`: how to drop, for the person who opened the share.
///
/// It says what holds for everybody; it names no station, for some are nobody else's business.
struct Howto {
    let settings: Settings
    let hasStations: Bool

    /// Writes it if it does not say what the settings say.
    static func write(to spool: Spool) throws(SystemError) {
        let path = Path(SpoolFile.howto)
        let hasStations = try !Stations(spool).list().isEmpty
        let text = Array(Howto(settings: spool.settings, hasStations: hasStations).text.utf8)
        guard try spool.read(path) != text else { return }
        try spool.write(view: path, text)
    }

    var text: String {
        """
        How to have a photo edited
        ==========================

        1. Copy the photo into the folder "incoming", for example  beach.jpg
        2. Copy a text file of the same name beside it,            beach.json
           that says what to do:

           {"instruction": "make it black and white"}

           Which of the two comes first does not matter.

        3. See how it goes, from the first file on:                status/beach.json
           The edited photo appears in                             done/beach/
           What was wrong with it, if so, stands in                rejected/beach/reason.json
           or                                                      failed/beach/status.json

        Many photos at once: write a table, as a spreadsheet saves it with "CSV", and copy it beside
        the photos, for example  summer.csv

           image,instruction
           beach.jpg,make it warmer
           cat.jpg,"sepia, then blur"

        Its rows become  summer-0001, summer-0002 ...; if one is wrong, none is taken. See
        status/summer.csv.json and, if so, rejected/summer.csv/reason.json

        \(boxes)The rules
        ---------

        \(rules.map { Howto.item($0) }.joined(separator: "\n"))

        To change your mind
        -------------------

        Put an empty file beside the photos, or where they were:

          beach.cancel    to call it off
          beach.hold      to keep it waiting, and  beach.release  to let it go on
          beach.retry     to have one edited again that failed or was refused

        For programs
        ------------

        Write each file as NAME.part and rename it when it is whole, the JSON last: it is taken at
        once. A folder beach/ with one photo and one JSON is taken as well. The JSON may also have
        "image" (the photo's file name), "seed", "model", "system_prompt", "sha256" (of the photo),
        "not_before" (a time) and "metadata" (any object, given back). queue.json tells how full the
        queue is.

        """
    }

    private var boxes: String {
        guard hasStations else { return "" }
        return """
            If you have a folder of your own inside "incoming", copy both there; everything is then
            called after that folder:  status/FOLDER.beach.json,  done/FOLDER.beach/


            """
    }

    private var rules: [String] {
        let side = settings.maxImageSide
        var rules = [
            "The photo is a JPEG or PNG, whatever its name says, of at most "
                + "\(Howto.size(settings.maxImageBytes)) and \(side) x \(side) pixels.",
            "The instruction has 1 to \(settings.maxInstructionChars) characters. \(vocabulary)",
            "Both files come within \(Howto.words(settings.dropTimeout)) of each other. A copy that "
                + "stands still for \(Howto.words(settings.resume)) before it is whole is refused: "
                + "copy it again.",
            capacity,
        ]
        let shared = "Senders without a folder of their own count as one."
        if let limit = settings.jobsPerMinuteLimit {
            rules.append(
                "Each sender may send \(limit) photos a minute. Further ones \(beyond). \(shared)")
        }
        if let limit = settings.concurrentJobsLimit {
            rules.append(
                "At most \(limit) of one sender are edited at the same time; its others wait. \(shared)"
            )
        }
        return rules + [
            order, retention,
            "A name may be used again: the files then speak of the newest photo of that name.",
        ]
    }

    private var vocabulary: String {
        guard settings.pipeline == "rules" else { return "" }
        return """
            Understood are, joined by commas or "and": make it black and white, sepia, make it \
            brighter or darker, more contrast, make it warmer or cooler, blur, sharpen, rotate 90, \
            180 or 270, flip horizontally or vertically, make the sky blue, add clouds, add a \
            sunset, make it winter, add rain, add snow.
            """
    }

    private var capacity: String {
        var text = "At most \(settings.maxInflightJobs) photos wait or are edited at a time"
        if let waiting = settings.maxPendingJobs { text += ", and at most \(waiting) wait" }
        return text + ". Further ones \(beyond)."
    }

    /// What becomes of a drop that is one too many.
    private var beyond: String {
        switch settings.overflow {
        case .reject: "are refused; reason.json says when to drop them again"
        case .hold:
            "stay in \"incoming\" and are taken in their turn; until then they are called off by "
                + "deleting them"
        }
    }

    private var order: String {
        let turn =
            switch settings.order {
            case .fifo: "Photos are edited in the order in which they came"
            case .fair: "Senders take turns; each one's photos are edited in the order they came in"
            }
        return turn + "; \"position\" and \"estimated_wait_seconds\" in status/beach.json tell how "
            + "long it may take."
    }

    private var retention: String {
        let times = [
            ("Edited photos", settings.resultTTL), ("failed ones", settings.failedTTL),
            ("refused ones", settings.rejectedTTL),
        ]
        if times.allSatisfy({ $0.1 == settings.resultTTL }) {
            return
                "What is answered stays for \(Howto.words(settings.resultTTL)): fetch it in time."
        }
        let each = times.map { "\($0.0) stay for \(Howto.words($0.1))" }.joined(separator: ", ")
        return "\(each): fetch them in time."
    }

    /// A rule, in lines of at most 90 characters.
    private static func item(_ text: String) -> String {
        var lines = ["*"]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count >= 90 { lines.append(" ") }
            lines[lines.count - 1] += " \(word)"
        }
        return lines.joined(separator: "\n")
    }

    /// As in `1 hour`, `90 seconds`: the largest unit that says it exactly.
    static func words(_ duration: Duration) -> String {
        let units = [(86_400, "day"), (3600, "hour"), (60, "minute")]
        let (seconds, rest) = duration.components
        for (size, name) in units where rest == 0 && seconds > 0 && seconds % Int64(size) == 0 {
            let count = seconds / Int64(size)
            return "\(count) \(name)\(count == 1 ? "" : "s")"
        }
        return "\(DurationText.seconds(duration)) second\(duration == .seconds(1) ? "" : "s")"
    }

    /// As in `10 MB`, `500 kB`: the largest unit that says it exactly.
    static func size(_ bytes: Int) -> String {
        for (size, name) in [(1_048_576, "MB"), (1024, "kB")] where bytes % size == 0 {
            return "\(bytes / size) \(name)"
        }
        return "\(bytes) bytes"
    }
}
