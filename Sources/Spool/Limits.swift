// Which limits are in force for whom: the settings', unless a station's declaration says otherwise.
//
// Watcher and workers each keep the declarations in memory and read them again when an event tells
// of `.spool/stations/`. A declaration is replaced as a whole, so that who reads it sees the old
// terms or the new ones.
//
// A station with a Unix group is read by that group alone: its results, its refused drops, its
// status. A group that does not exist, or a declaration that cannot be read, lets nobody in.

internal import Linux
internal import SpoolFormat

extension JobView {
    /// Whose job it is; nil for all that came without a drop box of their own.
    var sender: StationName? { station.flatMap { StationName($0) } }
}

/// The declared stations and their terms, as they were last read.
struct Limits {
    private let spool: Spool
    private(set) var terms: [StationName: StationTerms] = [:]
    private var readers: [StationName: Readers] = [:]

    init(_ spool: Spool) { self.spool = spool }

    /// Reads all declarations.
    ///
    /// What is wrong with one is told, and concerns no other station: it keeps the terms it had.
    mutating func read() throws(SystemError) {
        var found: [StationName: StationTerms] = [:]
        for name in try Stations(spool).list() {
            do throws(SystemError) {
                found[name] = try Stations(spool).terms(of: name)
            } catch {
                if error.isGeneral { throw error }
                spool.log.write(error, while: "Reading the declaration of station '\(name)'")
                found[name] = terms[name] ?? .unknown
            }
        }
        terms = found
        for (name, terms) in found { readers[name] = readers(terms.group, of: name) }
    }

    private func readers(_ group: String?, of name: StationName) -> Readers {
        guard let group else { return .everybody }
        if let number = Host.group(named: group) { return .group(number) }
        if !group.isEmpty {
            spool.log.write(
                "Station '\(name)' has the group '\(group)', which does not exist: nobody but the "
                    + "service reads its results. Make it: groupadd '\(group)'", .warning)
        }
        return .owner
    }

    /// Who may read what comes of a sender's drops. One that was withdrawn keeps its readers; nil for
    /// one of whom nothing is known.
    func readers(of sender: StationName?) -> Readers? {
        guard let sender else { return .everybody }
        return readers[sender]
    }

    /// The most jobs a sender may send in a minute; nil: no limit. Those without a station are one.
    func jobsPerMinute(of station: StationName?) -> Int? {
        StationTerms.limit(
            station.flatMap { terms[$0]?.jobsPerMinute }, else: spool.settings.jobsPerMinuteLimit)
    }

    /// Whether there may be a sender of whom not all jobs run at once.
    var areForConcurrency: Bool {
        spool.settings.concurrentJobsLimit != nil
            || terms.values.contains { $0.concurrentJobs != nil }
    }

    /// The most jobs of a sender that run at once; nil: no limit. Those without a station are one.
    func concurrentJobs(of station: StationName?) -> Int? {
        StationTerms.limit(
            station.flatMap { terms[$0]?.concurrentJobs }, else: spool.settings.concurrentJobsLimit)
    }
}
