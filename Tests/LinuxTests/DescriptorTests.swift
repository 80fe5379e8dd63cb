import Glibc
import Linux
import Testing

@Suite struct DescriptorTests {
    @Test func `a pipe gives nothing yet, then what was written, then its end`() throws {
        var pipe = try Pipe()
        let reading = try take(&pipe.reading)
        let writing = try take(&pipe.writing)
        try reading.makeNonBlocking()
        #expect(try reading.read(upTo: 10) == [])
        #expect(try writing.write(some: [1, 2, 3]) == 3)
        #expect(try reading.read(upTo: 2) == [1, 2])
        #expect(try reading.read(upTo: 2) == [3])
        #expect(try reading.read(upTo: 2) == [])
        close(writing)
        // A process that another test just starts may still hold the writing end.
        #expect(try output(of: reading) == "")
        #expect(try reading.read(upTo: 2) == nil)
    }

    @Test func `a full pipe takes what fits, then nothing`() throws {
        var pipe = try Pipe()
        let writing = try take(&pipe.writing)
        try writing.makeNonBlocking()
        let bytes = [UInt8](repeating: 0, count: 1 << 20)
        let taken = try writing.write(some: bytes[...])
        #expect((1..<bytes.count).contains(taken))
        #expect(try writing.write(some: bytes[...]) == 0)
    }

    @Test func `the wrong end is an error`() throws {
        var pipe = try Pipe()
        let reading = try take(&pipe.reading)
        let error = failure { () throws(SystemError) in _ = try reading.write(some: [1]) }
        #expect(error?.code.name == "EBADF")
        #expect(error?.call == "write")
    }

    @Test func `a file in memory is read from its start`() throws {
        for count in [0, 1, 200_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            let memory = try Descriptor.inMemory(bytes)
            var read: [UInt8] = []
            while let piece = try memory.read(upTo: 65_536) { read += piece }
            #expect(read == bytes)
        }
    }

    @Test func `both ends of a pipe stay with this process`() throws {
        var pipe = try Pipe()
        let reading = try take(&pipe.reading)
        let writing = try take(&pipe.writing)
        for end in [reading.number, writing.number] {
            #expect(fcntl(end, F_GETFD) == FD_CLOEXEC)
        }
    }

    @Test func `a descriptor is closed when its owner lets it go`() async {
        await #expect(processExitsWith: .success) {
            dieWhenStuck()
            var number: Int32 = -1
            do {
                let memory = try Descriptor.inMemory([])
                number = memory.number
                #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
            }
            #expect(fcntl(number, F_GETFD) == -1)
        }
    }
}
