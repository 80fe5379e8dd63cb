"""The protocol, spoken with real child processes: `rules` in both ways it is started, and a
pipeline that waits on a FIFO, so that the tests decide what happens during an edit."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "Sources/Pipelines"
PHOTO = str(ROOT / "Tests/Photos/cat.png")
DEADLINE = 20  # seconds; only a broken pipeline ever waits so long

DIRECT = [sys.executable, "-B", str(PIPELINES / "rules.py")]
FROM_MEMORY = [sys.executable, "-c", """
import sys, types
protocol = types.ModuleType("protocol")
sys.modules["protocol"] = protocol
exec(compile(sys.argv[1], "protocol", "exec"), protocol.__dict__)
exec(compile(sys.argv[2], "rules", "exec"), {"__name__": "__main__"})
""", (PIPELINES / "protocol.py").read_text(), (PIPELINES / "rules.py").read_text()]
WAITING = [sys.executable, "-B", "-c", """
import os, sys
sys.path.insert(0, sys.argv[1])
import protocol

class Waiting:
    models = ["slow", "slower", "broken"]
    def load(self, model):
        print("loading", model)
        if model == "broken":
            raise RuntimeError("no weights")
    def edit(self, request, progress):
        os.system("echo a library prints")
        print("a library prints", flush=True)
        progress(1, 2)
        word = open(request.image).read()     # blocks until the test writes
        if word == "ask":
            input("a library asks")
        if word == "memory":
            raise MemoryError
        if word == "own":
            raise protocol.EditError("oom", "CUDA out of memory", retryable=True)
        progress(2, 2)
        protocol.write_output(request.output, word.encode())

protocol.serve(Waiting())
""", str(PIPELINES)]


class Child:
    """A pipeline process; every read has a deadline."""

    def __init__(self, command, test):
        plain = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=plain)
        test.addCleanup(self.close)
        self.pending = b""
        self.log = b""

    def close(self):
        self.process.kill()
        self.process.communicate()

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **message):
        self.write(json.dumps(message).encode() + b"\n")

    def line_of(self, stream, buffer=b""):
        """One line from a pipe, and what was read after it; no line at its end."""
        end = time.monotonic() + DEADLINE
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in buffer:
                if not selector.select(end - time.monotonic()):
                    raise AssertionError(f"no line within {DEADLINE} s, only {buffer!r}")
                data = os.read(stream.fileno(), 65536)
                if not data:
                    return buffer, b""
                buffer += data
        line, _, rest = buffer.partition(b"\n")
        return line, rest

    def event(self):
        line, self.pending = self.line_of(self.process.stdout, self.pending)
        return json.loads(line)

    def await_log(self, words):
        while True:
            line, self.log = self.line_of(self.process.stderr, self.log)
            if words in line:
                return
            if not line and not self.log:
                raise AssertionError(f"{words!r} was never logged")

    def end(self):
        """Closes stdin; the exit status, the events not yet read, and the log."""
        output, errors = self.process.communicate(timeout=DEADLINE)
        lines = (self.pending + output).splitlines()
        return self.process.returncode, [json.loads(line) for line in lines], self.log + errors


class ProtocolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.output = self.folder / "result"
        self.fifo = self.folder / "fifo"
        os.mkfifo(self.fifo)
        signal.signal(signal.SIGALRM, self.too_late)  # writing to a FIFO nobody opens blocks
        signal.alarm(3 * DEADLINE)
        self.addCleanup(signal.alarm, 0)

    def too_late(self, *_):
        self.fail("the test did not end in time")

    def start(self, command, model=None):
        child = Child(command, self)
        child.send(op="load", model=model)
        self.ready = child.event()
        self.assertEqual(self.ready["event"], "ready", self.ready)
        return child

    def edit(self, child, job_id="j1", image=PHOTO, instruction="sepia", seed=42, **more):
        message = {"model": None, "system_prompt": None, "output": str(self.output), **more}
        child.send(op="edit", job_id=job_id, image=str(image), instruction=instruction, seed=seed,
                   **message)

    def assertFailed(self, event, kind, retryable, job_id="j1"):
        self.assertEqual(set(event), {"event", "job_id", "error", "kind", "retryable"})
        self.assertEqual((event["event"], event["job_id"], event["kind"], event["retryable"]),
                         ("failed", job_id, kind, retryable), event)


class Rules(ProtocolTest):
    def test_both_ways_of_starting_it_edit_a_photo_and_end_with_the_input(self):
        results = []
        for command in (DIRECT, FROM_MEMORY):
            child = self.start(command)
            self.assertEqual(self.ready, {"event": "ready", "model": "rules", "models": ["rules"]})
            self.edit(child, instruction="make it winter and sharpen it", model="rules")
            status, events, log = child.end()
            self.assertEqual(events, [
                {"event": "progress", "job_id": "j1", "step": 1, "steps": 2},
                {"event": "progress", "job_id": "j1", "step": 2, "steps": 2},
                {"event": "done", "job_id": "j1", "seed": 42}])
            self.assertEqual((status, log), (0, b""))
            results.append(self.output.read_bytes())
        self.assertEqual(results[0], results[1])

    def test_the_end_of_input_ends_it_silently_even_before_a_load(self):
        self.assertEqual(Child(DIRECT, self).end(), (0, [], b""))

    def test_what_fails_leaves_no_result_and_does_not_stop_the_next_job(self):
        bad = self.folder / "bad.png"
        bad.write_bytes(b"\x89PNG\r\n\x1a\n")
        nowhere = str(self.folder / "nowhere/result")
        child = self.start(DIRECT)
        for kind, retryable, request in (
                ("bad-image", False, {"image": bad}),
                ("io", True, {"image": self.folder / "missing.png"}),
                ("io", True, {"output": nowhere}),
                ("bad-request", False, {"instruction": "add a dragon"}),
                ("bad-request", False, {"instruction": None}),
                ("bad-request", False, {"seed": -1}),
                ("bad-request", False, {"seed": 2**63}),
                ("bad-request", False, {"seed": True}),
                ("bad-request", False, {"seed": None}),
                ("bad-request", False, {"output": 7}),
                ("bad-request", False, {"system_prompt": ["x"]}),
                ("internal", False, {"image": "a\0b"}),
                ("model-not-found", False, {"model": "qwen-4step"})):
            with self.subTest(request):
                self.edit(child, **request)
                event = child.event()
                while event["event"] == "progress":
                    event = child.event()
                self.assertFailed(event, kind, retryable)
                self.assertFalse(self.output.exists())
        self.edit(child, job_id="next")
        self.assertEqual(child.end()[:2], (0, [
            {"event": "progress", "job_id": "next", "step": 1, "steps": 1},
            {"event": "done", "job_id": "next", "seed": 42}]))

    def test_without_pillow_it_says_what_to_install(self):
        child = Child([sys.executable, "-B", "-c", "import sys; sys.modules['PIL'] = None\n"
                       "sys.path.insert(0, sys.argv[1]); import rules", str(PIPELINES)], self)
        status, events, _ = child.end()
        self.assertEqual((status, [event["event"] for event in events]), (3, ["fatal"]))
        self.assertIn("python3-pil", events[0]["error"])


class Conversation(ProtocolTest):
    def blocked(self):
        """A child in the midst of the edit j1, which goes on when the FIFO is written."""
        child = self.start(WAITING)
        self.edit(child, image=self.fifo)
        self.assertEqual(child.event(),
                         {"event": "progress", "job_id": "j1", "step": 1, "steps": 2})
        return child

    def test_a_ping_is_answered_during_an_edit(self):
        child = self.blocked()
        child.send(op="ping")
        self.assertEqual(child.event(), {"event": "pong"})
        self.fifo.write_text("result")
        self.assertEqual([child.event()["event"], child.event()["event"]], ["progress", "done"])
        self.assertEqual(self.output.read_text(), "result")

    def test_a_cancelled_edit_stops_and_the_next_one_runs(self):
        child = self.blocked()
        child.send(op="cancel", job_id="another")
        child.send(op="cancel", job_id="j1")
        child.send(op="ping")  # answered by the same thread: the cancel has been seen
        self.assertEqual(child.event(), {"event": "pong"})
        self.fifo.write_text("result")
        self.assertFailed(child.event(), "cancelled", False)
        self.assertFalse(self.output.exists())
        self.edit(child, job_id="j2", image=PHOTO + ".missing")
        self.assertEqual(child.event()["job_id"], "j2")

    def test_a_job_can_be_cancelled_before_its_turn(self):
        child = self.blocked()
        self.edit(child, job_id="j2", image=self.fifo)
        child.send(op="cancel", job_id="j2")
        child.send(op="ping")
        self.assertEqual(child.event(), {"event": "pong"})
        self.fifo.write_text("result")
        self.assertEqual([child.event()["event"], child.event()["event"]], ["progress", "done"])
        self.assertFailed(child.event(), "cancelled", False, "j2")
        self.assertEqual(child.end()[2].count(b"a library prints\n"), 2)  # by j1 alone

    def test_what_libraries_print_goes_to_the_log(self):
        child = self.start(WAITING)
        child.await_log(b"loading slow")  # at once, though nobody flushed it
        self.edit(child, image=self.fifo)
        child.event()
        self.fifo.write_text("result")
        status, events, log = child.end()
        self.assertEqual([event["event"] for event in events], ["progress", "done"])
        self.assertEqual((status, log.count(b"a library prints\n")), (0, 2))

    def test_a_library_that_asks_a_question_does_not_eat_a_message(self):
        child = self.blocked()
        self.fifo.write_text("ask")
        self.assertFailed(child.event(), "internal", False)
        child.send(op="ping")
        self.assertEqual(child.event(), {"event": "pong"})

    def test_lines_that_are_no_messages_are_logged_and_never_answered(self):
        child = self.start(WAITING)
        for line, words in ((b"garbage", b"not JSON"), (b"\xff\xfe", b"not JSON"),
                            (b"", b"not JSON"),
                            (b"[" * 100000, b"not JSON"), (b"[]", b"unknown op"),
                            (b'{"op":"dance"}', b"dance"), (b'{"op":["edit"]}', b"unknown op"),
                            (b'{"op":"edit","job_id":7}', b"no job_id")):
            with self.subTest(line[:30]):
                child.write(line + b"\n")
                child.await_log(words)
        child.send(op="ping")
        child.write(b'{"op":"ping"')  # the input ends within a line
        self.assertEqual(child.end()[:2], (0, [{"event": "pong"}]))

    def test_errors_reach_the_worker_with_their_kind(self):
        for word, kind, retryable in (("memory", "oom", True), ("own", "oom", True)):
            child = self.blocked()
            self.fifo.write_text(word)
            self.assertFailed(child.event(), kind, retryable)

    def test_a_model_that_is_not_there_is_refused_with_the_list(self):
        child = Child(WAITING, self)
        for model in ("nobody", ["slow"], 7):
            child.send(op="load", model=model)
            event = child.event()
            self.assertFailed(event, "model-not-found", False, None)
            self.assertIn("slow, slower, broken", event["error"])
        child.send(op="load", model="slower")
        self.assertEqual(child.event(), {"event": "ready", "model": "slower",
                                         "models": ["slow", "slower", "broken"]})

    def test_a_load_that_fails_is_fatal_only_before_the_first_ready(self):
        child = self.start(WAITING)
        child.send(op="load", model="broken")
        self.assertFailed(child.event(), "internal", False, None)
        child.send(op="load", model="slower")
        self.assertEqual(child.event()["model"], "slower")
        child = Child(WAITING, self)
        child.send(op="load", model="broken")
        self.assertEqual(child.event()["event"], "fatal")
        self.assertEqual(child.process.wait(DEADLINE), 3)

    def test_a_request_loads_its_own_model(self):
        child = self.start(WAITING)
        self.edit(child, image=self.fifo, model="slower")
        child.event()
        self.fifo.write_text("result")
        self.assertIn(b"loading slower\n", child.end()[2])

    def test_it_exits_quietly_when_nobody_reads_any_more(self):
        child = self.blocked()
        child.process.stdout.close()
        self.fifo.write_text("result")
        self.assertEqual(child.process.wait(DEADLINE), 0)
        self.assertNotIn(b"Traceback", child.process.stderr.read())
        self.assertFalse(self.output.exists())

    def test_signals_end_it_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            child = self.blocked()
            child.process.send_signal(number)
            self.assertEqual(child.process.wait(DEADLINE), -number)
            self.assertNotIn(b"Traceback", child.process.stderr.read())


if __name__ == "__main__":
    unittest.main()
