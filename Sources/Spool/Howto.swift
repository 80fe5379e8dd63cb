internal import Linux
internal import SpoolFormat

/// `HOWTO.txt`: how to drop, for the person who opened the share.
enum Howto {
    /// Writes it if it does not say what the settings say.
    static func write(to spool: Spool) throws(SystemError) {
        let path = Path(SpoolFile.howto)
        let text = Array(text(spool.settings).utf8)
        guard try spool.read(path) != text else { return }
        try spool.write(view: path, text)
    }

    static func text(_ settings: Settings) -> String {
        let megabytes = settings.maxImageBytes / 1_048_576
        return """
            How to have a photo edited
            ==========================

            1. Copy the photo into the folder "incoming", for example  beach.jpg
            2. Copy a text file of the same name beside it,            beach.json
               that says what to do:

               {"instruction": "make it black and white"}

            3. The edited photo appears in      done/beach/
               What is wrong with it, if so, in rejected/beach/reason.json
               or                               failed/beach/status.json
               Where it is meanwhile:           status/beach.json

            The photo: JPEG or PNG, at most \(megabytes) MB and \
            \(settings.maxImageSide) x \(settings.maxImageSide) pixels.
            The instruction: 1 to \(settings.maxInstructionChars) characters.
            At most \(settings.maxInflightJobs) photos wait or are edited at a time.
            Results stay for \(DurationText.seconds(settings.resultTTL)) seconds; fetch them in time.

            To call it off: put an empty file  beach.cancel  beside it. In the same way
            beach.hold  and  beach.release  keep it waiting and let it go on, and  beach.retry
            has one that failed or was refused edited again.

            For programs: write each file as NAME.part and rename it when it is whole, the JSON
            last. A folder beach/ with one photo and one JSON is taken as well.

            """
    }
}
