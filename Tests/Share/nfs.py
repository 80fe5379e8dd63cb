"""Clients of an NFS server (nfs-ganesha), which keeps open what its clients have closed."""

import contextlib
import ctypes
import pathlib
import shutil
import signal
import subprocess

from client import register
from harness import Failure, Missing, need, until
from loopback import free_port, is_listening

CLIENTS = []
client = register(CLIENTS)
# RESUME_SECONDS, for a file that is never seen closed.
LEFT_OPEN = 6
HURRIED = {"DROP_TIMEOUT_SECONDS": "10"}

CONFIGURATION = """
NFS_CORE_PARAM {{ NFS_Port = {port}; Bind_addr = 127.0.0.1; Enable_NLM = false;
    Enable_RQUOTA = false; Protocols = 4; }}
NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = {place}/recovery; }}
EXPORT {{ Export_Id = 1; Path = {incoming}; Pseudo = /share; Access_Type = RW;
    Squash = No_Root_Squash; SecType = sys; Protocols = 4; FSAL {{ Name = VFS; }} }}
"""


@contextlib.contextmanager
def server(rig):
    need("ganesha.nfsd")
    try:
        ctypes.CDLL("libnfs.so.13")
    except OSError:
        raise Missing("no libnfs.so.13 here") from None
    place, port = rig.folder / "ganesha", free_port()
    (place / "recovery").mkdir(parents=True)
    (place / "config").write_text(
        CONFIGURATION.format(port=port, place=place, incoming=rig.incoming))
    process = subprocess.Popen(
        [shutil.which("ganesha.nfsd", path="/usr/bin:/usr/sbin"), "-F", "-f", place / "config",
         "-L", place / "log", "-p", place / "pid"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        until(lambda: is_listening(port) or process.poll() is not None, "nfs-ganesha")
        if process.returncode is not None:
            raise Failure(f"nfs-ganesha did not start: {(place / 'log').read_text()[-500:]}")
        yield port
    finally:
        process.kill()
        process.wait()


def write(drop, path, name=None, ending="close", **options):
    script = pathlib.Path(__file__).parent / "nfswrite.py"
    drop.sender.run("/usr/bin/python3", script, drop.server, path, name or path.name, ending,
                    **options)


@client("NFS write", LEFT_OPEN, patience=8, hurried=True)
def write_both(drop):
    write(drop, drop.image)
    write(drop, drop.instruction)


@client("NFS write .part, rename", LEFT_OPEN, patience=8, hurried=True)
def write_part(drop):
    for path in (drop.image, drop.instruction):
        write(drop, path, f"{path.name}.part", f"rename {path.name}")


@client("NFS client killed", LEFT_OPEN + 10, refused="incomplete_bundle", patience=16,
        hurried=True)
def killed(drop):
    write(drop, drop.instruction)
    write(drop, drop.image, ending="die", codes=(-signal.SIGKILL,))
