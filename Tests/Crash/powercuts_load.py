"""Load for the power cuts: a sender that flushes like `submit` or not at all, and a witness.

What the sender may rely on after a cut is noted when it happens, and only then:
  given    all files of the drop and their names are on the disk (the sender's own fsyncs)
  queued   it was seen in queued/ or running/: its bytes are safe whoever wrote them (I2)
  done … rejected   it was seen there: so it ends, and it is never run again (I3)
  told     the log's line of it: its name in that directory is on the disk too
"""

import dataclasses
import datetime
import json
import os
import pathlib
import random
import re
import struct
import threading
import time
import zlib

import harness
from soak_events import MOVED_TO, Events

PIPELINE = r"""
import json, os, random, shutil, sys, time
log = open(sys.argv[1], "a", buffering=1)
for line in sys.stdin:
    order = json.loads(line)
    answer = {"event": "ready", "model": "copy", "models": ["copy"]}
    if order["op"] == "edit":
        log.write(order["instruction"] + "\n")
        answer = {"event": "done", "job_id": order["job_id"], "seed": 1}
        if "slowly" in order["instruction"]:
            time.sleep(0.05)
        again = "again" in order["instruction"] and random.random() < 0.5
        if again or "fail" in order["instruction"]:
            answer = {"event": "failed", "job_id": order["job_id"], "error": "asked to",
                      "kind": "pipeline", "retryable": again}
        else:
            shutil.copyfile(order["image"], order["output"])
    print(json.dumps(answer), flush=True)
"""
STATION, TRASH = "kiosk", ".spool/trash"


@dataclasses.dataclass(eq=False)
class Sent:
    """A drop, and what was promised of it."""
    drop: harness.Drop
    job: str
    text: str  # its instruction, which is also its line in the pipeline's log
    ends: set  # where it may end
    round: int  # the cuts before it
    is_promised: bool = False
    state: str = ""  # where it was seen to have ended
    told: str = ""  # the state that the log told
    result: str = ""
    runs: int = -1  # how often it had run when it was seen to have ended
    order: int = 0
    is_retried: bool = False  # only that it is there is promised of it
    was_released: bool = False
    orders: set = dataclasses.field(default_factory=set)  # that were given durably

    def __str__(self):
        return f"{self.drop.name} ({self.text!r})"


@dataclasses.dataclass
class Note:
    """What was seen of a drop, and when (nanoseconds)."""
    time: int
    sent: Sent
    state: str = ""
    is_told: bool = False
    result: str = ""
    order: str = ""


class CutSpool(harness.Spool):
    """A spool on a disk whose power is cut; logs and pipeline stand elsewhere."""

    def __init__(self, disk, settings):
        self.disk, self.folder, self.root = disk, disk.folder, disk.place / "spool"
        self.drops, self.roles, self.removed = [], [], set()
        self.sent, self.newest, self.cuts = [], {}, 0
        self.notes, self.cleaned = [], set()
        self.jobs_log = self.folder / "jobs.log"
        self.jobs_log.touch()
        pipeline = self.folder / "pipeline.py"
        pipeline.write_text(PIPELINE)
        self.settings = {
            "PIPELINE": f"exec /usr/bin/python3 -IS {pipeline} {self.jobs_log}",
            "SETTLE_SECONDS": "0.02", "MAX_INFLIGHT_JOBS": "1000", "MAX_ATTEMPTS": "1000",
            "JOB_RETRY_DELAY_SECONDS": "0.02", "MIN_FREE_BYTES": "0", **settings}
        self.run("init")
        self.run("station", "add", STATION)
        descriptor = os.open(self.root, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        os.sync()

    def words(self, *command):
        return [*super().words(*command), "--log-format", "json"]

    def runs(self):
        """How often each instruction was sent to a pipeline."""
        counts = {}
        for line in self.jobs_log.read_text().splitlines():
            counts[line] = counts.get(line, 0) + 1
        return counts

    def knows(self, sent):
        """Whether what happens to this drop promises something.

        What a sender that does not flush sent before the last cut may be half of it.
        """
        return sent is not None and (sent.is_promised or sent.round == self.cuts)


def image(rng, number):
    """A PNG of its own, up to some 60 KB."""
    noise = rng.randbytes(rng.choice((0, 3000, 20000, 60000)))
    rows = b"".join(b"\0" + bytes(48) for _ in range(16))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)),
             (b"tEXt", b"Comment\0" + str(number).encode()), (b"noIs", noise),
             (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(harness.chunk(*part) for part in parts)


def write(path, data, flush):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        if flush:
            os.fsync(file.fileno())


def flush(directory):
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Sender:
    """Drops at random until the power is cut, which it sees as an error."""

    def __init__(self, spool, rng, gives_orders):
        self.spool, self.rng = spool, rng
        self.gives_orders, self.used = gives_orders, set()
        # Names whose jobs ended before the last cut: the others may come back to life.
        self.ended = [sent for sent in spool.sent if sent.told in harness.ENDED
                      and not sent.is_retried and spool.newest[sent.job] is sent]
        self.free = [sent.job for sent in self.ended if sent.job == sent.drop.name]

    def send(self, count):
        """False when the power was cut."""
        try:
            for _ in range(count):
                self.send_one()
                if self.gives_orders and self.rng.random() < 0.3:
                    self.order()
        except OSError:
            return False
        return True

    def send_one(self):
        rng, number = self.rng, len(self.spool.sent)
        kind = rng.choices(("copy", "slowly", "fail", "bad", "again"), (12, 2, 2, 2, 2))[0]
        text = f"{kind} {number}"
        name = f"d{number}"
        box = rng.choices(("incoming", f"incoming/{STATION}"), (4, 1))[0]
        # An order that still stands there would be about the newcomer.
        waiting = {entry.rpartition(".")[0] for entry in self.spool.names("incoming")}
        self.free = [other for other in self.free if other not in self.used | waiting]
        if self.free and self.gives_orders and box == "incoming" and rng.random() < 0.2:
            name = self.free.pop(rng.randrange(len(self.free)))
            self.used.add(name)
        request = {"instruction": text, "metadata": {"number": number}}
        if kind == "bad":
            request["colour"] = "blue"
        files = {f"{name}.json": json.dumps(request).encode(),
                 f"{name}.png": image(rng, number)}
        job = name if box == "incoming" else f"{STATION}.{name}"
        end = {"fail": "failed", "bad": "rejected"}.get(kind, "done")
        sent = Sent(harness.Drop(name, tuple(files.values()), box), job, text, {end},
                    self.spool.cuts)
        self.spool.sent.append(sent)
        self.spool.newest[job] = sent
        is_durable = rng.random() < 0.6
        place = self.spool.root / box
        if box == "incoming" and rng.random() < 0.2:
            self.put_folder(place, name, files, is_durable)
        else:
            self.put_pair(place, files, is_durable)
        if is_durable:
            flush(place)
            self.spool.notes.append(Note(time.time_ns(), sent))

    def order(self):
        """An empty file for one job, flushed or not."""
        rng, spool = self.rng, self.spool
        verb = rng.choice(("cancel", "cancel", "hold", "release", "retry"))
        if verb == "retry":
            sents = [sent for sent in self.ended if sent.told != "done" and sent.job not in self.used]
        else:
            sents = [sent for sent in spool.sent[-12:] if spool.newest[sent.job] is sent]
        if not sents:
            return
        sent = rng.choice(sents)
        if verb == "cancel":
            sent.ends |= {"failed"}
        if verb == "release":
            sent.was_released = True
        if verb == "retry":
            self.used.add(sent.job)
            sent.is_retried = True
            sent.state = sent.told = ""
            sent.runs, sent.order = -1, 0
        place = spool.root / sent.drop.box
        is_durable = rng.random() < 0.6
        write(place / f"{sent.drop.name}.{verb}", b"", is_durable)
        if is_durable:
            flush(place)
            spool.notes.append(Note(time.time_ns(), sent, order=verb))

    def put_pair(self, place, files, is_durable):
        order = list(files)
        self.rng.shuffle(order)
        # Renamed into place or written there, as stations do.
        renames = self.rng.random() < 0.8
        for name in order:
            way = place / (name + ".part" if renames else name)
            write(way, files[name], is_durable)
            if renames:
                os.rename(way, place / name)

    def put_folder(self, place, name, files, is_durable):
        part = place / (name + ".part")
        part.mkdir()
        for file, data in files.items():
            write(part / file, data, is_durable)
        if is_durable:
            flush(part)
        os.rename(part, place / name)


@dataclasses.dataclass
class Cut:
    """When the power goes."""
    seconds: float = 1.2
    directory: str = ""  # after the `count`-th arrival there
    count: int = 0
    role: str = ""  # before the `count`-th call of that role that changes the disk

    @classmethod
    def choose(cls, rng, calls):
        """`calls`: about how many each role makes in a round that change the disk."""
        kind = rng.choice(("time", "arrival", "arrival", "call", "call"))
        if kind == "time":
            return cls(seconds=rng.uniform(0, 0.5))
        if kind == "arrival":
            directory = rng.choice(("queued", "queued", "running", "done", "done", "failed",
                                    "rejected", ".spool/staging"))
            rare = directory in ("failed", "rejected")
            return cls(directory=directory, count=rng.randint(1, 2 if rare else 12))
        role = rng.choice(list(calls))
        return cls(role=role, count=rng.randint(1, calls[role]))

    def __str__(self):
        if self.directory:
            return f"arrival {self.count} in {self.directory}"
        if self.role:
            return f"call {self.count} of {self.role}"
        return f"{self.seconds:.3f} s"


class Witness(threading.Thread):
    """Sees what arrives where, notes what that promises, and cuts the power when it is time."""

    def __init__(self, spool, cut, roles):
        super().__init__(daemon=True)
        self.spool, self.cut, self.roles = spool, cut, roles
        self.count, self.deadline, self.problem = 0, time.monotonic() + cut.seconds, None
        self.is_over, self.cut_at = False, 0
        self.is_cut = threading.Event()
        self.events = Events(spool.root, (*harness.STATES, ".spool/staging", TRASH))

    def run(self):
        try:
            with self.events:
                self.watch()
        except BaseException as error:
            self.problem = error
            raise
        finally:
            self.is_cut.set()

    def watch(self):
        is_last = False
        while not is_last:
            # What had happened by the cut is read behind it.
            is_last = self.is_over
            self.events.wait(min(0.02, self.deadline - time.monotonic()))
            for event in self.events.read():
                if not self.is_over and self.sees(*event[:3]):
                    self.strike()
                self.note_cleaning(*event[:3])
            if not self.is_over and time.monotonic() > self.deadline:
                self.strike()
            if any(role.is_over for role in self.roles):
                self.is_over = True  # cut from within

    def strike(self):
        self.is_over, self.cut_at = True, time.time_ns()
        self.spool.disk.cut()

    def sees(self, directory, name, mask):
        """Whether it is time now."""
        if directory == self.cut.directory:
            self.count += 1
        if mask & MOVED_TO and directory in harness.STATES:
            self.promise(directory, name)
        return directory == self.cut.directory and self.count == self.cut.count

    def note_cleaning(self, directory, name, mask):
        if directory == TRASH and mask & MOVED_TO:
            self.spool.cleaned.add(name.rsplit(".", 2)[0])

    def promise(self, state, name):
        sent = self.spool.newest.get(name.rpartition("@")[0] if state == "running" else name)
        if not self.spool.knows(sent):
            return
        note = Note(time.time_ns(), sent, state)
        if state == "done":
            try:
                files = os.listdir(self.spool.root / state / name)
            except OSError:
                files = []
            note.result = next((file for file in files if re.match(r"copy_\d{8}_", file)), "")
        self.spool.notes.append(note)


TOLD = {"submitted": "queued", "completed": "done", "failed": "failed", "rejected": "rejected"}


def read_log(spool, role, cut_at):
    """Notes what a role told before the cut."""
    for line in role.printed().splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        time = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
        found = re.match(r"Job \S+ (\w+) - ", entry["message"])
        sent = spool.newest.get(entry.get("job"))
        # What is below its milliseconds is cut off.
        is_before = (time.timestamp() + 0.001) * 1e9 < cut_at
        if is_before and spool.knows(sent) and found and found[1] in TOLD:
            spool.notes.append(Note(0, sent, TOLD[found[1]], is_told=True))


def keep_notes(spool, cut_at):
    """Makes promises of what was noted before the cut.

    Behind it they would be worth nothing: XFS then says of a directory that it was flushed.
    """
    for note in spool.notes:
        sent = note.sent
        if note.time >= cut_at:
            continue
        if note.order:
            sent.orders.add(note.order)
            continue
        sent.is_promised = True
        if sent.is_retried:
            continue
        sent.told = note.state if note.is_told else sent.told
        sent.result = note.result or sent.result
        sent.state = note.state if note.state in harness.ENDED else sent.state
    spool.notes.clear()
    runs = spool.runs()
    for sent in spool.sent:
        if sent.state in ("done", "failed") and sent.runs < 0:
            sent.runs = runs.get(sent.text, 0)
