"""What the crash tests share: a spool, the roles of the released program, and an outside observer.

The observer looks at directories and bytes only. It knows a drop by its bytes, never by a name:
every drop carries its number in its JSON and in its image, and the pipeline copies the image, so
that a result tells whose it is.
"""

import collections
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib

REPOSITORY = pathlib.Path(__file__).parents[2]
# Taken away: the program refuses variables of that kind that it does not know.
BINARY = os.environ.pop("GPUSPOOL_BINARY", None)
# The system calls a sleeping role is in: epoll_wait and epoll_pwait of x86-64, or epoll_pwait.
EPOLL_WAIT = ("232 ", "281 ") if os.uname().machine == "x86_64" else ("22 ",)
STATES = ("queued", "running", "done", "failed", "rejected")
ENDED = ("done", "failed", "rejected")
# The records that may stand in a state's directory.
STATUSES = {
    "queued": {"queued", "held"},
    "running": {"queued", "processing", "completed", "failed", "cancelled"},
    "done": {"completed"},
    "failed": {"failed", "cancelled"},
    "rejected": {"rejected"},
}
# Notes every edit (image and number of the claim), and answers with a copy of the image. An instruction may ask for something else: `fail`;
# and, as long as there is no file `fast` beside the pipeline, `slow`, `again` and `die`.
PIPELINE = r"""
fast=${0%/*}/fast
value() { value=${line#*\"$1\":\"}; value=${value%%\"*}; }
while read -r line; do
    case $line in
    *'"op":"load"'*) echo '{"event":"ready","model":"copy","models":["copy"]}' ;;
    *'"op":"edit"'*)
        value job_id; id=$value
        value image; image=$value
        value output
        number=${value##*/out.}
        echo "$(cksum <"$image") ${number%.part}" >>"${0%/*}/edits"
        case $line in
        *'"instruction":"fail'*)
            echo "{\"event\":\"failed\",\"job_id\":\"$id\",\"error\":\"asked to\",\"kind\":\"pipeline\",\"retryable\":false}"
            continue ;;
        esac
        [ -e "$fast" ] || case $line in
        *'"instruction":"slow'*) continue ;;
        *'"instruction":"again'*)
            echo "{\"event\":\"failed\",\"job_id\":\"$id\",\"error\":\"asked to\",\"kind\":\"pipeline\",\"retryable\":true}"
            continue ;;
        *'"instruction":"die'*) exit 1 ;;
        esac
        cp "$image" "$value"
        echo "{\"event\":\"done\",\"job_id\":\"$id\",\"seed\":1}" ;;
    *'"op":"cancel"'*)
        value job_id
        echo "{\"event\":\"failed\",\"job_id\":\"$value\",\"error\":\"cancelled\",\"kind\":\"cancelled\",\"retryable\":false}" ;;
    *'"op":"ping"'*) echo '{"event":"pong"}' ;;
    esac
done
"""


# What is different in each run: times, numbers of processes, names that are drawn.
CHANCE = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+|\d+(?:\.\d+)?|(?<=\.spool/tmp/).*|(?<=\.spool/inlet/).*"
                    rb"|gpuspool-\w+|_[0-9a-f]{8}\b")


class Failure(Exception):
    """What a test found wrong."""


class Died(Failure):
    """A role ended while something was expected of it."""


def program():
    """The released binary."""
    return pathlib.Path(BINARY or REPOSITORY / ".build/release/gpuspool").resolve()


def until(look, what, seconds=60, role=None):
    """What `look` gives as soon as it is not false; the only place where a test waits."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        # Before looking: what it did last must be seen.
        over = role is not None and role.is_over
        if found := look():
            return found
        if over:
            raise Died(f"{role.name} ended with {role.process.returncode} before {what}")
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.02)


# --- Images ----------------------------------------------------------------------------------


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(text, side=16):
    """A PNG that says `text`."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes((x * y) & 255 for x in range(side * 3)) for y in range(side))
    parts = ((b"IHDR", header), (b"tEXt", b"Comment\0" + text.encode()),
             (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def png_problem(data):
    """What is not whole about a PNG; None for a whole one."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return f"no PNG but {data[:8]!r}"
    place, pixels, header = 8, b"", None
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place) if place + 12 <= len(data) else (0, b"")
        body = data[place + 4:place + 8 + length]
        if len(body) < 8 - 4 + length or data[place + 8 + length:place + 12 + length] != struct.pack(
                ">I", zlib.crc32(body)):
            return f"damaged at byte {place}"
        header = body[4:] if kind == b"IHDR" else header
        pixels += body[4:] if kind == b"IDAT" else b""
        place += 12 + length
        if kind == b"IEND":
            break
    else:
        return "its end is missing"
    width, height = struct.unpack_from(">II", header)
    return None if len(zlib.decompress(pixels)) == height * (1 + 3 * width) else "pixels are missing"


# --- A spool and its roles -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Drop:
    """What a station sent, by its bytes."""
    name: str
    files: tuple  # of bytes; the first one is the JSON, or the list of a batch; of a row its image
    box: str = "incoming"


class Role:
    """A process of the program; killed at the latest with its spool."""

    def __init__(self, name, words, log, under=(), environment=None):
        """`under`: the words of a tracer that leaves the program our own child (strace -D)."""
        self.name, self.log = name, log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(
                [*under, *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env={**os.environ, **(environment or {})})
        self.pid = self.process.pid

    @property
    def is_over(self):
        return self.process.poll() is not None

    @property
    def is_asleep(self):
        """Whether it waits for events, with none to be read."""
        return self._asks("syscall").startswith(EPOLL_WAIT)

    def _asks(self, file):
        try:
            return pathlib.Path(f"/proc/{self.pid}/{file}").read_text()
        except OSError:
            return ""

    def untrace(self):
        """Ends its tracer; the program goes on undisturbed."""
        until(lambda: self.is_asleep, f"{self.name} to sleep", role=self)
        tracer = [line for line in self._asks("status").splitlines() if line.startswith("TracerPid")]
        os.kill(int(tracer[0].split()[1]), signal.SIGKILL)

    def signal(self, number):
        # The child is ours and not reaped yet: the number cannot be another process's.
        if not self.is_over:
            self.process.send_signal(number)

    def wait(self, seconds=60):
        """Its exit code; below zero the signal it died of."""
        until(lambda: self.is_over, f"the end of {self.name}", seconds)
        return self.process.returncode

    def stop(self, seconds=60):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """Ends it as the kernel or a power button would."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def printed(self):
        return self.log.read_text(errors="replace")


class Spool:
    """A spool in a directory of its own; `with` ends its roles and removes it."""

    def __init__(self, parent=None, settings=None, model=None):
        """`model`: a directory made by `save`, to start from; no spool if it is not there."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuspool-", dir=parent))
        self.root = self.folder / "spool"
        self.settings = {"PIPELINE": f"exec /bin/sh {self.folder}/pipeline.sh",
                         "SETTLE_SECONDS": "0.01", **(settings or {})}
        self.drops, self.roles, self.removed = [], [], set()
        (self.folder / "pipeline.sh").write_text(PIPELINE)
        if model is None:
            self.run("init")
        elif os.path.exists(model):
            shutil.copytree(model, self.root, symlinks=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for role in self.roles:
            if not role.is_over:
                role.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Processes

    def words(self, *command):
        pairs = [f"{name}={value}" for name, value in self.settings.items()]
        sets = [word for pair in pairs for word in ("--set", pair)]
        return [str(program()), "--spool", str(self.root), *sets, *command]

    def run(self, *command, codes=(0,)):
        """Runs a command to its end; what it printed."""
        done = subprocess.run(self.words(*command), capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if codes is not None and done.returncode not in codes:
            raise Failure(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def start(self, *command, under=(), environment=None):
        """Starts a role; `under`: the words of a tracer that runs it."""
        log = self.folder / f"{len(self.roles)}-{command[0]}.log"
        self.roles.append(Role(command[0], self.words(*command), log, under, environment))
        return self.roles[-1]

    # Stations

    def put(self, name, files, request, box="incoming"):
        """Renames files into a drop box, the JSON (`request`: its name) last."""
        place = self.root / box
        for file in sorted(files, key=lambda file: file == request):
            part = place / (name + ".part")
            part.write_bytes(files[file])
            os.rename(part, place / file)

    def drop(self, name, instruction="copy", box="incoming", raw=None, **fields):
        """Drops a pair; `raw` takes the place of the JSON."""
        files = self._files(name, instruction, raw, fields)
        self.put(name, files, name + ".json", box)
        return self._note(name, files, box)

    def drop_folder(self, name, instruction="copy", box="incoming", raw=None, **fields):
        """Drops a folder with a pair."""
        files = self._files(name, instruction, raw, fields)
        part = self.root / box / (name + ".part")
        part.mkdir()
        for file, data in files.items():
            (part / file).write_bytes(data)
        os.rename(part, self.root / box / name)
        return self._note(name, files, box)

    def drop_batch(self, name, *instructions, is_good=True):
        """Drops a list and an image for each row; each row is a drop, of a refused batch only all."""
        rows, images = ["image,instruction"], {}
        for instruction in instructions:
            number = f"drop {len(self.drops)} row {len(rows)}"
            image = f"{name} {len(rows)}.png"
            rows.append(f"{image},{instruction}")
            images[image] = png(number)
        files = {name + ".csv": "\n".join(rows + [""]).encode(), **images}
        self.put(name, files, name + ".csv")
        if not is_good:
            return [self._note(name + ".csv", files, "incoming")]
        return [self._note(f"{name}-{row:04}", {image: images[image]}, "incoming")
                for row, image in enumerate(images, 1)]

    def _files(self, name, instruction, raw, fields):
        number = f"drop {len(self.drops)}"
        request = {"instruction": instruction, "metadata": {"number": number}, **fields}
        data = json.dumps(request).encode() if raw is None else raw + b" " + number.encode()
        return {name + ".json": data, name + ".png": png(number)}

    def _note(self, name, files, box):
        self.drops.append(Drop(name, tuple(files.values()), box))
        return self.drops[-1]

    def control(self, name, box="incoming"):
        """Drops an empty control file: NAME.cancel, .retry, .hold, .release."""
        (self.root / box / name).touch()

    # Looking

    def names(self, directory):
        try:
            return sorted(os.listdir(self.root / directory))
        except FileNotFoundError:
            return []

    def json(self, path):
        """A JSON file of the spool; None when it is not there."""
        try:
            return json.loads((self.root / path).read_bytes())
        except FileNotFoundError:
            return None

    def status(self, job):
        """The status that a job's view tells."""
        return (self.json(f"status/{job}.json") or {}).get("status")

    def wait_for(self, *jobs, state, role=None):
        """Waits until bundles of these names stand in `state`."""
        until(lambda: all((self.root / state / job).is_dir() for job in jobs),
              f"{jobs} in {state}", role=role)

    def let_go(self):
        """From now on the pipeline does every job at once."""
        (self.folder / "fast").touch()

    def edits(self):
        """What the pipeline was asked for: the image's checksum and the number of the claim."""
        path = self.folder / "edits"
        return path.read_text().splitlines() if path.exists() else []

    def is_at_rest(self):
        """Nothing is on its way any more: every drop stands at its end."""
        return not any(map(self.names, ("queued", "running", ".spool/staging"))) \
            and not any(path.is_file() for path in (self.root / "incoming").rglob("*"))

    def print(self):
        """All there is in the spool but times and chance: {path: kind, who may, and content}."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            name = CHANCE.sub(b"#", os.fsencode(path.relative_to(self.root)))
            if not data.startswith(b"\x89PNG"):
                data = CHANCE.sub(b"#", data)
            found.setdefault(name, []).append(
                (status.st_mode, status.st_nlink, access_lists(path), data))
        return found

    def save(self, directory):
        """Keeps the spool as it is, as a model for others."""
        shutil.copytree(self.root, directory, symlinks=True)


# --- The observer ----------------------------------------------------------------------------


def access_lists(path):
    """The POSIX access lists of a file: who may use it, and what is made in it; None for none."""
    lists = []
    for kind in ("access", "default"):
        try:
            lists.append(os.getxattr(path, f"system.posix_acl_{kind}", follow_symlinks=False))
        except OSError:
            lists.append(None)
    return lists


def readers(path):
    """Who may read a file or directory besides its owner: 'everybody', 'nobody' or a group's number."""
    listed, status = access_lists(path)[0], path.stat()
    if status.st_mode & 0o004:
        return "everybody"
    if listed is None:
        return status.st_gid if status.st_mode & 0o040 else "nobody"
    entries = [struct.unpack_from("<HHI", listed, place) for place in range(4, len(listed), 8)]
    groups = [number for tag, permissions, number in entries if tag == 8 and permissions & 4]
    return groups[0] if groups else "nobody"


def bundles(spool):
    """Every place where files of stations may stand, with its files: {place: {name: bytes}}."""
    places = {}
    boxes = ["incoming", *(f"incoming/{name}" for name in spool.names("incoming")
                           if (spool.root / "incoming" / name).is_dir())]
    hidden = [".spool/staging", ".spool/trash", ".spool/lost"]
    whole = [f"{state}/{name}" for state in (*STATES, *hidden) for name in spool.names(state)]
    for place in boxes + whole:
        files = {}
        for path in (spool.root / place).iterdir() if (spool.root / place).is_dir() else ():
            if path.is_file() and not path.is_symlink():
                files[path.name] = path.read_bytes()
        places[place] = files
    return places


def where(spool, drop):
    """The directory of the spool that holds a drop's JSON; 'gone' when there is none."""
    for place, files in bundles(spool).items():
        if drop.files[0] in files.values():
            return place.split("/")[0]
    return "gone"


def check(spool, drops=None, removed=None, at_rest=True, maximum=None):
    """What is wrong with a spool in which these drops were dropped; one sentence each.

    Nothing may move meanwhile. `at_rest`: nothing may be under way either. `removed`: drops that
    cleanup may have taken away.
    """
    drops = spool.drops if drops is None else drops
    removed = spool.removed if removed is None else removed
    places = bundles(spool)
    owners = {}
    for place, files in places.items():
        for data in files.values():
            owners.setdefault(data, set()).add(place)
    problems = []
    homes = {drop: set().union(*(owners.get(data, set()) for data in drop.files))
             for drop in drops}
    for drop, here in homes.items():
        problems += _drop_problems(drop, here, places, drop in removed, at_rest)
    known = set().union(*homes.values())
    for place, files in places.items():
        state = place.split("/")[0]
        if state in STATES:
            if place not in known:
                problems.append(f"{place} holds no drop: {sorted(files)}")
            problems += [f"{place}: {text}" for text in _bundle_problems(spool, place, files)]
    live = sum(len(spool.names(state)) for state in ("queued", "running"))
    if maximum is not None and live > maximum:
        problems.append(f"I5: {live} jobs are live, at most {maximum} may be")
    problems += [f"R2: the number of a claim was given twice: {edit}"
                 for edit, times in collections.Counter(spool.edits()).items() if times > 1]
    if at_rest:
        problems += _total_problems(spool, homes)
        problems += [f"{place} was left behind" for name in ("running", ".spool/staging", ".spool/tmp")
                     for place in map((name + "/{}").format, spool.names(name))]
    return problems


def _total_problems(spool, homes):
    """R14: what ended is counted once, also when cleanup was cut off."""
    totals = spool.json(".spool/totals") or {}
    counted = {bytes.fromhex(name).decode() for name in totals.get("counted", [])}
    ended = [name for state in ENDED for name in spool.names(state)]
    ended += [name for name in spool.names(".spool/trash") if name not in counted]
    told = len(ended) + sum(totals.get(key, 0) for key in ("completed", "failed", "rejected"))
    live = [drop for drop, places in homes.items()
            if any(place.split("/")[0] in ("incoming", "queued", "running") for place in places)]
    if told != len(homes) - len(live):
        yield (f"R14: totals and directories tell of {told} ended jobs; {len(homes)} were dropped "
               f"and {len(live)} of them are live: {totals}")


def _drop_problems(drop, here, places, is_removed, at_rest):
    said = f"drop '{drop.name}'"
    if not here:
        return [] if is_removed else [f"I7: {said} is lost"]
    if len(here) > 1:
        under_way = all(place.startswith(("incoming", ".spool/staging/")) for place in here)
        return [] if under_way and not at_rest else [f"I1: {said} stands in {sorted(here)}"]
    (place,) = here
    missing = [data[:40] for data in drop.files if data not in places[place].values()]
    return [f"I7: {said} in {place} is not whole: {missing} is missing"] if missing else []


def _bundle_problems(spool, place, files):
    state = place.split("/")[0]
    try:
        record = json.loads(files.get("status.json", b""))
    except ValueError:
        yield "status.json is no JSON"
        return
    if record.get("status") not in STATUSES[state]:
        yield f"its record says {record.get('status')}"
    lease = spool.root / place / "lease"
    if files.get("lease") != b"" or lease.stat().st_mode & 0o7777 != 0o600:
        yield "its lease is not an empty file of mode 0600"
    if ".members" in files:
        yield "it holds .members"
    if state != "rejected" and "reason.json" in files:
        yield "it has a reason.json"
    if state == "running":
        return
    yield from (f"{name} was left behind" for name in files
                if name.startswith(("out.", "status.")) and name != "status.json")
    if state == "rejected":
        try:
            json.loads(files.get("reason.json", b""))
        except ValueError:
            yield "reason.json is no JSON"
    elif "request.json" not in files or record.get("image") not in files:
        yield f"request or image are missing: {sorted(files)}"
    else:
        yield from _result_problems(state, record, files)


def _result_problems(state, record, files):
    """I3. The pipeline copies: a result has its own image's bytes."""
    fixed = {"request.json", "status.json", "lease", record["image"]}
    others = sorted(set(files) - fixed)
    if state != "done":
        if others:
            yield f"it holds {others} too"
    elif others != [record.get("result_path")]:
        yield f"I3: its result is {record.get('result_path')}, but it holds {others}"
    else:
        result = files[others[0]]
        if problem := png_problem(result):
            yield f"I3: its result is not whole: {problem}"
        elif result != files[record["image"]]:
            yield "its result is another job's"


@functools.cache
def has(command):
    """Whether the program has this command."""
    words = [str(program()), "--help"]
    return f"\n  {command} " in subprocess.run(words, capture_output=True, text=True).stdout


def verify(spool):
    """What `gpuspool verify` finds, one line each; nothing while there is no such command."""
    if not has("verify"):
        return []
    done = spool.run("verify", "--json", codes=None)
    if done.returncode == 0:
        return []
    return [f"verify ended with {done.returncode}: {done.stdout.strip()}{done.stderr.strip()}"]
