"""An observer of a spool that only looks at directories, while everything is moving.

It notes the kernel's events, and judges them afterwards:
  I1  a bundle stands in one state, moves only as the states allow, and nothing is made or removed
      in a state's directory
  I4  no claim's name comes twice (R2)
  I5  no admission makes queued and running exceed the maximum
  I6  a worker takes the oldest job: one that is older and not held may stand in queued/ at that
      moment only because another worker is just taking it, so that there are fewer such jobs than
      workers, and soon none; and none that is not due yet, is held or cancelled, or while
      .spool/paused is there
  I7  what came out of staging stands in a state, or went from there to the trash
  I8  not before its time
"""

import bisect
import dataclasses
import os
import threading
import time

from harness import STATES
from soak_events import CREATED, MOVED_FROM, MOVED_TO, OVERFLOW, REMOVED, Events

HIDDEN, STAGING, TRASH = ".spool", ".spool/staging", ".spool/trash"
HELD, CANCEL = ".spool/held", ".spool/cancel"
# From where to where bundles may be renamed.
MOVES = {
    STAGING: {"queued", "rejected"},
    "queued": {"running", "failed"},
    "running": {"done", "failed", "queued"},
    "done": {"done", TRASH},
    "failed": {"failed", TRASH, "queued"},
    "rejected": {"rejected", TRASH, "queued"},
}
# How long a job may be passed over, in seconds: the back-off of a held lock is doubled to 5.
PATIENCE = 6
# What happened so shortly before a claim, the worker may not know yet.
NEWS = 1
# A job that was recovered had ended a while before it came to its place.
LATENESS = 2.5
# Stamps are in nanoseconds, the kernel's clock for files goes in ticks.
EARLY = 0.02


@dataclasses.dataclass
class Event:
    time: float
    clock: float  # the wall's
    directory: str
    name: str
    mask: int
    cookie: int
    stamp: tuple = None  # (mtime, ctime) of a bundle that came to queued/; None: already gone


class Observer(threading.Thread):
    """Notes events while `with` lasts."""

    def __init__(self, spool, directories=(*STATES, HIDDEN, STAGING, TRASH, HELD, CANCEL)):
        super().__init__(daemon=True)
        self.root, self.notes, self.is_over = spool.root, [], threading.Event()
        self.events = Events(spool.root, [name for name in directories
                                          if (spool.root / name).is_dir()])

    def __enter__(self):
        self.first = {state: os.listdir(self.root / state) for state in STATES}
        self.stamps = {name: self.stamp(name) for name in self.first["queued"]}
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.events.close()

    def stop(self):
        """All that has happened until now is noted."""
        if not self.is_over.is_set():
            self.is_over.set()
            self.join()
            self.take()

    def run(self):
        while not self.is_over.is_set():
            if self.events.wait(0.05):
                self.take()

    def take(self):
        for directory, name, mask, cookie in self.events.read():
            event = Event(time.monotonic(), time.time(), directory, name, mask, cookie)
            if directory == "queued" and mask & MOVED_TO:
                event.stamp = self.stamp(name)
            self.notes.append(event)

    def stamp(self, name):
        try:
            status = os.stat(self.root / "queued" / name)
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns


@dataclasses.dataclass
class Move:
    """A rename, where its first event stands: it had happened by then."""
    time: float
    clock: float
    origin: str
    old: str
    target: str
    new: str
    stamp: int = None

    def __str__(self):
        return f"{self.origin}/{self.old} to {self.target}/{self.new}"


class Verdict:
    """What the notes of an observer say."""

    def __init__(self, observer, workers=1, maximum=None, times=None):
        """`times`: the seconds that what ended must stay, by state."""
        self.workers, self.maximum, self.times = workers, maximum, times or {}
        self.paused, self.ended, self.admitted, self.refused = None, {}, 0, 0
        self.cleaned = []
        self.problems, self.moves = [], []
        self.places, self.queue, self.stamps = {}, [], {}
        self.numbers = {}  # by job, those of its claims
        self.passed_over, self.news = {}, {}
        self.held, self.since = {}, {}
        self.most_live = self.claims = self.overtakings = self.most_overtaken = 0
        self.ends = {}  # job: the states where it ended, in order
        for state, names in observer.first.items():
            for name in names:
                self.places[job_of(state, name)] = state
        for job, stamp in observer.stamps.items():
            self.enter_queue(job, stamp and stamp[0])
            self.since[job] = 0
        for note in self.sorted(observer.notes):
            self.weigh(note)

    def sorted(self, notes):
        """Renames as one, with what else happened."""
        targets = {note.cookie: note for note in notes if note.mask & MOVED_TO and note.cookie}
        origins = {note.cookie for note in notes if note.mask & MOVED_FROM}
        last = {}
        for note in notes:
            if note.stamp:
                # Both saw the second one: the first had gone on already.
                if note.name in last and last[note.name].stamp == note.stamp:
                    last[note.name].stamp = None
                last[note.name] = note
        for note in notes:
            if note.mask & MOVED_FROM:
                target = targets.get(note.cookie)
                yield Move(note.time, note.clock, note.directory, note.name,
                           target and target.directory, target and target.name,
                           target and target.stamp and target.stamp[0])
            elif not (note.mask & MOVED_TO and note.cookie in origins):
                yield note

    def weigh(self, note):
        if isinstance(note, Move):
            self.moves.append(note)
            self.move(note)
        elif note.mask & OVERFLOW:
            self.problems.append("the observer itself lost events")
        elif note.directory in (HELD, CANCEL):
            self.order(note)
        elif note.directory == HIDDEN and note.name == "paused":
            self.paused = None if note.mask & REMOVED else note.time
        elif note.directory in STATES:
            self.problems.append(
                f"I1: {note.directory}/{note.name} came or went by no rename ({note.mask:#x})")

    def order(self, note):
        if note.mask & REMOVED:
            self.held.pop(note.name, None)
            self.news[note.name] = note.time
        else:
            self.held[note.name] = note.time

    def move(self, move):
        if move.origin not in MOVES:
            return self.order_moved(move)
        if move.target not in MOVES[move.origin]:
            self.problems.append(f"I1: {move}")
        if move.origin == "queued":
            self.leave_queue(move)
        job = move.origin in STATES and job_of(move.origin, move.old)
        if job and self.places.pop(job, None) != move.origin:
            self.problems.append(f"I1: {move}, but it did not stand there")
        ended = self.ended.pop(job, None)
        if move.target == TRASH:
            self.clean(move, ended)
        elif move.target == move.origin:
            self.ended[move.new] = ended
            self.numbers[move.new] = self.numbers.pop(job, set())
        if move.origin == STAGING:
            self.numbers.pop(move.new, None)
            self.admitted += move.target == "queued"
            self.refused += move.target == "rejected"
        if move.target in STATES:
            self.arrive(move)

    def clean(self, move, ended):
        self.cleaned.append(move.old)
        least = self.times.get(move.origin, 0) - LATENESS
        if ended is not None and move.time - ended < least:
            self.problems.append(f"I8: {move} after {move.time - ended:.1f} s")

    def order_moved(self, move):
        """A file on its way from another place of the spool."""
        if move.target in (HELD, CANCEL):
            self.held[move.new] = move.time
        if move.target == HIDDEN and move.new == "paused":
            self.paused = move.time

    def arrive(self, move):
        job = job_of(move.target, move.new)
        if job in self.places:
            self.problems.append(f"I1: {move}, but it stands in {self.places[job]} too")
        self.places[job] = move.target
        if move.target == "queued":
            self.enter_queue(job, move.stamp)
            self.since[job] = move.time
            if move.origin == "running":
                self.news[job] = move.time
            else:
                self.count(move)
        if move.target == "running":
            number = move.new.rpartition("@")[2]
            if number in self.numbers.setdefault(job, set()):
                self.problems.append(f"I4: a second claim is called {move.new}")
            self.numbers[job].add(number)
        if move.target in ("done", "failed", "rejected") and move.origin != move.target:
            self.ended[job] = move.time
            self.ends.setdefault(job, []).append(move.target)

    def enter_queue(self, job, stamp):
        self.stamps[job] = stamp
        if stamp:
            bisect.insort(self.queue, (stamp, job))

    def count(self, move):
        live = sum(state in ("queued", "running") for state in self.places.values())
        self.most_live = max(self.most_live, live)
        if self.maximum is not None and live > self.maximum:
            self.problems.append(f"I5: {move} makes {live} live jobs of {self.maximum}")

    def leave_queue(self, move):
        job = move.old
        stamp = self.stamps.pop(job, None)
        self.passed_over.pop(job, None)
        if stamp is None:
            return
        place = bisect.bisect_left(self.queue, (stamp, job))
        del self.queue[place]
        if move.target == "running":
            self.claims += 1
            self.judge_order(move, self.queue[:place], move.time - self.since[job])
            if stamp / 1e9 > move.clock + EARLY:
                self.problems.append(f"I6: {move} before it was due")

    def judge_order(self, move, older, age):
        if move.time - self.held.get(move.old, move.time) > NEWS:
            self.problems.append(f"I6: {move}, though it was held or cancelled")
        if self.paused is not None and move.time - self.paused > NEWS:
            self.problems.append(f"I6: {move} while the spool was paused")
        older = [job for _, job in older
                 if job not in self.held and move.time - self.news.get(job, -NEWS) >= NEWS]
        self.overtakings += len(older)
        self.most_overtaken = max(self.most_overtaken, len(older))
        if len(older) >= self.workers:
            ages = [f"{job}, there for {move.time - self.since[job]:.2f} s" for job in older[:9]]
            self.problems.append(f"I6: {move}, there for {age:.2f} s, passes over {ages}")
        for job in older:
            since = self.passed_over.setdefault(job, move.time)
            if move.time - since > PATIENCE:
                self.problems.append(f"I6: {move}, but {job} waits since {move.time - since:.1f} s")


def job_of(state, name):
    return name.rpartition("@")[0] if state == "running" else name
