import Linux
import Testing

/// A pipe with something to read.
private func readablePipe() throws -> Descriptor {
    var pipe = try Pipe()
    _ = try take(&pipe.writing).write(some: [1])
    return try take(&pipe.reading)
}

@Suite struct EventLoopTests {
    @Test func `a handler is called again as long as its descriptor is ready`() throws {
        let loop = try EventLoop()
        let reading = try readablePipe()
        var calls = 0
        let registration = try loop.watch(reading) {
            calls += 1
            if calls == 3 { loop.stop() }
        }
        try loop.runUntilStopped()
        #expect(calls == 3)
        registration.cancel()
    }

    @Test func `room to write is an event too`() throws {
        let loop = try EventLoop()
        var pipe = try Pipe()
        let reading = try take(&pipe.reading)
        let writing = try take(&pipe.writing)
        var events: [String] = []
        let first = try loop.watch(reading) {
            events.append("read")
            loop.stop()
        }
        let second = try loop.watch(writing, for: .writing) {
            events.append("written")
            _ = try? writing.write(some: [1])
        }
        try loop.runUntilStopped()
        #expect(events.first == "written")
        #expect(events.last == "read")
        first.cancel()
        second.cancel()
    }

    @Test func `no handler is called after its wait was cancelled in the same turn`() throws {
        let loop = try EventLoop()
        let a = try readablePipe()
        let b = try readablePipe()
        var registrations: [EventLoop.Registration] = []
        var calls = 0
        let handler = {
            calls += 1
            for registration in registrations { registration.cancel() }
            loop.stop()
        }
        registrations.append(try loop.watch(a, handler: handler))
        registrations.append(try loop.watch(b, handler: handler))
        try loop.runUntilStopped()
        #expect(calls == 1)
        // Nothing is watched any more: only the end of this turn can end the loop.
        loop.atEndOfTurn { loop.stop() }
        try loop.runUntilStopped()
        #expect(calls == 1)
    }

    @Test func `a descriptor can be watched again once its wait was cancelled`() throws {
        let loop = try EventLoop()
        let reading = try readablePipe()
        try loop.watch(reading) {}.cancel()
        let again = try loop.watch(reading) { loop.stop() }
        try loop.runUntilStopped()
        let twice = failure { () throws(SystemError) in _ = try loop.watch(reading) {} }
        #expect(twice?.code == .exists)
        again.cancel()
        again.cancel()
    }

    @Test func `the other side's end is an event`() throws {
        let loop = try EventLoop()
        var pipe = try Pipe()
        let reading = try take(&pipe.reading)
        close(try take(&pipe.writing))
        let registration = try loop.watch(reading) { loop.stop() }
        try loop.runUntilStopped()
        #expect(try reading.read(upTo: 1) == nil)
        registration.cancel()
    }

    @Test func `what many events ask for is done once, after all of them`() throws {
        let loop = try EventLoop()
        let a = try readablePipe()
        let b = try readablePipe()
        var log: [String] = []
        let deferred = Deferred(loop) {
            log.append("deferred")
            loop.stop()
        }
        var registrations: [EventLoop.Registration] = []
        let handler = {
            log.append("event")
            deferred.request()
            deferred.request()
        }
        registrations.append(try loop.watch(a, handler: handler))
        registrations.append(try loop.watch(b, handler: handler))
        try loop.runUntilStopped()
        #expect(log == ["event", "event", "deferred"])
        try loop.runUntilStopped()
        #expect(log.count == 6)
        for registration in registrations { registration.cancel() }
    }

    @Test func `work asked for before the loop runs is done, in order`() throws {
        let loop = try EventLoop()
        var log: [Int] = []
        loop.atEndOfTurn { log.append(1) }
        loop.atEndOfTurn {
            log.append(2)
            loop.atEndOfTurn {
                log.append(3)
                loop.stop()
            }
        }
        try loop.runUntilStopped()
        #expect(log == [1, 2, 3])
    }

    @Test func `what this turn still has to do is done after a stop`() throws {
        let loop = try EventLoop()
        let reading = try readablePipe()
        var isDone = false
        let registration = try loop.watch(reading) {
            loop.stop()
            loop.atEndOfTurn { isDone = true }
        }
        try loop.runUntilStopped()
        #expect(isDone)
        registration.cancel()
    }

    /// Whoever asked may be gone before the end of the turn: its work would meet freed memory.
    @Test func `work of which everybody has let go is not done`() throws {
        let loop = try EventLoop()
        var log: [String] = []
        var gone: Deferred? = Deferred(loop) { log.append("gone") }
        let kept = Deferred(loop) {
            log.append("kept")
            loop.stop()
        }
        gone?.request()
        kept.request()
        gone = nil
        try loop.runUntilStopped()
        #expect(log == ["kept"])
    }

    @Test func `the end of a turn comes when all of it is done`() throws {
        let loop = try EventLoop()
        let reading = try readablePipe()
        var log: [String] = []
        loop.turnEnded = {
            log.append("end")
            loop.stop()
        }
        let registration = try loop.watch(reading) {
            log.append("event")
            loop.atEndOfTurn { log.append("work") }
        }
        try loop.runUntilStopped()
        #expect(log == ["event", "work", "end"])
        registration.cancel()
    }
}
