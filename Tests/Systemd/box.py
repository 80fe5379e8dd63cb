"""A machine on which gpuspool is installed, and somebody who sends photos to it."""

import collections
import json
import pathlib
import re
import shutil

from harness import BINARY, REPOSITORY, Failure, digest, instruction, photo, until

SPOOL = "/var/spool/gpuspool"
PROGRAM = "/usr/local/bin/gpuspool"
WATCH, CLEAN, TIMER = "gpuspool-watch.service", "gpuspool-clean.service", "gpuspool-clean.timer"
UNITS = REPOSITORY / "systemd"
STATES = ("queued", "running", "done", "failed", "rejected")
HERE = pathlib.Path(__file__).parent
# A watchdog's time and what a busy machine needs to restart.
WATCHDOG = 150


def worker(number):
    return f"gpuspool-worker@{number}.service"


class Box:
    def __init__(self, machine):
        self.machine = machine
        self.spool = machine.path(SPOOL)
        self.sent, self.probes = {}, {}
        # What the cases after the first ones need.
        self.common = {
            "PIPELINE": "exec /usr/bin/python3 /run/share/pipeline.py",
            "MAX_INFLIGHT_JOBS": 1000, "GRACE_SECONDS": 200}

    # --- What is installed -----------------------------------------------------------------------

    def prepare(self):
        """Files that the machine sees below /run/share, and the user who sends."""
        share = self.machine.share
        for name in ("go", "drops"):
            (share / name).mkdir()
        for file in (HERE / "pipeline.py", HERE / "probe.py",
                     REPOSITORY / "Sources/Pipelines/protocol.py"):
            shutil.copy(file, share)
        shutil.copy(BINARY or REPOSITORY / ".build/release/gpuspool", share / "gpuspool")
        (share / "gpuspool").chmod(0o755)
        self.machine.run("useradd", "--create-home", "--user-group", "kiosk")
        self.machine.run("install", "-d", "-m", "1777", "/opt/open")
        for name, *numbers in (("full", 1, 7), ("fuse", 10, 229)):
            self.machine.run("mknod", "-m", "666", f"/dev/gpuspool-{name}", "c", *numbers)

    def settings(self, **settings):
        """Replaces spool.conf."""
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        self.machine.shell(
            'printf %s "$1" >"$2/spool.conf.new"; mv "$2/spool.conf.new" "$2/spool.conf"',
            lines, SPOOL)

    def reload(self, *units):
        """Has these read their settings again, and waits until they have."""
        def count(unit):
            return sum("Settings read again" in text for text in self.machine.messages("-u", unit))
        before = {unit: count(unit) for unit in units}
        self.machine.systemctl("reload", *units)
        for unit in units:
            until(lambda: count(unit) > before[unit], f"{unit} to read its settings")

    # --- Sending ---------------------------------------------------------------------------------

    def drop(self, name, text="sepia", side=64, umask="077"):
        """Sends a pair as another user, whose umask shuts everybody out."""
        drops = self.machine.share / "drops"
        image = photo(side)
        (drops / f"{name}.png").write_bytes(image)
        (drops / f"{name}.json").write_bytes(instruction(instruction=text))
        self.machine.shell(
            'umask "$1"; cd "$3"; for file in "$2.png" "$2.json"; do'
            ' cp "/run/share/drops/$file" "$file.part"; mv "$file.part" "$file"; done',
            umask, name, f"{SPOOL}/incoming", user="kiosk")
        self.sent[name] = digest(image)
        return image

    def go(self, name):
        """Lets the job go on that waits for this name."""
        (self.machine.share / "go" / name).touch()

    # --- Looking ---------------------------------------------------------------------------------

    def view(self, job):
        try:
            return json.loads((self.spool / "status" / f"{job}.json").read_bytes())
        except FileNotFoundError:
            return {}

    def queue(self):
        return json.loads((self.spool / "queue.json").read_bytes())

    def wait(self, job, status, seconds=60):
        """Waits for a job to have this status; its view."""
        def look():
            view = self.view(job)
            return view if view.get("status") == status else None
        try:
            return until(look, "", seconds)
        except Failure:
            raise Failure(f"waited {seconds} s for '{job}' to be {status}: {self.view(job)}"
                          ) from None

    def worker_of(self, job):
        """The instance of the worker that runs a job."""
        def look():
            for path in (self.spool / ".spool/workers").glob("*.json"):
                card = json.loads(path.read_bytes())
                if card.get("job_id") == job and card["state"] == "busy":
                    return card["name"].removeprefix("gpu-")
            return None
        return until(look, f"a worker to run '{job}'")

    def check_once(self, *jobs, attempts=None):
        """These have ended in one place, each with its own photo, after one completion."""
        said = collections.Counter()
        for text in self.machine.messages("_COMM=gpuspool"):
            if match := re.search(r"Job (\S+) completed", text):
                said[match[1]] += 1
        for job in jobs:
            self._check_bundle(job, attempts)
            if said[job] != 1:
                raise Failure(f"'{job}' was completed {said[job]} times")

    def _check_bundle(self, job, attempts):
        places = [f"{state}/{path.name}" for state in STATES
                  for path in (self.spool / state).iterdir()
                  if re.fullmatch(re.escape(job) + r"([@~]\d+)?", path.name)]
        if places != [f"done/{job}"]:
            raise Failure(f"'{job}' is in {places}")
        bundle = self.spool / "done" / job
        if digest((bundle / f"{job}.png").read_bytes()) != self.sent[job]:
            raise Failure(f"'{job}' has another photo")
        results = [path.name for path in bundle.glob("*_s*_*.png")]
        if len(results) != 1:
            raise Failure(f"'{job}' has the results {results}")
        found = json.loads((bundle / "status.json").read_bytes())["attempts"]
        if attempts not in (None, found):
            raise Failure(f"'{job}' took {found} attempts, not {attempts}")

    def wait_active(self, *units, seconds=60):
        for unit in units:
            until(lambda: self.machine.is_active(unit), f"{unit} to be active", seconds)
