// The resident child that edits images: started, spoken to in JSON lines, killed with its group.
//
// It is a process group of its own, inherits nothing but its four descriptors, and gets SIGKILL
// when this process dies. What it prints that is no message is told to the owner, which decides;
// nothing it writes can block or crash the worker.

internal import Linux
internal import SpoolFormat

/// A running pipeline.
final class Pipeline {
    /// What happens to a pipeline.
    enum Incident {
        /// It said something.
        case event(PipelineEvent)
        /// It printed what is no message, or could not be read: what to say of it.
        case garbage(String)
        /// It is gone.
        case ended(Child.Exit)
    }

    private let loop: EventLoop
    private let child: Child
    private let handler: (Incident) -> Void
    private var input: Descriptor?
    private let output: Descriptor
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    private var registrations: [EventLoop.Registration] = []
    private var sending: EventLoop.Registration?
    private var isOver = false

    init(_ command: PipelineCommand, on loop: EventLoop, handler: @escaping (Incident) -> Void)
        throws(SystemError)
    {
        var toChild = try Pipe()
        var fromChild = try Pipe()
        guard let childInput = toChild.reading.take(), let input = toChild.writing.take(),
            let output = fromChild.reading.take(), let childOutput = fromChild.writing.take()
        else { preconditionFailure("a new pipe has two ends") }
        var descriptors = [childInput.number, childOutput.number, StandardStream.error.rawValue]
        let source = try Descriptor.inMemory(command.source ?? [])
        if command.source != nil { descriptors.append(source.number) }
        child = try Child(
            command.program, arguments: command.arguments, descriptors: descriptors,
            in: try Directory("."))
        try input.makeNonBlocking()
        try output.makeNonBlocking()
        self.loop = loop
        self.handler = handler
        self.input = consume input
        self.output = output
        registrations = [
            try loop.watch(self.output) { [unowned self] in receive() },
            try loop.watch(child.ended) { [unowned self] in end() },
        ]
    }

    deinit { kill() }

    /// The process.
    var pid: Int32 { child.pid }

    /// Sends a line; what the pipe does not take now goes as soon as it can.
    func send(_ line: [UInt8]) {
        unsent += line
        flush()
    }

    /// Lets the pipeline exit by itself: the end of its input.
    func finish() {
        sending?.cancel()
        sending = nil
        input = nil
    }

    /// Ends the pipeline's whole group at once. Nothing is told any more.
    func kill() {
        guard !isOver else { return }
        close()
        child.signal(.kill)
        _ = child.reap()
    }

    private func close() {
        isOver = true
        for registration in registrations { registration.cancel() }
        finish()
    }

    private func flush() {
        do throws(SystemError) {
            while !unsent.isEmpty {
                guard let count = try input?.write(some: unsent), count > 0 else { break }
                unsent = unsent.dropFirst(count)
            }
            if unsent.isEmpty {
                sending?.cancel()
                sending = nil
            } else if sending == nil, input != nil {
                sending = try input?.watched(by: loop) { [unowned self] in flush() }
            }
        } catch {
            // It does not read any more: its end is told by its pidfd.
            unsent = []
            finish()
        }
    }

    /// One read for each turn: a pipeline that never stops talking must not keep the worker from
    /// its timers. False when there is nothing more to read now.
    @discardableResult
    private func receive() -> Bool {
        do throws(SystemError) {
            if let bytes = try output.read(upTo: 65_536) {
                let seen = received.count
                received += bytes
                takeLines(from: seen)
                return !bytes.isEmpty && !isOver
            }
        } catch { handler(.garbage("could not be read: \(error)")) }
        // The end of its output; the child's own end follows, or `garbage` made us kill it.
        if !isOver { registrations.first?.cancel() }
        return false
    }

    /// `seen` bytes hold no line break: they were looked at before.
    private func takeLines(from seen: Int) {
        var seen = seen
        while !isOver, let end = received[seen...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(received[..<end])
            received.removeSubrange(...end)
            seen = 0
            if let event = PipelineEvent(line) {
                handler(.event(event))
            } else {
                let text = String(decoding: line.prefix(200), as: UTF8.self).excerpt
                handler(.garbage("printed a line that is no message of the protocol: '\(text)'"))
            }
        }
        if !isOver, received.count > PipelineEvent.maximumLine {
            received = []
            handler(.garbage("printed a line of more than \(PipelineEvent.maximumLine) bytes"))
        }
    }

    private func end() {
        // What it said before it died counts: at most what a pipe can hold.
        var reads = 32
        while reads > 0, receive() { reads -= 1 }
        guard !isOver else { return }
        close()
        handler(.ended(child.reap()))
    }
}

extension Descriptor {
    fileprivate borrowing func watched(by loop: EventLoop, _ handler: @escaping () -> Void)
        throws(SystemError) -> EventLoop.Registration
    {
        try loop.watch(self, for: .writing, handler: handler)
    }
}
