"""What the tests of the share have in common: a spool whose watcher has exactly the rights of the
installed service, senders that are other Unix users, and an outside observer.

The observer looks at directories and bytes only. It hears by inotify when a bundle appears in
`queued/` or `rejected/`, and knows a photo by its bytes: each one is different.
"""

import collections
import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import pwd
import random
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import zlib

REPOSITORY = pathlib.Path(__file__).parents[2]
# Taken away: the program refuses variables of that kind that it does not know.
BINARY = os.environ.pop("GPUSPOOL_BINARY", None)
# The service's user, and those who send.
SERVICE, CAMERA, KIOSK = "spooltest", "spooltest-cam", "spooltest-kiosk"
CAPABILITIES = ("lease", "fowner")
# How long anything may take on a busy machine; what should take less is stated, and only marked.
PATIENCE = 30
IN_MOVED_TO, IN_CLOEXEC = 0x80, 0o2000000
ENDS = ("queued", "rejected")


class Failure(Exception):
    """What a test found wrong."""


class Missing(Exception):
    """What this machine lacks for a case."""


# What ends one case, and not the others.
PROBLEMS = (Failure, OSError, ValueError, subprocess.SubprocessError)


def until(look, what, seconds=PATIENCE):
    """What `look` gives as soon as it is not false; the only place where a test waits."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)
    return found


def until_all(count, number, what):
    """Waits until there are so many of them, as long as it takes if only more and more come."""
    while (found := count()) < number:
        until(lambda: count() > found, f"more than {found} of {number} {what}")


def need(*programs):
    """The case is skipped where one of these programs is missing."""
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            raise Missing(f"no {program} here")


@contextlib.contextmanager
def users():
    """The Unix users of the tests; those that were not there are removed again.

    Another run of the tests on this machine is waited for: the users are its own meanwhile.
    """
    made, lock = [], os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in (SERVICE, CAMERA, KIOSK):
            try:
                pwd.getpwnam(name)
            except KeyError:
                words = ["useradd", "--system", "--no-create-home", "--user-group", "--home-dir",
                         "/nonexistent", "--shell", "/bin/sh", "--password", "*", name]
                subprocess.run(words, check=True, capture_output=True)
                made.append(name)
        yield
    finally:
        for name in made:
            subprocess.run(["userdel", name], capture_output=True)
        os.close(lock)


# --- Photos ----------------------------------------------------------------------------------

numbers = itertools.count(1)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def photo(side=320):
    """A PNG of noise that no other call gives; 320 pixels make 300 KB."""
    noise = random.Random(next(numbers))
    rows = b"".join(b"\0" + noise.randbytes(side * 3) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(
        b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def instruction(**fields):
    """An instruction that no other call gives."""
    return json.dumps({"instruction": "make it sepia",
                       "metadata": {"number": next(numbers)}, **fields}).encode()


# --- Senders ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Sender:
    """A user with a umask; `home` is a directory that only it can read."""
    user: str
    umask: int
    home: pathlib.Path

    @property
    def identity(self):
        account = pwd.getpwnam(self.user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [],
                "umask": self.umask}

    def start(self, *words, **options):
        """Starts a program as this user; its first signal ends its whole group."""
        options = {"cwd": self.home, "stdin": subprocess.DEVNULL, "start_new_session": True,
                   "env": {**os.environ, "HOME": str(self.home), "LC_ALL": "C.UTF-8"}, **options}
        return subprocess.Popen([str(word) for word in words], **self.identity, **options)

    def run(self, *words, codes=(0,), **options):
        """Runs a program as this user to its end; what it printed."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
        process = self.start(*words, **options)
        try:
            said, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise Failure(f"{words[0]} did not end in 60 s") from None
        said = (said or b"").decode(errors="replace").strip()
        if codes is not None and process.returncode not in codes:
            raise Failure(f"{words[0]} ended with {process.returncode}: {said[-300:]}")
        return said

    def shell(self, script, *arguments, **options):
        """Runs a shell script; its arguments are $1 …"""
        return self.run("/bin/sh", "-euc", script, "sh", *arguments, **options)

    def keep(self, name, data):
        """Puts a file into its home, with the mode that its umask gives."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        for made in (path, *itertools.takewhile(lambda parent: parent != self.home, path.parents)):
            shutil.chown(made, self.user, self.user)
            made.chmod((0o777 if made.is_dir() else 0o666) & ~self.umask)
        return path


# --- The spool -------------------------------------------------------------------------------


class Arrivals:
    """Hears of every bundle that appears in `queued/` and `rejected/`."""

    def __init__(self, root):
        libc = ctypes.CDLL(None, use_errno=True)
        # A user has 128 of them; other tests may have many.
        until(lambda: self._open(libc), "an inotify instance", 120)
        self.seen, self.states = collections.defaultdict(list), {}
        for state in ENDS:
            watch = libc.inotify_add_watch(
                self.descriptor, str(root / state).encode(), IN_MOVED_TO)
            if watch < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
            self.states[watch] = state
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _open(self, libc):
        self.descriptor = libc.inotify_init1(IN_CLOEXEC)
        return self.descriptor >= 0

    def close(self):
        self.is_over.set()
        self.thread.join()
        os.close(self.descriptor)

    def _listen(self):
        while not self.is_over.is_set():
            if not select.select([self.descriptor], [], [], 0.2)[0]:
                continue
            data = os.read(self.descriptor, 65536)
            now, place = time.monotonic(), 0
            while place < len(data):
                watch, _, _, length = struct.unpack_from("iIII", data, place)
                name = data[place + 16:place + 16 + length].rstrip(b"\0")
                self.seen[os.fsdecode(name)].append((self.states.get(watch), now))
                place += 16 + length

    def of(self, job):
        """[(state, when)] of a name, in order."""
        return list(self.seen.get(job, ()))


class Rig:
    """A spool served by a watcher of its own user; `with` ends it and removes everything.

    `mount`: mounts `root`, where senders and the observer are, at `served`, where the watcher is.
    """

    def __init__(self, capabilities=CAPABILITIES, parent=None, mount=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuspool-share-", dir=parent))
        self.folder.chmod(0o755)
        self.root = self.served = self.folder / "spool"
        self.capabilities, self.mount = capabilities, mount
        self.mounts = contextlib.ExitStack()
        self.settings = {"MAX_INFLIGHT_JOBS": "100000", "RESUME_SECONDS": "4",
                         "DROP_TIMEOUT_SECONDS": "8", "PIPELINE": "exec false", **settings}
        self.watcher, self.arrivals, self.log = None, None, self.folder / "log"
        self.program = self.folder / "gpuspool"
        shutil.copy(BINARY or REPOSITORY / ".build/release/gpuspool", self.program)
        self.program.chmod(0o755)

    def __enter__(self):
        try:
            account = pwd.getpwnam(SERVICE)
            self.root.mkdir()
            shutil.chown(self.root, SERVICE, SERVICE)
            if self.mount is not None:
                self.served = self.folder / "mounted"
                self.served.mkdir()
                self.mounts.enter_context(self.mount(self))
            self.command("init")
            # As systemd/smb.conf says: everybody may drop, nobody may read or take away another's
            # file, and the service may read what a sender's mode does not hide. (A mount of FUSE
            # knows no lists.)
            (self.root / "incoming").chmod(0o1777)
            if self.mount is None:
                subprocess.run(["setfacl", "-d", "-m", f"u:{account.pw_uid}:rwx,g::-,o::-",
                                self.root / "incoming"], check=True)
            self.arrivals = Arrivals(self.root)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.kill()
        if self.arrivals is not None:
            self.arrivals.close()
        self.mounts.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def identity(self):
        capabilities = ",".join(["-all", *(f"+{name}" for name in self.capabilities)])
        return ["setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups",
                f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}",
                f"--bounding-set={capabilities}", "--no-new-privs"]

    def words(self, *command):
        sets = [word for name, value in self.settings.items()
                for word in ("--set", f"{name}={value.format(folder=self.folder)}")]
        return [str(self.program), "--spool", str(self.served), *sets, *command]

    def command(self, *words):
        """Runs a command as the service to its end."""
        done = subprocess.run([*self.identity(), *self.words(*words)], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, cwd="/")
        if done.returncode != 0:
            raise Failure(f"{words} ended with {done.returncode}: {done.stderr}")

    def begin(self, role):
        """Starts a role with the rights of the service."""
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [*self.identity(), *self.words(role)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, umask=0o022, cwd="/")

    def start(self):
        """Starts the watcher, and waits until it serves the door."""
        self.watcher = self.begin("watch")
        until(lambda: "Started" in self.said() or self.watcher.poll() is not None, "the watcher")
        if self.watcher.returncode is not None:
            raise Failure(f"the watcher did not start: {self.said()}")

    def kill(self):
        if self.watcher is not None:
            self.watcher.kill()
            self.watcher.wait()

    def said(self):
        return self.log.read_text(errors="replace")

    def sender(self, user, umask):
        home = self.folder / f"{user}-{umask:03o}"
        home.mkdir(exist_ok=True)
        shutil.chown(home, user, user)
        home.chmod(0o700)
        return Sender(user, umask, home)

    @property
    def incoming(self):
        return self.root / "incoming"

    def view(self, job):
        """What `status/ID.json` tells; empty when it is not there."""
        try:
            return json.loads((self.root / "status" / f"{job}.json").read_bytes())
        except FileNotFoundError:
            return {}

    def wait_for_view(self, job, **fields):
        """Waits until a job's view says this."""
        def look():
            view = self.view(job)
            return view if fields.items() <= view.items() else None
        try:
            return until(look, "")
        except Failure:
            raise Failure(f"waited for {fields} of {job}, which is {self.view(job)}") from None

    def files(self, *states):
        """{path from the root: sha256} of every regular file in these directories."""
        found = {}
        for state in states:
            for path in sorted((self.root / state).rglob("*")):
                if path.is_file() and not path.is_symlink():
                    found[str(path.relative_to(self.root))] = digest(path.read_bytes())
        return found


def digest(data):
    return hashlib.sha256(data).hexdigest()


# --- What is printed -------------------------------------------------------------------------


class Report:
    """Counts the cases and prints a line for each."""

    def __init__(self, title, columns):
        self.counts = collections.Counter()
        self.columns = columns
        print(title)
        self._line([name for name, _ in columns])

    def _line(self, values):
        print("  ".join(f"{value!s:{width}}" for value, (_, width) in zip(values, self.columns))
              .rstrip(), flush=True)

    def passed(self, *values):
        self.counts["passed"] += 1
        self._line(values)

    def failed(self, name, error):
        self.counts["failed"] += 1
        print(f"FAILED {name}: {error}", flush=True)

    def skipped(self, name, reason):
        self.counts["skipped"] += 1
        print(f"skipped {name}: {reason}", flush=True)

    def end(self):
        """Prints the sums; the exit code."""
        counts = self.counts
        print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
        return 1 if counts["failed"] else 0
