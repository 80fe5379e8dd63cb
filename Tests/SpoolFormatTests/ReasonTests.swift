import Testing

@testable import SpoolFormat

@Suite struct ReasonTests {
    static let texts: [(Refusal, RefusalCode, String)] = [
        (
            .queueFull(maximum: 10), .queueFull,
            "Queue is full (maximum 10 jobs). Please try again later."
        ),
        (
            .serverBusy(retryAfter: 300), .serverBusy,
            "Server is busy. Try again in ~5 minutes."
        ),
        (.serverBusy(retryAfter: 0), .serverBusy, "Server is busy. Try again in ~1 minutes."),
        (.serverBusy(retryAfter: 61), .serverBusy, "Server is busy. Try again in ~2 minutes."),
        (
            .tooLarge(bytes: 15_938_355, maximum: 10_485_760), .imageTooLarge,
            "Image too large (15.2MB). Maximum 10MB allowed."
        ),
        (
            .tooLarge(bytes: 10_485_761, maximum: 10_485_760), .imageTooLarge,
            "Image too large (10.1MB). Maximum 10MB allowed."
        ),
        (
            .tooLarge(bytes: .max, maximum: 1_572_864), .imageTooLarge,
            "Image too large (8796093022208.0MB). Maximum 1.5MB allowed."
        ),
        (
            .tooLarge(
                ImageHeader(format: .jpeg, width: 4000, height: 3000), maximumSide: 2048),
            .imageTooLarge, "Image too large (4000x3000). Maximum 2048x2048 allowed."
        ),
    ]

    @Test(arguments: texts)
    func `the former API's words are kept`(refusal: Refusal, code: RefusalCode, detail: String) {
        #expect(refusal.code == code)
        #expect(refusal.detail == detail)
    }

    static let codes: [(RefusalCode, String, Int)] = [
        (.queueFull, "queue_full", 429), (.rateLimited, "rate_limited", 429),
        (.serverBusy, "server_busy", 503), (.invalidRequest, "invalid_request", 400),
        (.imageTooLarge, "image_too_large", 400), (.invalidImage, "invalid_image", 400),
        (.incompleteBundle, "incomplete_bundle", 400), (.invalidName, "invalid_name", 400),
        (.noModelLoaded, "no_model_loaded", 400),
    ]

    @Test func `each code has its name and its HTTP status`() {
        #expect(RefusalCode.allCases == Self.codes.map(\.0))
        for (code, name, status) in Self.codes {
            #expect(code.rawValue == name)
            #expect(code.httpStatus == status)
            #expect(code.isTemporary == (status != 400))
        }
    }

    static let messages: [(Int, String)] = [
        (300, "5 minutes"), (0, "1 minute"), (-7, "1 minute"), (60, "1 minute"), (61, "2 minutes"),
        (3600, "60 minutes"),
    ]

    @Test(arguments: messages)
    func `a message for people says when to come back`(seconds: Int, time: String) {
        let refusal = Refusal.queueFull(maximum: 10)
        let reason = Reason(refusal, retryAfterSeconds: seconds, at: Timestamp(nanoseconds: 0))
        let words =
            "Your request can't be processed right now. Please try again in about \(time)."
        #expect(reason.message == words)
        #expect(reason.retryAt == Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000))
    }

    @Test func `what is refused for good has no time to come back`() {
        let refusal = Refusal(.invalidImage, "It is a GIF.")
        let reason = Reason(refusal, retryAfterSeconds: 300, at: Timestamp(nanoseconds: 0))
        #expect(reason.message == "It is a GIF.")
        #expect(reason.retryAfterSeconds == nil)
        #expect(reason.retryAt == nil)
    }

    @Test func `the file holds all fields of the design`() throws {
        var job = JobView(id: try JobID("Kiosk 1.IMG".utf8), status: .queued)
        job.station = "Kiosk 1"
        job.droppedAs = "IMG.jpg"
        job.sha256 = "00ff"
        let now = Timestamp(nanoseconds: 1_705_314_685_123_000_000)
        let busy = Reason(.serverBusy(retryAfter: 300), retryAfterSeconds: 300, at: now)
        let expected = """
            {
              "code" : "server_busy",
              "detail" : "Server is busy. Try again in ~5 minutes.",
              "dropped_as" : "IMG.jpg",
              "http_status" : 503,
              "job_id" : "Kiosk 1.IMG",
              "message" : "Your request can't be processed right now. Please try again in about 5 \
            minutes.",
              "rejected_at" : "2024-01-15T10:31:25.123Z",
              "retry_after_seconds" : 300,
              "retry_at" : "2024-01-15T10:36:25.123Z",
              "sha256" : "00ff",
              "station" : "Kiosk 1",
              "status" : "rejected"
            }

            """
        let text = JSONText.encode(Reason.File(busy, of: job))
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test func `the file says null where there is nothing`() throws {
        let job = JobView(id: try JobID("a".utf8), status: .queued)
        let reason = Reason(
            Refusal(.invalidName, "The name is empty."), retryAfterSeconds: 300,
            at: Timestamp(nanoseconds: 0))
        let expected =
            #"{"code":"invalid_name","detail":"The name is empty.","dropped_as":null,"#
            + #""http_status":400,"job_id":"a","message":"The name is empty.","#
            + #""rejected_at":"1970-01-01T00:00:00.000Z","retry_after_seconds":null,"#
            + #""retry_at":null,"sha256":null,"station":null,"status":"rejected"}"# + "\n"
        let text = JSONText.line(Reason.File(reason, of: job))
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }
}
