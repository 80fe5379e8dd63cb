"""Runs in place of a service's program, in its sandbox: what it may do, as JSON in the spool."""

import ctypes
import errno
import json
import mmap
import os
import pathlib
import socket
import sys

CLONE_NEWUSER = 0x10000000
PLACES = ("/opt/open", "/etc", "/usr/local/bin", "/var/lib", "/run", "/home/kiosk", "/dev/shm",
          "/tmp", "/var/tmp", "/var/spool/gpuspool")
# Both are open to everybody; the second is no device that every program may use.
DEVICES = ("/dev/gpuspool-full", "/dev/gpuspool-fuse")
libc = ctypes.CDLL(None, use_errno=True)


def attempt(body):
    """'done', or the error's name."""
    try:
        body()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


def write(place):
    path = pathlib.Path(place, "gpuspool-probe")
    path.write_text("x")


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "")


def status(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(line.split(":\t")[1] for line in lines if line.startswith(f"{name}:"))


found = {
    "write": {place: attempt(lambda: write(place)) for place in PLACES},
    "network": attempt(lambda: socket.socket(socket.AF_INET)),
    "packets": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "mount": attempt(lambda: call(libc.mount, b"x", b"/tmp", b"tmpfs", 0, None)),
    "namespace": attempt(lambda: call(libc.unshare, CLONE_NEWUSER)),
    "root": attempt(lambda: os.setuid(0)),
    "chown": attempt(lambda: os.chown("/var/spool/gpuspool/spool.conf", 0, 0)),
    "code": attempt(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "others": os.path.exists("/proc/1"),
    "nodes": sorted(os.listdir("/dev")),
    "devices": {path: attempt(lambda: open(path, "r+b").close()) for path in DEVICES},
    "user": os.getuid(),
    "capabilities": status("CapEff"),
    "bounds": status("CapBnd"),
    "privileges": status("NoNewPrivs"),
    "filter": status("Seccomp"),
}
children = []
try:
    for _ in range(64):
        child = os.fork()
        if child == 0:
            os.pause() if hasattr(os, "pause") else __import__("signal").pause()
        children.append(child)
    found["fork"] = "done"
except OSError as error:
    found["fork"] = errno.errorcode[error.errno]
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
