import SpoolFormat
import Testing

@testable import Worker

@Suite struct PipelineMessagesTests {
    private func line(_ order: some Encodable) -> String {
        String(decoding: JSONText.line(order), as: UTF8.self)
    }

    private static func id(_ text: String) throws -> JobID { try JobID(Array(text.utf8)) }

    // MARK: To the pipeline

    @Test func `orders are lines of exactly these bytes`() throws {
        #expect(
            line(PipelineOrder.Load(model: "qwen-4step"))
                == #"{"model":"qwen-4step","op":"load"}"# + "\n")
        #expect(line(PipelineOrder.Load(model: nil)) == #"{"model":null,"op":"load"}"# + "\n")
        #expect(
            line(PipelineOrder.Cancel(jobID: try Self.id("a")))
                == #"{"job_id":"a","op":"cancel"}"# + "\n")
        let order = PipelineOrder.Edit(
            jobID: try Self.id("caf\u{e9}"), image: "/s/a b.png", instruction: "say \"hi\"\n",
            seed: .max, model: "m", systemPrompt: "be kind", output: "/s/out.1.part")
        #expect(
            line(order)
                == #"{"image":"/s/a b.png","instruction":"say \"hi\"\n","job_id":"café","#
                + #""model":"m","op":"edit","output":"/s/out.1.part","seed":9223372036854775807,"#
                + #""system_prompt":"be kind"}"# + "\n")
    }

    // README: "`model` `null`: the loaded one".
    @Test func `what is not asked for is null, not absent`() throws {
        let order = PipelineOrder.Edit(
            jobID: try Self.id("a"), image: "/a", instruction: "blur", seed: 1, model: nil,
            systemPrompt: nil, output: "/o")
        #expect(
            line(order)
                == #"{"image":"/a","instruction":"blur","job_id":"a","model":null,"op":"edit","#
                + #""output":"/o","seed":1,"system_prompt":null}"# + "\n")
    }

    // MARK: From the pipeline

    @Test(arguments: [
        (
            #"{"event":"ready","model":"m","models":["m","n"]}"#,
            PipelineEvent.ready(model: "m", models: ["m", "n"])
        ),
        (#"{"event":"ready"}"#, .ready(model: nil, models: [])),
        (
            #"{"event":"ready","model":null,"models":[],"later":{"x":1}}"#,
            .ready(model: nil, models: [])
        ),
        (#" {"event" : "pong"} "#, .pong), (#"{"event":"pong"}"# + "\r", .pong),
        (#"{"event":"fatal","error":"no GPU"}"#, .fatal("no GPU")),
        (#"{"event":"fatal"}"#, .fatal("it gave no reason")),
        (
            #"{"event":"failed","error":"no","job_id":null}"#,
            .failed(nil, error: "no", kind: "internal", isRetryable: false)
        ),
    ])
    func `a line is an event`(_ text: String, _ event: PipelineEvent) {
        #expect(PipelineEvent(Array(text.utf8)) == event)
    }

    @Test func `an event about a job`() throws {
        let id = try Self.id("a")
        let events: [(String, PipelineEvent)] = [
            (
                #"{"event":"progress","job_id":"a","step":0,"steps":4}"#,
                .progress(id, step: 0, steps: 4)
            ),
            (
                #"{"event":"progress","job_id":"a","step":4,"steps":4}"#,
                .progress(id, step: 4, steps: 4)
            ),
            (
                #"{"event":"done","job_id":"a","seed":9223372036854775807}"#,
                .done(id, seed: .max)
            ),
            (
                #"{"event":"failed","job_id":"a","error":"e","kind":"oom","retryable":true}"#,
                .failed(id, error: "e", kind: "oom", isRetryable: true)
            ),
        ]
        for (text, event) in events { #expect(PipelineEvent(Array(text.utf8)) == event) }
    }

    @Test(arguments: [
        "", "{", "hello", "[]", "null", "7", "{}", #"{"event":7}"#, #"{"event":"hello"}"#,
        #"{"event":"pong"}{"event":"pong"}"#, #"{"event":"progress","step":1,"steps":4}"#,
        #"{"event":"progress","job_id":"a","steps":4}"#,
        #"{"event":"progress","job_id":"a","step":1}"#,
        #"{"event":"progress","job_id":"a","step":1,"steps":0}"#,
        #"{"event":"progress","job_id":"a","step":1,"steps":-4}"#,
        #"{"event":"progress","job_id":"a","step":5,"steps":4}"#,
        #"{"event":"progress","job_id":"a","step":-1,"steps":4}"#,
        #"{"event":"progress","job_id":"a","step":1e99,"steps":4}"#,
        #"{"event":"progress","job_id":"../a","step":1,"steps":4}"#,
        #"{"event":"progress","job_id":"","step":1,"steps":4}"#,
        #"{"event":"done","job_id":"a"}"#, #"{"event":"done","seed":1}"#,
        #"{"event":"done","job_id":"a","seed":"1"}"#, #"{"event":"done","job_id":7,"seed":1}"#,
        #"{"event":"done","job_id":"a","seed":-5}"#, #"{"event":"failed","job_id":"a"}"#,
        #"{"event":"ready","models":"m"}"#, "\u{FEFF}\u{FEFF}{",
    ])
    func `a line that is no event`(_ text: String) {
        #expect(PipelineEvent(Array(text.utf8)) == nil)
    }

    @Test func `a line that is no UTF-8 is no event`() {
        let bytes = Array(#"{"event":"fatal","error":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
        #expect(PipelineEvent(bytes) == nil)
    }
}
