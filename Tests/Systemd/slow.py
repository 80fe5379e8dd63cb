"""What takes a minute or more, all at the same time, each with a worker of its own: all begin, the
last one first, for without the first the others cannot, and then end in their order.
"""

from box import CLEAN, TIMER, WATCH, WATCHDOG, worker
from cases import Case, expect
from harness import until

ALL = []
# TimeoutStopSec of the worker's unit is less.
LONG = 55
# That are started for this.
WORKERS = 5
# Ten starts, with the waits between them.
CRASHES = 300


def slow(name):
    """A generator: what is before `yield` begins it."""
    def add(run):
        ALL.append(Case(name, run))
        return run
    return add


def running(box, job):
    """A worker's unit that runs a job which waits."""
    box.drop(job, f"wait {job}")
    return worker(box.worker_of(job))


def restarts(box, unit):
    return int(box.machine.show(unit, "NRestarts"))


def wait_for_watchdog(box, unit, before):
    until(lambda: restarts(box, unit) > before, f"the watchdog to restart {unit}", WATCHDOG)
    expect(any("Watchdog timeout" in text for text in box.machine.messages(
        "_PID=1", f"UNIT={unit}")), f"{unit} was restarted for another reason")


@slow("kill -STOP of the door: the watchdog restarts it, and what was dropped meanwhile is taken")
def stopped_watch(box):
    before = restarts(box, WATCH)
    box.machine.kill("STOP", box.machine.pid(WATCH))
    box.drop("late")
    yield
    wait_for_watchdog(box, WATCH, before)
    box.wait("late", "completed")
    box.check_once("late", attempts=1)


def runs_again(box, unit, before, job):
    """The watchdog restarts a worker; its job is done then, once."""
    wait_for_watchdog(box, unit, before)
    box.go(job)
    box.wait(job, "completed")
    box.check_once(job, attempts=2)


@slow("kill -STOP of a worker at work: the watchdog restarts it, and the job is done once")
def stopped_worker(box):
    unit = running(box, "frozen")
    before = restarts(box, unit)
    box.machine.kill("STOP", box.machine.pid(unit))
    yield
    runs_again(box, unit, before, "frozen")


@slow("kill -STOP of a pipeline at work: the watchdog restarts its worker, the job is done once")
def stopped_pipeline(box):
    unit = running(box, "mute")
    before = restarts(box, unit)
    pid = box.machine.pid(unit)
    child = box.machine.run("cat", f"/proc/{pid}/task/{pid}/children")
    box.machine.kill("STOP", child)
    yield
    runs_again(box, unit, before, "mute")


@slow("workers that are idle, or busy for long with a pipeline that lives, are left alone")
def busy(box):
    unit = running(box, "long")
    before = restarts(box, unit)
    yield
    box.go("long")
    box.wait("long", "completed")
    expect(restarts(box, unit) == before, f"{unit} was restarted")
    # The two above and no other: one had nothing to do all the time.
    counts = [restarts(box, worker(number)) for number in range(WORKERS)]
    expect(sum(counts) == 2, f"the workers were restarted {counts} times")
    box.check_once("long", attempts=1)


@slow("a job may take its grace although TimeoutStopSec is less")
def long_grace(box):
    unit = running(box, "patient")
    box.machine.systemctl("stop", "--no-block", unit)
    until(lambda: box.machine.show(unit, "ActiveState") == "deactivating", "the stop")
    since = int(box.machine.show(unit, "ActiveExitTimestampMonotonic"))
    yield

    def is_late():
        now = float(box.machine.run("cat", "/proc/uptime").split()[0]) * 1e6
        return now - since > LONG * 1e6
    until(is_late, "more than TimeoutStopSec to pass", LONG * 2)
    expect(box.machine.show(unit, "ActiveState") == "deactivating", "it is gone")
    box.go("patient")
    box.wait("patient", "completed")
    until(lambda: box.machine.show(unit, "ActiveState") == "inactive", "its end")
    box.check_once("patient", attempts=1)


@slow("who falls again and again is restarted later and later, and reported in the end")
def crashing(box):
    unit = worker(9)
    box.machine.shell(
        'mkdir -p "/run/systemd/system/$1.d"; printf "[Service]\\nEnvironment=%s\\n"'
        ' "\\"GPUSPOOL_PIPELINE=exec false\\"" >"/run/systemd/system/$1.d/test.conf"', unit)
    box.machine.systemctl("daemon-reload")
    box.machine.systemctl("start", unit, codes=(0, 1))
    yield
    until(lambda: box.machine.show(unit, "ActiveState") == "failed", "its failure", CRASHES)
    until(lambda: any(f"{unit} has failed" in text
                      for text in box.machine.messages("-p", "crit")), "the report")
    falls = [int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in box.machine.journal(
        "_PID=1", f"UNIT={unit}") if entry["MESSAGE"].startswith(f"{unit}: Main process exited")]
    waits = [after - before for before, after in zip(falls, falls[1:])]
    expect(len(falls) == 10, f"it fell {len(falls)} times")
    expect(waits[-1] > 20 > waits[1], f"waits of {waits}")


@slow("the timer cleans")
def timer(box):
    expect(box.machine.is_active(TIMER), "the timer is not active")
    box.settings(**box.common, FAILED_TTL_SECONDS=1)
    box.drop("expired", "tell nothing")
    box.wait("expired", "failed")
    yield
    until(lambda: not (box.spool / "failed/expired").exists(), "the timer", 400)
    until(lambda: not box.machine.is_active(CLEAN), "cleanup to end")
    expect(box.machine.show(CLEAN, "Result") == "success", "cleanup did not end well")
    until(lambda: not box.view("expired"), "the view to go")
    expect(box.view("long")["status"] == "completed", "it removed too much")
