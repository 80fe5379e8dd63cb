internal import Linux
internal import SpoolFormat

/// The workers of a spool, as their cards tell; a worker is alive as long as its process is.
final class Crew {
    private let spool: Spool
    private let loop: EventLoop
    private let changed: () -> Void
    private var members: [String: (card: WorkerCard, process: ProcessWatch?)] = [:]

    /// `changed` is called when a worker has died.
    init(_ spool: Spool, on loop: EventLoop, changed: @escaping () -> Void) {
        self.spool = spool
        self.loop = loop
        self.changed = changed
    }

    /// Reads all cards.
    func list() throws(SystemError) {
        for name in try spool.names(in: .hidden(SpoolFile.Hidden.workers)) {
            do throws(SystemError) { try read(name) } catch {
                if error.isGeneral { throw error }
                spool.log.write(error, while: "Reading the card '\(name)'")
            }
        }
    }

    /// Reads a card that an event told of.
    func read(_ file: Path) throws(SystemError) {
        guard let text = file.text, text.hasSuffix(".json") else { return }
        let name = String(text.dropLast(5))
        guard let bytes = try spool.read(.card(ofWorker: name)),
            let card = JSONText.decode(WorkerCard.self, from: bytes)
        else {
            members[name] = nil
            return
        }
        var process = members[name]?.process
        let before = members[name]?.card
        let isSame = before?.pid == card.pid && before?.processStart == card.processStart
        // Who writes a card holds its name's lock: a former process is dead, even if this is read
        // before its end. And one may have died before it was looked at.
        var hasDied = !isSame && process != nil
        if !isSame || process == nil { process = try watch(card) }
        members[name] = (card, card.state == .stopped ? nil : process)
        let isAbsent = process == nil && card.state != .stopped && card.host == Host.name
        if !isSame && isAbsent { hasDied = true }
        if hasDied { changed() }
    }

    private func watch(_ card: WorkerCard) throws(SystemError) -> ProcessWatch? {
        guard card.host == Host.name, card.state != .stopped else { return nil }
        let name = card.name
        return try ProcessWatch(pid: card.pid, start: card.processStart, on: loop) { [weak self] in
            guard let self, members[name]?.card.pid == card.pid else { return }
            members[name]?.process = nil
            changed()
        }
    }

    /// The cards of the living workers, by name.
    var alive: [WorkerCard] {
        members.values.filter { $0.process != nil }.map(\.card).sorted { $0.name < $1.name }
    }

    /// The card of the living worker that runs this claim of the job.
    func worker(of id: JobID, claim: Int) -> WorkerCard? {
        alive.first { $0.jobID == id && $0.claim == claim }
    }

    /// Kills the worker that says it runs this claim; false when there is none on this machine, or
    /// when it is this process.
    func kill(workerOf attempt: AttemptName) -> Bool {
        let member = members.values.first {
            $0.process != nil && $0.card.jobID == attempt.id && $0.card.claim == attempt.claim
        }
        guard let member, let process = member.process, member.card.state == .busy,
            member.card.pid != Host.pid
        else { return false }
        process.signal(.kill)
        return true
    }

    /// Whether a living worker has a model ready.
    var isReady: Bool { alive.contains { $0.state == .idle || $0.state == .busy } }

    /// All models that any pipeline of this spool ever offered; nil when none ever ran.
    var offered: [String]? {
        let models = Set(members.values.flatMap(\.card.modelsOffered))
        return models.isEmpty ? nil : models.sorted()
    }

    /// Whether a living worker offers a model.
    func offers(_ model: String) -> Bool { alive.contains { $0.models.contains(model) } }
}
