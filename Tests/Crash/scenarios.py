"""The transitions of a job and of the spool, each as a small run that goes the same way each time.

A scenario prepares a spool with nobody in it, starts one role, acts while it runs and waits until
there is nothing more to do. Whatever happens to the role in between, each drop must end as `ends`
tells.
"""

import dataclasses
import os
import shutil
import signal

import tracing
from harness import Died, Failure, until, where

ALL = []


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One way through the program."""
    name: str
    command: tuple
    prepare: object  # of the spool, before the role starts
    act: object  # of the spool and the role, while it runs
    ends: dict  # a drop's name: where it may be in the end
    settings: dict
    in_place: bool  # prepared anew each time, because it hangs on inodes
    after: object  # of the spool, when the role is gone and before everything is brought to its end
    waits: bool  # a minute or more in each run, so that all of them wait together
    also: object  # of the spool, when all is at rest: what else is wrong, one sentence each


def scenario(*command, act=None, settings=None, in_place=False, after=None, waits=False,
             name=None, also=None, **ends):
    """Declares a scenario, which the decorated function prepares."""
    def declare(prepare):
        usual = {"watch": settle, "work": work_off, "run": run_off}.get(command[0], end)
        ALL.append(Scenario(
            name or prepare.__name__.replace("_", " "), command, prepare, act or usual,
            {drop: places.split() for drop, places in ends.items()}, settings or {}, in_place,
            after or (lambda spool: None), waits, also or (lambda spool: ())))
        return prepare
    return declare


# --- What a role does until it is at rest ----------------------------------------------------


def end(spool, role):
    """A command ends by itself."""
    if role.wait() != 0:
        raise Died(f"{role.name} ended with {role.process.returncode}: {role.printed()}")


def settle(spool, role):
    """A watcher: until the drops are taken and the views tell how things stand."""
    until(lambda: role.is_asleep and is_settled(spool), "the watcher's rest", role=role)


def work_off(spool, role):
    """A worker: until nothing is left that it may run."""
    until(lambda: role.is_asleep and is_worked_off(spool), "the worker's rest", role=role)


def run_off(spool, role):
    """All roles in one process: until every job has ended."""
    until(lambda: role.is_asleep and is_settled(spool) and is_worked_off(spool), "the rest of all",
          role=role)


def run_one(spool, role):
    """A worker: until it runs a job."""
    until(lambda: role.is_asleep and card(spool).get("state") == "busy", "a running job", role=role)


def stop(role):
    """Tells a role that has nothing to do to end."""
    until(lambda: role.is_asleep, f"{role.name} to sleep", role=role)
    if role.stop() != 0:
        raise Died(f"{role.name} ended with {role.process.returncode}: {role.printed()}")


def is_settled(spool):
    """Staging is empty, nothing stands at the door, and the views are as the directories are."""
    if spool.names(".spool/staging") or spool.names(".spool/inlet"):
        return False
    if any(path.is_file() for path in (spool.root / "incoming").rglob("*")):
        return False
    shown = {"queued": {"queued", "held", "throttled"}, "running": {"processing"},
             "done": {"completed"}, "failed": {"failed", "cancelled"}, "rejected": {"rejected"}}
    jobs = {}
    for state in shown:
        jobs.update({name.rsplit("@", 1)[0]: shown[state] for name in spool.names(state)})
    queue = spool.json("queue.json")
    return {name.removesuffix(".json") for name in spool.names("status")} == {*jobs, *batches(spool)} \
        and all(spool.status(job) in jobs[job] for job in jobs) \
        and queue is not None and queue["queue_size"] == live(spool)


def batches(spool):
    """The batches of which rows are kept."""
    places = (f"{state}/{name}" for state in ("queued", "running", "done", "failed", "rejected")
              for name in spool.names(state))
    records = (spool.json(f"{place}/status.json") for place in places)
    return {record["batch"] for record in records if record and record.get("batch")}


def is_worked_off(spool):
    free = set(spool.names("queued")) - set(spool.names(".spool/held"))
    return not free and not spool.names("running") and card(spool).get("state") == "idle"


def live(spool):
    return len(spool.names("queued")) + len(spool.names("running"))


def card(spool):
    return spool.json(".spool/workers/worker-1.json") or {}


def ends_problems(scenario, spool):
    """Drops that ended otherwise than the scenario says."""
    for drop in spool.drops:
        allowed = scenario.ends.get(drop.name)
        place = where(spool, drop)
        if allowed is not None and place not in allowed:
            yield f"'{drop.name}' is {place}, not {' or '.join(allowed)}"
    yield from scenario.also(spool)


# --- Preparations ----------------------------------------------------------------------------


def admit(spool):
    """Lets a watcher take what stands in incoming/."""
    watcher = spool.start("watch")
    settle(spool, watcher)
    stop(watcher)


def serve(spool, fast=True, between=lambda spool: None):
    """Lets a watcher and a worker bring every drop to its end, whatever happened before.

    `between`: called when the watcher has done its part.
    """
    watcher = spool.start("watch")
    settle(spool, watcher)
    between(spool)
    if fast:
        spool.let_go()
    worker = spool.start("work")
    until(lambda: worker.is_asleep and is_worked_off(spool) and watcher.is_asleep
          and is_settled(spool) and not ordered(spool), "all drops to end", role=worker)
    stop(worker)
    stop(watcher)


def ordered(spool):
    """The orders that are to be carried out."""
    return spool.names(".spool/cancel") + spool.names(".spool/retry")


def cut_off(spool, *command, call, path, number=1):
    """Runs a role until its `number`-th `call` on `path`; that one is not made any more."""
    log = spool.folder / "prepared.strace"
    kill = f"{call}:signal=KILL:when={number}"
    # A path is given as the program says it; a descriptor's by its name.
    paths = [path, spool.root / path]
    role = spool.start(*command, under=tracing.words(log, {call}, kill, paths),
                       environment=tracing.environment())
    if role.wait() != tracing.KILLED:
        raise Failure(f"{command} was not killed at {call} {path}: {role.printed()}")


def call_otherwise(spool, drop, name):
    """Gives the second drop of a name another one among ourselves."""
    spool.drops[spool.drops.index(drop)] = dataclasses.replace(drop, name=name)


# --- The spool itself ------------------------------------------------------------------------


@scenario("init", after=lambda spool: spool.run("init"))
def a_spool_is_made(spool):
    shutil.rmtree(spool.root)


@scenario("watch")
def a_checkout_is_completed(spool):
    """A repository has the states' directories alone."""
    shutil.rmtree(spool.root / ".spool")
    (spool.root / "status").rmdir()
    (spool.root / "spool.conf").unlink()


@scenario("watch")
def a_watcher_starts_on_an_empty_spool(spool):
    pass


@scenario("station", "add", "kiosk")
def a_station_is_declared(spool):
    pass


@scenario("station", "add", "kiosk", "--concurrent", "1", "--jobs-per-min", "5")
def a_station_gets_other_limits(spool):
    spool.run("station", "add", "kiosk", "--concurrent", "2")


@scenario("watch", a="done")
def a_drop_box_is_missing(spool):
    spool.run("station", "add", "kiosk")
    os.rmdir(spool.root / "incoming/kiosk")
    spool.drop("a")


def repair(spool):
    spool.run("verify", "--repair")


@scenario("verify", "--repair", after=repair, a="done", b="done")
def a_spool_is_repaired(spool):
    """A lease is missing, and a job has lost its place."""
    spool.drop("a")
    admit(spool)
    spool.drop("b")
    admit(spool)
    (spool.root / "queued/a/lease").unlink()
    os.utime(spool.root / "queued/b", (1, 1))


# --- The door --------------------------------------------------------------------------------


@scenario("watch", a="done")
def a_pair_is_admitted(spool):
    spool.drop("a")


@scenario("watch", a="done")
def a_folder_is_admitted(spool):
    spool.drop_folder("a")


@scenario("watch", a="done", b="done", c="rejected")
def three_drops_share_their_flushes(spool):
    spool.drop("a")
    spool.drop_folder("b")
    spool.drop("c", "")


@scenario("watch", a="done")
def a_drop_of_a_station_is_admitted(spool):
    spool.run("station", "add", "kiosk")
    spool.drop("a", box="incoming/kiosk")


ROWS = {"a-0001": "done", "a-0002": "done"}


@scenario("watch", **ROWS)
def a_batch_is_admitted(spool):
    spool.drop_batch("a", "copy", "copy")


@scenario("watch", **{"a.csv": "rejected"})
def a_batch_is_refused(spool):
    spool.drop_batch("a", "copy", "", is_good=False)


@scenario("watch", **ROWS, **{"b-0001": "done", "b-0002": "done"})
def a_batch_gives_its_names_away(spool):
    """The second batch of a name finds the rows of the first one ended."""
    spool.drop_batch("a", "copy", "copy")
    serve(spool)
    for drop, name in zip(spool.drop_batch("a", "copy", "copy"), ("b-0001", "b-0002")):
        call_otherwise(spool, drop, name)


def drop_at_once(spool, role):
    """All events of a drop are there when the watcher wakes."""
    until(lambda: role.is_asleep and is_settled(spool), "the watcher's start", role=role)
    role.signal(signal.SIGSTOP)
    spool.drop("a")
    role.signal(signal.SIGCONT)
    settle(spool, role)


@scenario("watch", act=drop_at_once, a="done")
def an_event_tells_of_a_drop(spool):
    pass


def overflow(spool, role):
    """More events than the kernel keeps for a watcher that does not read them."""
    until(lambda: role.is_asleep and is_settled(spool), "the watcher's start", role=role)
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        number = int(file.read())
    role.signal(signal.SIGSTOP)
    for _ in range(number // 2 + 1):
        os.close(os.open(spool.root / "incoming/x.tmp", os.O_CREAT | os.O_RDONLY))
        os.unlink(spool.root / "incoming/x.tmp")
    spool.drop("a")
    role.signal(signal.SIGCONT)
    settle(spool, role)


@scenario("watch", act=overflow, a="done", b="done")
def events_are_lost(spool):
    spool.drop("b")
    serve(spool)


@scenario("watch", a="rejected")
def a_pair_is_refused(spool):
    spool.drop("a", "")


@scenario("watch", a="rejected")
def a_folder_is_refused(spool):
    spool.drop_folder("a", "")


@scenario("watch", a="done", b="rejected", settings={"MAX_INFLIGHT_JOBS": "1"})
def the_queue_is_full(spool):
    spool.drop("a")
    admit(spool)
    spool.drop("b")


@scenario("watch", a="done", b="done")
def a_finished_job_gives_its_name_away(spool):
    spool.drop("a")
    serve(spool)
    call_otherwise(spool, spool.drop("a"), "b")


@scenario("watch", a="rejected", b="done")
def a_refused_drop_gives_its_name_away(spool):
    spool.drop("a", "")
    serve(spool)
    call_otherwise(spool, spool.drop("a"), "b")


@scenario("watch", a="done", b="done")
def a_live_job_keeps_its_name(spool):
    spool.drop("a")
    admit(spool)
    call_otherwise(spool, spool.drop("a"), "b")


@scenario("watch", a="gone")
def an_old_view_is_left(spool):
    spool.drop("a", "")
    serve(spool)
    clean(spool)


# --- Staging after a crash -------------------------------------------------------------------


def staged(name, call, path, ends="done", drop=lambda spool: spool.drop("a")):
    """Declares the recovery of a drop whose admission was cut off before `call`."""
    def prepare(spool):
        drop(spool)
        cut_off(spool, "watch", call=call, path=path)
    scenario("watch", a=ends, in_place=True, name=f"staging goes on {name}")(prepare)


def refused(spool):
    return spool.drop("a", "")


staged("before the intention", "openat2", ".spool/staging/a/.members")
staged("with half an intention", "write", ".spool/staging/a/.members")
staged("before the first member", "renameat2", ".spool/staging/a/request.json")
staged("between the members", "renameat2", ".spool/staging/a/a.png")
staged("before the record", "renameat", ".spool/staging/a/status.json")
staged("before the end of the intention", "unlinkat", ".spool/staging/a/.members")
staged("before the last rename", "renameat2", "queued/a")
staged("of a folder between the members", "renameat2", ".spool/staging/a/a.png",
       drop=lambda spool: spool.drop_folder("a"))
staged("of a refusal between the members", "renameat2", ".spool/staging/a/a.png", "rejected",
       refused)
staged("of a refusal before its reason", "write", ".spool/staging/a/reason.json", "rejected",
       refused)
staged("of a refusal before the last rename", "renameat2", "rejected/a", "rejected", refused)


def staged_batch(name, call, path):
    """Declares the recovery of a batch whose admission was cut off before `call`."""
    def prepare(spool):
        spool.drop_batch("a", "copy", "copy")
        cut_off(spool, "watch", call=call, path=path)
    scenario("watch", **ROWS, in_place=True, name=f"staging of a batch goes on {name}")(prepare)


staged_batch("between the members", "renameat2", ".spool/staging/a.csv/a 1.png")
staged_batch("with half of its rows", "mkdirat", ".spool/staging/a.csv/.rows/a-0002")
staged_batch("before all rows are there", "openat2", ".spool/staging/a.csv/.expanded")
staged_batch("before the first row is admitted", "renameat2", "queued/a-0001")
staged_batch("between its rows", "renameat2", "queued/a-0002")
staged_batch("before it is put away", "renameat2", ".spool/staging/a.csv")


@scenario("watch", a="rejected", in_place=True)
def staging_goes_on_without_a_member_that_was_taken_away(spool):
    drop = spool.drop("a")
    cut_off(spool, "watch", call="renameat2", path=".spool/staging/a/a.png")
    (spool.root / "incoming/a.png").unlink()
    spool.drops = [dataclasses.replace(drop, files=drop.files[:1])]


@scenario("watch", a="done", b="done", in_place=True)
def staging_goes_on_with_a_newcomer_of_the_name(spool):
    """Moved back, the older drop would meet the newer one's files."""
    spool.drop("a")
    cut_off(spool, "watch", call="renameat", path=".spool/staging/a/status.json")
    call_otherwise(spool, spool.drop("a"), "b")


# --- A worker --------------------------------------------------------------------------------


@scenario("work", a="done")
def a_job_completes(spool):
    spool.drop("a")
    admit(spool)


@scenario("work", a="done", b="failed", c="done")
def jobs_follow_each_other(spool):
    for name, instruction in (("a", "copy"), ("b", "fail"), ("c", "copy")):
        spool.drop(name, instruction)
        admit(spool)


@scenario("work", a="done", b="done")
def jobs_of_a_station_share_a_slot(spool):
    """A killed worker's slot is free for the next one."""
    spool.run("station", "add", "kiosk", "--concurrent", "1")
    for name in ("a", "b"):
        spool.drop(name, box="incoming/kiosk")
        admit(spool)


@scenario("work", settings={"ORDER": "fair"}, a="done", b="done", c="done")
def senders_are_served_by_turns(spool):
    """A killed worker's turn is noted or not, and the right to choose is free for the next one."""
    for station in ("kiosk", "desk"):
        spool.run("station", "add", station)
    for name, station in (("a", "kiosk"), ("b", "kiosk"), ("c", "desk")):
        spool.drop(name, box=f"incoming/{station}")
        admit(spool)


@scenario("work", a="failed")
def a_job_fails(spool):
    spool.drop("a", "fail")
    admit(spool)


@scenario("work", "--grace", "0", act=run_one, a="done")
def a_job_is_given_back(spool):
    spool.drop("a", "slow")
    admit(spool)


@scenario("work", settings={"JOB_RETRY_DELAY_SECONDS": "0.05"}, a="done failed")
def a_pipeline_dies(spool):
    spool.drop("a", "die")
    admit(spool)


@scenario("run", a="done")
def one_process_does_everything(spool):
    spool.drop("a")


@scenario("run", settings={"REJECTED_TTL_SECONDS": "0"}, after=lambda spool: spool.run("clean"),
          a="done", c="gone")
def one_process_finds_everything(spool):
    """A job, a claim that was cut off, and one to be cleaned up."""
    spool.removed = {spool.drop("c", "")}
    serve(spool)
    spool.drop("a")
    admit(spool)
    cut_off(spool, "work", call="fsync", path="running/a@1")


# --- Claims of dead workers ------------------------------------------------------------------


def claimed(name, call, path, ends="done", number=1, instruction="copy", settings=None):
    """Declares the recovery of a claim whose worker died before `call`."""
    def prepare(spool):
        spool.drop("a", instruction)
        admit(spool)
        cut_off(spool, "work", call=call, path=path, number=number)
    scenario("watch", a=ends, settings=settings, name=f"recovery of a claim {name}")(prepare)


claimed("without a record", "fsync", "running")
claimed("with a record", "fsync", "running/a@1")
claimed("with an output", "renameat2", "running/a@1/out.1.part")
claimed("with a result that no record tells of", "renameat", "running/a@1/status.1.tmp", number=2)
claimed("that was completed", "renameat2", "done/a")
claimed("that had failed", "renameat2", "failed/a", "failed", instruction="fail")
claimed("whose attempts are used up", "fsync", "running/a@1", "failed",
        settings={"MAX_ATTEMPTS": "1"})


@scenario("watch", a="done")
def recovery_of_a_claim_that_was_being_given_back(spool):
    spool.drop("a", "slow")
    admit(spool)
    worker = spool.start("work", "--grace", "0")
    until(lambda: worker.is_asleep and card(spool).get("state") == "busy", "a job", role=worker)
    # As far as the record: the bundle still stands in running/.
    record = spool.root / "running/a@1/status.json"
    before = record.read_bytes()
    worker.kill()
    record.write_bytes(before.replace(b'"processing"', b'"queued"'))


# --- Orders ----------------------------------------------------------------------------------


def queued_with(spool, order, **settings):
    """A queued job, and an order for it at the door."""
    spool.settings.update(settings)
    spool.drop("a")
    admit(spool)
    spool.control(f"a.{order}")


@scenario("watch", a="failed")
def a_queued_job_is_cancelled(spool):
    queued_with(spool, "cancel")


@scenario("watch", a="failed")
def a_queued_job_of_a_station_is_cancelled(spool):
    spool.run("station", "add", "kiosk")
    spool.drop("a", box="incoming/kiosk")
    admit(spool)
    spool.control("a.cancel", box="incoming/kiosk")


@scenario("watch", a="failed")
def a_cancellation_that_was_cut_off_goes_on(spool):
    queued_with(spool, "cancel")
    cut_off(spool, "watch", call="renameat2", path="failed/a")


@scenario("watch", a="failed")
def an_order_is_given_twice(spool):
    queued_with(spool, "cancel")
    cut_off(spool, "watch", call="unlinkat", path="a.cancel")


@scenario("watch", a="queued")
def a_job_is_held(spool):
    queued_with(spool, "hold")


@scenario("watch", a="done")
def a_job_is_released(spool):
    queued_with(spool, "hold")
    admit(spool)
    spool.control("a.release", box=".spool/inlet")


@scenario("watch", a="failed")
def a_held_job_is_cancelled(spool):
    queued_with(spool, "hold")
    admit(spool)
    spool.control("a.cancel")


@scenario("work", a="queued", b="done")
def a_held_job_is_passed_over(spool):
    queued_with(spool, "hold")
    admit(spool)
    spool.drop("b")
    admit(spool)


def dead_letter(spool):
    spool.settings["MAX_ATTEMPTS"] = "1"
    spool.drop("a", "again")
    serve(spool, fast=False)


@scenario("watch", a="done")
def a_failed_job_is_retried(spool):
    dead_letter(spool)
    spool.control("a.retry")


@scenario("watch", a="done")
def a_retry_that_was_cut_off_goes_on(spool):
    dead_letter(spool)
    spool.control("a.retry")
    cut_off(spool, "watch", call="renameat2", path="queued/a")


def refused_for_want_of_room(spool):
    spool.settings["MAX_INFLIGHT_JOBS"] = "1"
    for name in ("a", "b"):
        spool.drop(name)
        admit(spool)


@scenario("watch", a="done", b="done")
def a_refused_drop_is_retried(spool):
    refused_for_want_of_room(spool)
    serve(spool)
    spool.control("b.retry")


@scenario("watch", settings={"MAX_INFLIGHT_JOBS": "1"}, a="done", b="done")
def a_retry_waits_for_room(spool):
    refused_for_want_of_room(spool)
    spool.control("b.retry")


@scenario("watch", a="rejected")
def a_retry_is_refused(spool):
    spool.drop("a", "")
    serve(spool)
    spool.control("a.retry")


@scenario("watch", a="done")
def an_old_order_does_not_hit_a_newcomer(spool):
    (spool.root / ".spool/cancel/a").touch(0o600)
    spool.drop("a")


def forget(spool, role):
    """A watcher: until it has given up waiting for a worker."""
    until(lambda: role.is_asleep and spool.names("failed") and is_settled(spool),
          "the end of a job that nobody takes", role=role)


@scenario("watch", act=forget, settings={"JOB_PENDING_TIMEOUT_SECONDS": "0.05"}, a="failed done")
def nobody_takes_a_job(spool):
    spool.drop("a")
    admit(spool)


def cancel(spool, role):
    """A worker whose job is cancelled while it runs."""
    run_one(spool, role)
    watcher = spool.start("watch")
    try:
        spool.control("a.cancel")
        until(lambda: role.is_asleep and is_worked_off(spool) and watcher.is_asleep
              and is_settled(spool) and not ordered(spool), "the end of a job", role=role)
    finally:
        watcher.stop()


@scenario("work", act=cancel, a="failed done")
def a_running_job_is_cancelled(spool):
    spool.drop("a", "slow")
    admit(spool)


@scenario("watch", a="failed")
def the_claim_of_a_dead_worker_is_cancelled(spool):
    spool.drop("a")
    admit(spool)
    cut_off(spool, "work", call="fsync", path="running/a@1")
    spool.control("a.cancel")


@scenario("work", settings={"JOB_RETRY_DELAY_SECONDS": "0.05"}, a="done failed")
def a_job_is_tried_three_times(spool):
    spool.drop("a", "again")
    admit(spool)


def kill_stuck(spool, role):
    """A watcher that kills the worker which holds its job too long, and takes the job back."""
    until(lambda: role.is_asleep and is_settled(spool), "the watcher's start", role=role)
    role.signal(signal.SIGSTOP)
    worker = spool.start("work", "--name", "stuck")
    card = ".spool/workers/stuck.json"
    until(lambda: (spool.json(card) or {}).get("state") == "busy" and worker.is_asleep, "a job", 60)
    worker.signal(signal.SIGSTOP)
    role.signal(signal.SIGCONT)
    wait_for_kill(spool, role, worker)


def wait_for_kill(spool, role, worker):
    until(lambda: worker.is_over, "the end of a stuck worker", 150, role)
    until(lambda: role.is_asleep and spool.names("queued") and is_settled(spool), "its job in the queue",
          role=role)


def kill_stuck_again(spool):
    """What the next watcher does, where the last one did not come to it."""
    for worker in spool.roles:
        if worker.name == "work" and not worker.is_over:
            watcher = spool.start("watch")
            wait_for_kill(spool, watcher, worker)
            stop(watcher)


@scenario("watch", act=kill_stuck, after=kill_stuck_again, waits=True, a="done",
          settings={"JOB_TIMEOUT_SECONDS": "1", "JOB_RETRY_SCAN_SECONDS": "62"})
def a_stuck_worker_is_killed(spool):
    spool.drop("a", "slow")
    admit(spool)


def resume(spool):
    spool.run("resume")


@scenario("pause", after=resume, a="done")
def workers_are_paused(spool):
    spool.drop("a")


@scenario("drain", after=resume, a="done")
def the_door_is_closed(spool):
    spool.drop("a")


@scenario("resume", after=resume, a="done")
def pause_and_drain_end(spool):
    spool.drop("a")
    spool.run("pause")
    spool.run("drain")


# --- Cleanup ---------------------------------------------------------------------------------

EXPIRED = {name: "0" for name in
           ("RESULT_TTL_SECONDS", "FAILED_TTL_SECONDS", "REJECTED_TTL_SECONDS")}


def clean(spool):
    """Lets cleanup take every job that has ended."""
    before, spool.settings = spool.settings, {**spool.settings, **EXPIRED}
    spool.run("clean")
    spool.settings = before
    spool.removed = set(spool.drops)


def three_ends(spool):
    for name, instruction in (("a", "copy"), ("b", "fail"), ("c", "")):
        spool.drop(name, instruction)
    serve(spool)
    spool.removed = set(spool.drops)


@scenario("clean", settings=EXPIRED, after=clean, a="gone", b="gone", c="gone")
def finished_jobs_are_cleaned_up(spool):
    three_ends(spool)


@scenario("clean", settings=EXPIRED, after=clean, a="gone", b="gone", c="gone")
def trash_that_is_not_counted_is_emptied(spool):
    three_ends(spool)
    spool.settings.update(EXPIRED)
    cut_off(spool, "clean", call="renameat", path=".spool/totals")


@scenario("clean", settings=EXPIRED, after=clean, a="gone", b="gone", c="gone")
def trash_that_is_counted_is_emptied(spool):
    three_ends(spool)
    spool.settings.update(EXPIRED)
    cut_off(spool, "clean", call="fsync", path=".spool")


@scenario("clean", settings=EXPIRED, a="done", b="done")
def cleanup_leaves_a_job_that_waits_for_its_retry(spool):
    refused_for_want_of_room(spool)
    spool.control("b.retry")
    admit(spool)


@scenario("clean", settings={"MAX_REJECTED_BYTES": "0"}, after=lambda spool: spool.run("clean"),
          a="done", b="gone")
def refused_drops_above_their_bytes_are_cleaned_up(spool):
    spool.drop("a")
    spool.removed = {spool.drop("b", "")}
    serve(spool)
