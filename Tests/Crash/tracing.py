"""A role below strace: the calls it makes on its spool, and how to end or disturb it at one of them.

strace follows the program alone, not its children, and the program has one thread: the N-th call
of a name is the same one in every run of the same scenario.
"""

import dataclasses
import os
import re
import shutil
import signal
import subprocess

from harness import until

# What changes a file system, or makes a change durable.
CHANGING = {
    "open", "openat", "openat2", "mkdir", "mkdirat", "mknodat", "rename", "renameat", "renameat2",
    "unlink", "unlinkat", "rmdir", "link", "linkat", "symlink", "symlinkat", "write", "writev",
    "pwrite64", "ftruncate", "truncate", "fallocate", "chmod", "fchmod", "fchmodat", "fchown",
    "fchownat", "utimensat", "fsync", "fdatasync", "syncfs", "sync_file_range",
    "copy_file_range", "sendfile", "ioctl", "setxattr", "fsetxattr", "removexattr", "fremovexattr",
}
# What changes another process; it names no path.
TELLING = {"pidfd_send_signal"}
# What only looks, or takes what the kernel gives back when the process dies: a kill there leaves
# the same spool as one at the next call that changes something.
LOOKING = {
    "stat", "lstat", "newfstatat", "statx", "fstat", "access", "faccessat2", "getdents64", "read",
    "pread64", "lseek", "flock", "fcntl", "statfs", "fstatfs", "readlink", "readlinkat", "inotify_add_watch",
    "inotify_rm_watch", "getxattr", "fgetxattr",
}
# What concerns descriptors and memory alone, as the end of a process does.
NEUTRAL = {"close", "close_range", "dup", "dup2", "dup3", "epoll_ctl", "poll", "ppoll", "mmap", "execve",
           "fadvise64"}
# What makes descriptors and processes that have no path.
MAKING = {"inotify_init1", "epoll_create1", "timerfd_create", "signalfd4", "pipe2", "vfork",
          "pidfd_open", "memfd_create"}
# What another process, another time and chance make different.
VOLATILE = re.compile(r"(?<=\.spool/tmp/)[^/\" ]+|(?<=\.spool/inlet/)[^/\" ]+"
                      r"|(?<=\.gpuspool-probe\.)[^/\" ]+"
                      r"|\d{8}_\d{6}_s\d+_[0-9a-f]{8}|\b\d{15,}\.\d+|\b\d{4,}\b")
LINE = re.compile(r"(\w+)\((.*)")
PATHS = re.compile(r'\d+<([^>]*)>|"((?:[^"\\]|\\.)*)"')


@dataclasses.dataclass(frozen=True)
class Call:
    """The `number`-th call of `name` in its run, counted from 1, and the paths it names."""
    name: str
    number: int
    paths: tuple
    makes: bool = False  # a file
    changes: bool = True  # the spool, or another process

    def __str__(self):
        return f"{self.name} #{self.number} {' '.join(self.paths)}"


def obstacle():
    """Why programs cannot be traced here; None if they can."""
    if not shutil.which("strace"):
        return "there is no strace"
    traced = subprocess.run([*words("/dev/null", {"exit_group"}), "true"], capture_output=True)
    if traced.returncode != 0:
        return "strace may not trace: " + traced.stderr.decode().strip()
    return None if os.access("/proc/self/syscall", os.R_OK) else "there is no /proc/PID/syscall"


def words(log, names, inject=None, paths=()):
    """The words before a command that trace its calls of `names` into `log`.

    `inject`: what strace is to do to calls, as it calls it; `paths`: only calls on these.
    """
    options = ["-e", f"trace={','.join(sorted(names))}"]
    options += ["-e", f"inject={inject}"] if inject else []
    options += [word for path in paths for word in ("-P", str(path))]
    return ["strace", "-D", "-q", "-y", "-s", "300", "-o", str(log), *options]


def environment():
    """Sets and dictionaries have the same order in every run."""
    return {"SWIFT_DETERMINISTIC_HASHING": "1"}


def read(log):
    """The lines of a run that is over."""
    def ended():
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return lines if lines and lines[-1].startswith("+++ ") else None
    return until(ended, f"the end of {log}")


def calls(lines, root, names):
    """The calls of these names on the spool at `root`, in order."""
    counts, found = {}, []
    for line in lines:
        match = LINE.match(line)
        if not match:
            continue
        name, rest = match.groups()
        counts[name] = counts.get(name, 0) + 1
        paths = _paths(name, rest)
        if name in names and _concerns(name, rest, paths, str(root), names):
            found.append(Call(name, counts[name], tuple(_comparable(path, root) for path in paths),
                              "O_CREAT" in rest, _is_changing(name, rest)))
    return found


def _is_changing(name, rest):
    """Opening for reading changes nothing."""
    if name in ("open", "openat", "openat2"):
        return "O_CREAT" in rest or "O_TRUNC" in rest
    return name in CHANGING | TELLING


def unknown(lines, root):
    """The calls on the spool, of a trace of all calls, that no set above names."""
    known = CHANGING | LOOKING | MAKING | TELLING | NEUTRAL
    return {name for name, rest in (match.groups() for match in map(LINE.match, lines) if match)
            if name not in known and str(root) in rest}


def _comparable(path, root):
    return VOLATILE.sub("#", path.replace(str(root), "").replace(str(root.parent), "#"))


def _concerns(name, rest, paths, root, names):
    if name in MAKING | TELLING:
        return True
    # A name is relative to the descriptor before it.
    whole = [*paths, *(os.path.join(*pair) for pair in zip(paths, paths[1:]))]
    if not any((path + "/").startswith(root + "/") for path in whole):
        return False
    if name in ("open", "openat", "openat2"):
        return _is_changing(name, rest) or "getdents64" in names
    return name != "ioctl" or "FICLONE" in rest


def _paths(name, rest):
    """The paths that a call names, by their text or by a descriptor."""
    given = rest.split(") = ")[0]
    found = [descriptor or text for descriptor, text in PATHS.findall(given)]
    if name in MAKING | TELLING:
        return []
    # What is read and written is no path.
    return found[:1] if name in ("write", "pwrite64", "read", "pread64") else found


def killed_at(lines, root, names):
    """The call that a run was on its way into when SIGKILL ended it; None for another end."""
    if lines[-1] != "+++ killed by SIGKILL +++":
        return None
    last = [line for line in lines if LINE.match(line)][-1]
    name = LINE.match(last).group(1)
    found = calls(lines, root, names)
    return found[-1] if found and found[-1].name == name else None


KILLED = -signal.SIGKILL
