"""The conversation between a gpuspool worker and its pipeline: JSON lines on stdin and stdout.

  in   {"op":"load","model":M|null}   {"op":"cancel","job_id"}   {"op":"ping"}
       {"op":"edit","job_id","image","instruction","seed","model","system_prompt","output"}
  out  {"event":"ready","model","models"}   {"event":"progress","job_id","step","steps"}
       {"event":"done","job_id","seed"}     {"event":"failed","job_id","error","kind","retryable"}
       {"event":"pong"}                     {"event":"fatal","error"}: cannot start, exit status 3

Loads and edits run one after the other in the main thread, in the order they came. A thread reads
stdin, so that `ping` and `cancel` are obeyed during an edit. A refused load answers `failed` with
`job_id` null, and the process goes on. A line that is no message is logged, never answered.

At the end of input what was already asked for is finished, then the process exits with 0. When
nobody reads stdout any more it exits at once and quietly: the job's owner is gone.

stdout belongs to this module: file descriptor 1 is pointed at stderr, because libraries print.
The file is also run from memory, so it must not use `__file__`; it needs the standard library only.
"""

import contextlib
import functools
import json
import os
import queue
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, fields


class EditError(Exception):
    """A failed load or edit, as the worker is told: `kind` is for programs, the message for people.

    Kinds: bad-request, bad-image, model-not-found, io, oom, cancelled, internal; a pipeline may add
    its own. `retryable` says that the same request may succeed later.
    """

    def __init__(self, kind, message, retryable=False):
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable


class Cancelled(EditError):
    """Raised by `progress` in an edit that is no longer wanted. Let it pass."""

    def __init__(self):
        super().__init__("cancelled", "The job was cancelled.")


@dataclass(frozen=True)
class Request:
    """One edit. `image` and `output` are paths; the same `seed` must give the same picture."""

    job_id: str
    image: str
    instruction: str
    output: str
    seed: int
    model: str = None
    system_prompt: str = None

    @classmethod
    def parse(cls, message):
        request = cls(**{field.name: message.get(field.name) for field in fields(cls)})
        for name in ("image", "instruction", "output", "model", "system_prompt"):
            value = getattr(request, name)
            optional = name in ("model", "system_prompt")
            if not (isinstance(value, str) or optional and value is None):
                raise EditError("bad-request", f"{name} must be a string, not {value!r}.")
        if type(request.seed) is not int or not 0 <= request.seed < 2**63:
            raise EditError("bad-request", f"seed must be 0 to 2^63-1, not {request.seed!r}.")
        return request


def serve(pipeline):
    """Answers the worker until the end of input.

    `pipeline.models` lists the names, the default first; `load(model)` makes one of them ready;
    `edit(request, progress)` writes the result to `request.output`, calls `progress(step, steps)`
    after each step and raises `EditError`. The model of a request is loaded before its edit.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _Session(pipeline).run()


def cannot_start(error):
    """Ends a pipeline before `serve`, for example because a library is missing."""
    _Output().send(event="fatal", error=error)
    sys.exit(3)


def write_output(path, data):
    """Writes a result: all of it with mode 0644 less the umask, or no file. The worker syncs it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
        except BaseException:
            os.unlink(path)
            raise
    except OSError as error:
        message = f"Cannot write the result {path}: {error.strerror}."
        raise EditError("io", message, retryable=True) from error


def log(text):
    with contextlib.suppress(OSError):
        print(f"pipeline: {text}", file=sys.stderr, flush=True)


def classify(error):
    """The `EditError` for any exception. What nobody foresaw is logged with its traceback."""
    if isinstance(error, EditError):
        return error
    log("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, MemoryError):
        return EditError("oom", "There was not enough memory for this edit.", retryable=True)
    if isinstance(error, OSError) and error.errno:
        return EditError("io", f"{error}.", retryable=True)
    return EditError("internal", f"The edit failed: {type(error).__name__}: {error}")


class _Output:
    """The real stdout: whole lines from any thread. Nothing else can write to it afterwards."""

    def __init__(self):
        self._lock = threading.Lock()
        self._descriptor = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def send(self, **event):
        line = json.dumps(event).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line):]
            except OSError:
                os._exit(0)  # Python ignores SIGPIPE, so a worker that died is seen here


class _Job:
    def __init__(self, message):
        self.id = message["job_id"]
        self.message = message
        self.cancelled = threading.Event()


class _Session:
    def __init__(self, pipeline):
        self._pipeline = pipeline
        self._output = _Output()
        self._tasks = queue.SimpleQueue()
        self._jobs = []  # waiting or running; the reader adds, the main thread removes
        self._loaded = None
        self._was_ready = False

    def run(self):
        lines = sys.stdin.buffer
        sys.stdin = open(os.devnull)  # a library that asks a question must not eat our lines
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        for task in iter(self._tasks.get, None):
            task()

    def _read(self, lines):
        try:
            for line in lines:
                try:
                    self._receive(json.loads(line))
                except (ValueError, RecursionError) as error:
                    log(f"ignored a line that is not JSON ({error}): {line[:200]!r}")
        finally:
            self._tasks.put(None)

    def _receive(self, message):
        op = message.get("op") if isinstance(message, dict) else None
        if op == "ping":
            self._output.send(event="pong")
        elif op == "cancel":
            for job in tuple(self._jobs):
                if job.id == message.get("job_id"):
                    job.cancelled.set()
        elif op == "load":
            self._tasks.put(functools.partial(self._load, message.get("model")))
        elif op == "edit" and isinstance(message.get("job_id"), str):
            job = _Job(message)
            self._jobs.append(job)
            self._tasks.put(functools.partial(self._edit, job))
        else:
            log(f"ignored a message with an unknown op or no job_id: {str(message)[:200]}")

    def _load(self, model):
        try:
            self._use(model)
        except Exception as error:
            failure = classify(error)
            if not self._was_ready and failure.kind != "model-not-found":
                self._output.send(event="fatal", error=str(failure))
                os._exit(3)  # not sys.exit: the reader still holds stdin
            self._fail(None, failure)
        else:
            self._was_ready = True
            self._output.send(event="ready", model=self._loaded, models=self._pipeline.models)

    def _use(self, model):
        models = self._pipeline.models
        model = model or self._loaded or models[0]
        if model not in models:
            known = ", ".join(models)
            raise EditError("model-not-found", f"There is no model {model!r} here, only {known}.")
        if model != self._loaded:
            self._loaded = None
            self._pipeline.load(model)
            self._loaded = model

    def _edit(self, job):
        def check():
            if job.cancelled.is_set():
                raise Cancelled()

        def progress(step, steps):
            check()
            self._output.send(event="progress", job_id=job.id, step=step, steps=steps)

        try:
            request = Request.parse(job.message)
            check()
            self._use(request.model)
            self._pipeline.edit(request, progress)
        except Exception as error:
            self._fail(job.id, classify(error))
        else:
            self._output.send(event="done", job_id=job.id, seed=request.seed)
        finally:
            self._jobs.remove(job)

    def _fail(self, job_id, failure):
        self._output.send(event="failed", job_id=job_id, error=str(failure),
                          kind=failure.kind, retryable=failure.retryable)
