"""What the installed units must do, in the order in which it is tried out."""

import dataclasses
import json
import re
import subprocess
import threading
import typing

import harness
from box import CLEAN, PROGRAM, SPOOL, TIMER, UNITS, WATCH, worker
from harness import Failure, until

ALL = []
# Thresholds of `systemd-analyze security`, in tenths.
EXPOSURES = {"gpuspool-watch.service": 15, "gpuspool-clean.service": 15,
             "gpuspool-worker@.service": 40}
LEASE, FOWNER = 1 << 28, 1 << 3


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: typing.Callable


def case(name):
    def add(run):
        ALL.append(Case(name, run))
        return run
    return add


def expect(truth, what):
    if not truth:
        raise Failure(what)


# --- The files ---------------------------------------------------------------------------------


@case("systemd-analyze verify has nothing to say")
def verify(box):
    names = [path.name.replace("@.", "@0.") for path in sorted(UNITS.iterdir())
             if path.suffix in (".service", ".timer", ".target")]
    expect(len(names) >= 6, f"only {names}")
    done = box.machine.execute("systemd-analyze", "verify", "--man=no", *names)
    expect(done.returncode == 0 and not done.stderr and not done.stdout,
           f"{done.returncode}: {done.stderr}{done.stdout}")


@case("systemd-analyze security is content")
def security(box):
    for name, limit in EXPOSURES.items():
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", f"--threshold={limit}",
             UNITS / name], capture_output=True, text=True)
        found = re.search(r"Overall exposure level for \S+: (\S+)", done.stdout)
        expect(found and done.returncode == 0, f"{name}: {done.stdout[-300:]}{done.stderr}")
        print(f"exposure of {name}: {found[1]}")


@case("enable --now gpuspool.target runs the door, a worker and the timer")
def enable(box):
    box.machine.systemctl("enable", "--now", "gpuspool.target")
    for unit in (WATCH, worker(0), TIMER, "gpuspool.target"):
        box.wait_active(unit)
        expect(box.machine.systemctl("is-enabled", unit) == "enabled", f"{unit} is not enabled")
    until(lambda: box.queue()["workers"], "the watcher to see the worker")
    until(lambda: box.machine.show(WATCH, "StatusText") == "Idle", "the door to be idle")
    until(lambda: box.machine.show(worker(0), "StatusText") == "Idle; model rules", "the worker")


@case("a photo of another user comes back edited, and nobody else could read the drop")
def edit(box):
    kept = f"{SPOOL}/incoming/kept.part"
    box.machine.run("cp", "/run/share/probe.py", kept, user="kiosk")
    for user, codes in (("gpuspool", (0,)), ("daemon", (1,))):
        box.machine.run("cat", kept, user=user, codes=codes)
    box.machine.run("rm", kept, codes=(1,), user="daemon")
    box.machine.run("rm", kept, user="kiosk")
    box.drop("IMG_0001", "rotate 90", side=128)
    view = box.wait("IMG_0001", "completed")
    result = f"{SPOOL}/done/IMG_0001/{view['result_path']}"
    said = box.machine.run("cat", result, user="kiosk", text=False)
    expect(said.startswith(b"\x89PNG"), "the sender cannot read the result")
    for place in (f"{SPOOL}/.spool", f"{SPOOL}/queued", f"{SPOOL}/running"):
        done = box.machine.execute("ls", place, user="kiosk")
        expect(done.returncode != 0, f"everybody may look into {place}")


@case("journalctl GPUSPOOL_JOB= tells a job's whole story, of all who had a part in it")
def story(box):
    entries = box.machine.journal("GPUSPOOL_JOB=IMG_0001")
    said = " / ".join(entry["MESSAGE"] for entry in entries)
    expect(re.search(r"submitted.* / .*Processing.* / .*completed", said), said)
    units = [entry["_SYSTEMD_UNIT"] for entry in entries]
    expect(set(units) == {WATCH, worker(0)}, units)
    expect(any(entry.get("GPUSPOOL_EVENT") for entry in entries), "no entry has an event")


# --- From here on with a pipeline that waits ----------------------------------------------------


@case("reload changes the maximum, and what cannot be used changes nothing")
def reload(box):
    pid = box.machine.pid(WATCH)
    box.settings(**{**box.common, "MAX_INFLIGHT_JOBS": 17})
    box.machine.systemctl("reload", WATCH)
    until(lambda: box.queue()["max_queue_size"] == 17, "the new maximum")
    box.settings(**{**box.common, "MAX_INFLIGHT_JOBS": "many"})
    box.machine.systemctl("reload", WATCH)
    until(lambda: any("The settings stay as they were" in text
                      for text in box.machine.messages("-u", WATCH)), "the complaint")
    expect(box.queue()["max_queue_size"] == 17, "it was changed")
    box.settings(**box.common)
    box.reload(WATCH, worker(0))
    until(lambda: box.queue()["max_queue_size"] != 17, "the old maximum")
    expect(box.machine.pid(WATCH) == pid, "it was restarted")
    box.wait_active(WATCH, worker(0))


@case("two GPUs are worker@0 and worker@1, at the same time, each with its own")
def two(box):
    box.machine.systemctl("enable", "--now", worker(1))
    for name in ("left", "right"):
        box.drop(name, f"wait {name}")
    instances = {box.worker_of(name) for name in ("left", "right")}
    expect(instances == {"0", "1"}, f"they run on {instances}")
    text = until(lambda: "step 1/2" in (said := box.machine.show(WATCH, "StatusText")) and said,
                 "the steps in the status")
    expect(re.fullmatch(r"0 queued, 2 running: (left|right) step 1/2, (left|right) step 1/2", text),
           text)
    for name in ("left", "right"):
        box.go(name)
        box.wait(name, "completed")
    # Who has nothing else to do says what its GPU is.
    box.drop("hold-a", "wait hold-a")
    first = box.worker_of("hold-a")
    other = check_device(box, "device-a", first)
    box.drop("hold-b", "wait hold-b")
    expect(box.worker_of("hold-b") == other, "it runs elsewhere")
    box.go("hold-a")
    box.wait("hold-a", "completed")
    check_device(box, "device-b", other)
    box.go("hold-b")
    box.wait("hold-b", "completed")


def check_device(box, job, busy):
    """The worker that is not the busy one has its own GPU; its instance."""
    free = {"0": "1", "1": "0"}[busy]
    box.drop(job, "tell CUDA_VISIBLE_DEVICES")
    error = box.wait(job, "failed")["error"]
    expect(error == free, f"the worker that is not {busy} has GPU '{error}'")
    return free


def wait_for_restart(box, unit, pid):
    until(lambda: box.machine.pid(unit) not in (0, pid), f"another process of {unit}")
    box.wait_active(unit)
    begin, end = (int(box.machine.show(unit, f"Active{change}TimestampMonotonic"))
                  for change in ("Exit", "Enter"))
    print(f"restart after kill -9, {unit}: {(end - begin) / 1e6:.2f} s")


@case("kill -9 of the door: it is back, and what was dropped meanwhile is taken")
def kill_watch(box):
    # Starts by hand are no reason to wait.
    for _ in range(3):
        box.machine.systemctl("restart", WATCH)
        box.wait_active(WATCH)
    pid = box.machine.pid(WATCH)
    box.machine.kill("KILL", pid)
    box.drop("meanwhile")
    wait_for_restart(box, WATCH, pid)
    starts = box.machine.shell("wc -l </run/gpuspool-watch/starts")
    expect(starts == "2", f"{starts} starts count for its back-off")
    box.wait("meanwhile", "completed")
    box.check_once("meanwhile", attempts=1)


@case("kill -9 of a worker at work: it is back, and the job is done once")
def kill_worker(box):
    box.drop("killed", "wait killed")
    unit = worker(box.worker_of("killed"))
    pid = box.machine.pid(unit)
    box.machine.kill("KILL", pid)
    wait_for_restart(box, unit, pid)
    box.go("killed")
    box.wait("killed", "completed")
    box.check_once("killed", attempts=2)


@case("stop during a job: it may end within the grace")
def stop_within(box):
    box.drop("graceful", "wait graceful")
    unit = worker(box.worker_of("graceful"))
    box.machine.systemctl("stop", "--no-block", unit)
    until(lambda: box.machine.show(unit, "ActiveState") == "deactivating", "the stop")
    box.go("graceful")
    box.wait("graceful", "completed")
    until(lambda: box.machine.show(unit, "ActiveState") == "inactive", "its end")
    expect(box.machine.show(unit, "Result") == "success", "it did not end well")
    box.check_once("graceful", attempts=1)
    box.machine.systemctl("start", unit)


@case("stop during a job that outlasts the grace: it is given back to its place")
def stop_beyond(box):
    box.settings(**{**box.common, "GRACE_SECONDS": 1})
    box.reload(worker(0), worker(1))
    box.drop("returned", "wait returned")
    unit = worker(box.worker_of("returned"))
    # The other one must not take it up.
    box.machine.run(PROGRAM, "--spool", SPOOL, "pause", user="gpuspool")
    box.machine.systemctl("stop", unit)
    expect(box.machine.show(unit, "Result") == "success", "it did not end well")
    box.wait("returned", "queued")
    record = json.loads((box.spool / "queued/returned/status.json").read_bytes())
    expect(record["attempts"] == 0, f"{record['attempts']} attempts")
    box.machine.run(PROGRAM, "--spool", SPOOL, "resume", user="gpuspool")
    box.settings(**box.common)
    # The other one has the short grace, too.
    box.reload(worker({worker(0): 1, worker(1): 0}[unit]))
    box.machine.systemctl("start", unit)
    box.go("returned")
    box.wait("returned", "completed")
    box.check_once("returned", attempts=1)


# --- The sandbox --------------------------------------------------------------------------------


def probe(box, name):
    """What a program may do in place of this unit's."""
    text = (UNITS / name).read_text().replace("%i", "0")
    gone = r"^(Exec\w+|Type|Restart|WatchdogSec|OnFailure|RuntimeDirectory\w*)=.*\n"
    text = re.sub(gone, "", text, flags=re.M)
    path = f"{SPOOL}/probe.json"
    text = text.replace("[Service]\n", "[Service]\nType=oneshot\n"
                        f"ExecStart=/usr/bin/python3 /run/share/probe.py {path}\n")
    unit = name.split(".")[0].strip("@") + "-probe.service"
    box.machine.path(f"/run/systemd/system/{unit}").write_text(text)
    box.machine.systemctl("daemon-reload")
    box.machine.systemctl("start", unit)
    found = json.loads(box.machine.path(path).read_bytes())
    box.machine.run("rm", path)
    box.probes[name] = found
    return found


def check_sandbox(box, found, capabilities):
    expect(found["write"][SPOOL] == "done", "it cannot write to its spool")
    for place in ("/opt/open", "/etc", "/usr/local/bin", "/var/lib", "/run", "/home/kiosk"):
        expect(found["write"][place] in ("EROFS", "EACCES", "ENOENT"),
               f"{place}: {found['write'][place]}")
    # Everybody may write there, but for the sandbox.
    expect(found["write"]["/opt/open"] == "EROFS", found["write"]["/opt/open"])
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        left = box.machine.path(place) / "gpuspool-probe"
        expect(not left.exists(), f"it wrote to {place}")
    for what in ("mount", "namespace", "root", "chown", "packets"):
        expect(found[what] != "done", f"{what} is allowed")
    expect(int(found["capabilities"], 16) == capabilities, found["capabilities"])
    expect(int(found["bounds"], 16) == capabilities, found["bounds"])
    expect((found["privileges"], found["filter"], found["others"]) == ("1", "2", False), found)
    user = box.machine.run("id", "-u", "gpuspool")
    expect(str(found["user"]) == user, f"it runs as {found['user']}")


@case("the sandbox of the door: its spool and two capabilities, nothing else")
def sandbox_watch(box):
    found = probe(box, WATCH)
    check_sandbox(box, found, LEASE | FOWNER)
    expect(found["network"] == "EAFNOSUPPORT", found["network"])
    expect(found["code"] != "done", "it may make code")
    expect(set(found["devices"].values()) == {"ENOENT"}, found["devices"])
    expect(not set(found["nodes"]) - {
        "char", "core", "fd", "full", "hugepages", "log", "mqueue", "null", "ptmx", "pts", "random", "shm",
        "stderr", "stdin", "stdout", "tty", "urandom", "zero"}, found["nodes"])


@case("the sandbox of cleanup: its spool and one capability, nothing else")
def sandbox_clean(box):
    found = probe(box, CLEAN)
    check_sandbox(box, found, FOWNER)
    expect(found["network"] == "EAFNOSUPPORT", found["network"])
    expect(found["code"] != "done", "it may make code")


@case("the sandbox of a worker: its spool and the network, no capability")
def sandbox_worker(box):
    found = probe(box, "gpuspool-worker@.service")
    check_sandbox(box, found, 0)
    expect(found["network"] == "done", found["network"])
    expect(found["write"]["/dev/shm"] == "done", "it has no shared memory of its own")
    expect(found["devices"]["/dev/gpuspool-full"] == "done", "a device it may use is closed")
    expect(found["devices"]["/dev/gpuspool-fuse"] == "EPERM", found["devices"])


def is_enforced(box, controller, setting, value):
    """Whether a limit, which systemd knows, is the kernel's as well; else says that it is not."""
    told = box.machine.show(WATCH, setting)
    expect(told == str(value), f"{setting} is {told}")
    if controller in box.machine.run("cat", "/sys/fs/cgroup/cgroup.controllers").split():
        return True
    print(f"not enforced on this machine, only set: {setting} (no '{controller}' controller in its "
          "cgroup2)", flush=True)
    return False


@case("TasksMax")
def tasks(box):
    if is_enforced(box, "pids", "TasksMax", 16):
        expect(box.probes[WATCH]["fork"] == "EAGAIN", "64 processes were allowed")


@case("MemoryMax")
def memory(box):
    if is_enforced(box, "memory", "MemoryMax", 1 << 30):
        told = box.machine.run(
            "cat", "/sys/fs/cgroup/system.slice/gpuspool-watch.service/memory.max")
        expect(told == str(1 << 30), told)


# --- Changes while it works ---------------------------------------------------------------------


@case("a new version under load: nothing is lost, each photo once, jobs at hand are finished")
def upgrade(box):
    box.drop("at-hand", "wait at-hand")
    unit = worker(box.worker_of("at-hand"))
    names = [f"load-{number:03}" for number in range(40)]
    problems = []

    def send():
        try:
            for name in names:
                box.drop(name)
        except harness.PROBLEMS as problem:
            problems.append(problem)

    sender = threading.Thread(target=send)
    sender.start()
    old = box.machine.pid(WATCH)
    box.machine.shell("echo >>/run/share/gpuspool; /run/share/gpuspool install")
    box.machine.systemctl("restart", "--no-block", WATCH, worker(0), worker(1))
    until(lambda: box.machine.show(unit, "ActiveState") == "deactivating", "the stop")
    # The new door, and whoever has no job at hand, wait for nobody.
    until(lambda: old not in (box.machine.pid(WATCH), 0), "the new door")
    box.drop("through")
    box.wait("through", "completed")
    expect(box.machine.show(unit, "ActiveState") == "deactivating", "it did not finish its job")
    box.go("at-hand")
    sender.join()
    if problems:
        raise problems[0]
    for name in ("at-hand", *names):
        box.wait(name, "completed")
    box.check_once("at-hand", "through", *names, attempts=1)
    for unit in (WATCH, worker(0), worker(1)):
        box.wait_active(unit)
        # The old one's would be "(deleted)".
        running = box.machine.run("readlink", f"/proc/{box.machine.pid(unit)}/exe")
        expect(running == PROGRAM, f"{unit} runs {running}")


@case("stop and start of the target are those of all its parts")
def target(box):
    units = (WATCH, worker(0), worker(1), TIMER)
    box.machine.systemctl("stop", "gpuspool.target")
    for unit in units:
        until(lambda: box.machine.show(unit, "ActiveState") == "inactive", f"the end of {unit}")
    box.machine.systemctl("start", "gpuspool.target")
    box.wait_active(*units)


@case("settings that cannot be used are not tried again, and the failure is reported")
def configuration(box):
    box.machine.systemctl("stop", WATCH)
    box.settings(MAX_INFLIGHT_JOBS="many")
    box.machine.systemctl("start", WATCH, codes=(1,))
    until(lambda: box.machine.show(WATCH, "ActiveState") == "failed", "its failure")
    expect(box.machine.show(WATCH, "NRestarts") == "0", "it was tried again")
    until(lambda: any(f"{WATCH} has failed" in text
                      for text in box.machine.messages("-p", "crit")), "the report")
    box.settings(**box.common)
    box.machine.systemctl("reset-failed", WATCH)
    box.machine.systemctl("start", WATCH)
