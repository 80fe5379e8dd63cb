extension BadDrop {
    private static let number = "it must be an integer from 0 to 9223372036854775807."

    /// Everything that can be wrong with a station's JSON.
    static let requests: [BadDrop] = [
        .json("no instruction", "The field 'instruction' is missing", "1 to 500", json: "{}"),
        .json("null", "The field 'instruction' is missing", json: #"{"instruction": null}"#),
        .json("nothing", "The instruction is empty", "1 to 500", json: #"{"instruction": ""}"#),
        .json("blank", "The instruction is empty", json: #"{"instruction": " \\t "}"#),
        .json(
            "five", "The field 'instruction' is 5; it must be a string.",
            json: #"{"instruction":5}"#),
        .json(
            "list", "'instruction' is an array; it must be a string",
            json: #"{"instruction":["x"]}"#),
        BadDrop(
            "501", "invalid_request", "The instruction has 501 characters; 1 to 500 are allowed.",
            python: "photo(); ask(instruction='x' * 501)"),
        .json(
            "unknown", "Unknown field 'instrucion'. Did you mean 'instruction'?",
            json: #"{"instrucion": "rotate 90"}"#),
        .json(
            "duplicate", "the name \"seed\" stands twice",
            json: #"{"instruction": "blur", "seed": 1, "seed": 2}"#),
        .json("minus", "'seed' is -1; \(number)", json: #"{"instruction": "blur", "seed": -1}"#),
        .json(
            "huge", "'seed' is 9223372036854775808; \(number)",
            json: #"{"instruction": "blur", "seed": 9223372036854775808}"#),
        .json(
            "text seed", "'seed' is \"42\"; \(number)", json: #"{"instruction":"blur","seed":"42"}"#
        ),
        .json(
            "half seed", "'seed' is 1.5; \(number)", json: #"{"instruction": "blur", "seed": 1.5}"#),
        .json(
            "true seed", "'seed' is true; \(number)",
            json: #"{"instruction": "blur", "seed": true}"#),
        .json(
            "climbs", "The field 'image' is \"../x\"; it must be a file name without a path",
            json: #"{"instruction": "blur", "image": "../x"}"#),
        .json(
            "absolute", "The field 'image' is \"/etc/passwd\"",
            json: #"{"instruction": "blur", "image": "/etc/passwd"}"#),
        .json(
            "dots", "The field 'image' is \"..\"", json: #"{"instruction": "blur", "image": ".."}"#),
        .json(
            "windows", "The field 'image' is", "without a path",
            json: #"{"instruction": "blur", "image": "C:\\\\x.jpg"}"#),
        .json(
            "model", "The field 'model' is \"a/b\"", json: #"{"instruction":"blur","model":"a/b"}"#),
        .json(
            "short hash", "The field 'sha256'", json: #"{"instruction": "blur", "sha256": "abc"}"#),
        .json(
            "metadata", "'metadata' is an array", json: #"{"instruction":"blur","metadata":[1]}"#),
        .json(
            "tomorrow", "The field 'not_before' is \"tomorrow\"",
            json: #"{"instruction": "blur", "not_before": "tomorrow"}"#),
        .json(
            "next century", "The field 'not_before'", "at most 7 days ahead",
            json: #"{"instruction": "blur", "not_before": "2126-01-01T00:00:00Z"}"#),
        .json("array", "an array, expected an object", answer: .unparsable, json: "[1, 2]"),
        .json(
            "comma", "line 1, column 23: found ','", answer: .unparsable,
            json: #"{"instruction": "blur",}"#),
        .json("quotes", "use double quotes", answer: .unparsable, json: "{'instruction': 'blur'}"),
        .json("cut", "line 1", answer: .unparsable, json: #"{"instruction": "make it bla"#),
        .json("two", "only one object", answer: .unparsable, json: #"{"instruction": "blur"} {}"#),
        BadDrop(
            "empty json", "invalid_request", "the file is empty", answer: .unparsable,
            python: "photo(); put(name + '.json', b'')"),
        BadDrop(
            "zero json", "invalid_request", "filled with zeros", answer: .unparsable,
            python: "photo(); put(name + '.json', bytes(400))"),
        BadDrop(
            "latin", "invalid_request", "Save it as UTF-8", answer: .unparsable,
            python: "photo(); put(name + '.json', b'{\"instruction\": \"sch\\xf6n\"}')"),
        BadDrop(
            "wide", "invalid_request", "UTF-16", "Save it as UTF-8", answer: .unparsable,
            python:
                "photo(); put(name + '.json', '{\"instruction\": \"blur\"}'.encode('utf-16-le'))"),
        BadDrop(
            "large json", "invalid_request", "bytes; at most ",
            python: "photo(); ask(metadata={'x': 'y' * 1048576})"),
        BadDrop(
            "deep json", "invalid_request", "more than 64 levels", answer: .unparsable,
            python: "photo(); text('{\"instruction\": \"blur\", \"metadata\": ' + '[' * 60000)"),
    ]
}
