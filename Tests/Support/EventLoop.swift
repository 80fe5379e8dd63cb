public import Linux

extension EventLoop {
    /// Runs until it is so, for a minute at most; whether it is so.
    ///
    /// `condition` is asked again and again: what it waits for may raise no event here.
    public func run(until condition: @escaping () throws -> Bool) throws -> Bool {
        let deadline = Moment.now + .seconds(60)
        var result: Result<Bool, any Error> = .success(false)
        var timer: Timer?
        timer = try Timer(self) { [unowned self] in
            result = Result { try condition() }
            if case .success(false) = result, Moment.now < deadline {
                timer?.set(.now + .milliseconds(5))
            } else {
                stop()
            }
        }
        timer?.set(.now)
        try run()
        timer = nil
        return try result.get()
    }
}
