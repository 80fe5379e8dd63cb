"""A machine with a systemd of its own, booted in namespaces on this machine's root, which it sees
as a throwaway overlay: nothing it does stays.

Its /proc/sys is read-only, or it would set this machine's. To end it, its first process alone is
killed: the kernel ends the rest.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness import Failure, Missing, until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SYSTEMD = "/lib/systemd/systemd"

# The spool's disk is a tmpfs: the kernel tells events of it and keeps access lists, as of a disk.
BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/rw"
mkdir "$1/rw/upper" "$1/rw/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/rw/upper,workdir=$1/rw/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p var/spool
mount -t tmpfs -o mode=755 tmpfs var/spool
for node in null zero full random urandom tty; do
    : >dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm run/share
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd
mount --bind "$1/share" run/share
: >etc/machine-id
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
hostname gpuspool-test
ip link set lo up 2>/dev/null || :
exec env -i container=gpuspool-test PATH="$2" \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-mac_admin \
    "$3" --system --unit=basic.target
"""


def cgroups():
    """The directory of the unified hierarchy."""
    for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{place}/cgroup.procs"):
            return pathlib.Path(place)
    raise Missing("no cgroup2 here")


def lacking():
    """What keeps this machine from booting another one; None when nothing does."""
    if os.getuid() != 0:
        return "needs root"
    for program in ("unshare", "nsenter", "setpriv", "pivot_root", "systemd-analyze"):
        if shutil.which(program, path=PATH) is None:
            return f"no {program} here"
    return None if os.path.exists(SYSTEMD) else "no systemd here"


class Machine:
    """`with` boots and ends it; `share` is its /run/share."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuspool-systemd-"))
        self.folder.chmod(0o755)
        self.share = self.folder / "share"
        for name in ("rw", "root", "share"):
            (self.folder / name).mkdir()
        self.group = cgroups() / self.folder.name
        self.init = None

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def boot(self):
        self.group.mkdir()
        with open(self.folder / "log", "wb") as log:
            self.starter = subprocess.Popen(
                ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec unshare "$@"', self.group,
                 "-f", "-p", "-m", "-u", "-i", "-C", "-n", "--kill-child",
                 "bash", "-c", BOOT, "boot", self.folder, PATH, SYSTEMD],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.init = until(self._first_process, f"systemd to start: {self.log()}")
        self.root = pathlib.Path(f"/proc/{self.init}/root")
        state = self.run("systemctl", "is-system-running", "--wait", codes=None)
        if state not in ("running", "degraded"):
            raise Failure(f"the machine is {state}: {self.log()}")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-1000:]

    def _first_process(self):
        if self.starter.poll() is not None:
            raise Failure(f"it ended: {self.log()}")
        pid = self.starter.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            if os.path.exists(f"/proc/{child}/root/run/systemd/private"):
                return int(child)
        return None

    def __exit__(self, *_):
        if self.init is not None:
            os.kill(self.init, signal.SIGKILL)
        if hasattr(self, "starter"):
            if self.init is None:
                # What it started has not got far.
                os.killpg(self.starter.pid, signal.SIGKILL)
            self.starter.wait()
        until(self._remove_groups, "the control groups to be empty")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_groups(self):
        for place, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(place)
            except OSError:
                return False
        return True

    # --- Commands in it ------------------------------------------------------------------------

    def words(self, words, user=None):
        enter = ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-C", "-n", "-r", "-w",
                 "env", "-i", "TERM=dumb", "SYSTEMD_PAGER=cat", "HOME=/root", "LC_ALL=C.UTF-8",
                 f"PATH={PATH}"]
        if user is not None:
            enter += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        return enter + [str(word) for word in words]

    def execute(self, *words, user=None, **options):
        """Runs a command to its end."""
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL,
                   "timeout": 180, **options}
        return subprocess.run(self.words(words, user), **options)

    def run(self, *words, codes=(0,), user=None, **options):
        """Runs a command that must end well; what it printed."""
        done = self.execute(*words, user=user, **options)
        if codes is not None and done.returncode not in codes:
            said = (done.stderr + done.stdout).strip()
            raise Failure(f"{' '.join(map(str, words))} ended with {done.returncode}: {said}")
        return done.stdout.strip()

    def shell(self, script, *arguments, **options):
        """Runs a shell script; its arguments are $1 …"""
        return self.run("/bin/sh", "-euc", script, "sh", *arguments, **options)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options)

    def show(self, unit, name):
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit)

    def pid(self, unit):
        """The main process of a unit that runs; 0 when there is none."""
        return int(self.show(unit, "MainPID"))

    def is_active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def kill(self, name, pid):
        """Sends a signal to a process of the machine, by its number there."""
        self.run("kill", f"-{name}", pid)

    def journal(self, *words):
        """The entries, as they are kept."""
        said = self.run("journalctl", "-o", "json", "--no-pager", *words)
        return [json.loads(line) for line in said.splitlines()]

    def messages(self, *words):
        return [entry.get("MESSAGE") or "" for entry in self.journal(*words)]

    def path(self, path):
        """A path of the machine, as it is seen from here."""
        return self.root / str(path).lstrip("/")
