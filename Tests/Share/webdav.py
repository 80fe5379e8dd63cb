"""Clients of a WebDAV server: curl against lighttpd, which writes as a user of its own."""

import contextlib
import shutil
import signal
import subprocess
import os

from client import register
from harness import KIOSK, Failure, need, until
from loopback import free_port, is_listening

CLIENTS = []
client = register(CLIENTS)
SETTLED, RENAMED = 2, 1

CONFIGURATION = """
server.document-root = "{incoming}"
server.modules = ("mod_webdav")
server.bind = "127.0.0.1"
server.port = {port}
server.upload-dirs = ("{place}/uploads")
server.errorlog = "{place}/log"
webdav.activate = "enable"
webdav.sqlite-db-name = "{place}/uploads/locks"
"""


class Server:
    """Running servers, one for each umask."""

    def __init__(self, ports):
        self.ports = ports

    def address(self, drop, name):
        return f"http://127.0.0.1:{self.ports[drop.sender.umask]}/{name.replace(' ', '%20')}"


@contextlib.contextmanager
def server(rig):
    need("lighttpd", "curl")
    with contextlib.ExitStack() as stack:
        yield Server({umask: stack.enter_context(one(rig, umask)) for umask in (0o022, 0o077)})


@contextlib.contextmanager
def one(rig, umask):
    place, port = rig.folder / f"lighttpd-{umask:03o}", free_port()
    (place / "uploads").mkdir(parents=True)
    sender = rig.sender(KIOSK, umask)
    for path in (place, place / "uploads"):
        shutil.chown(path, sender.user)
    (place / "config").write_text(
        CONFIGURATION.format(place=place, port=port, incoming=rig.incoming))
    process = sender.start(shutil.which("lighttpd", path="/usr/sbin:/usr/bin"), "-D", "-f",
                           place / "config", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: is_listening(port) or process.poll() is not None, "lighttpd")
        if process.returncode is not None:
            log = place / "log"
            raise Failure("lighttpd did not start: "
                          + (log.read_text()[-500:] if log.exists() else "it wrote no log"))
        yield port
    finally:
        process.terminate()
        process.wait()


def curl(drop, *words, codes=(0,)):
    drop.sender.run("curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", *words,
                    codes=codes)


def put(drop, path, name=None):
    curl(drop, "--upload-file", path, drop.server.address(drop, name or path.name))


@client("WebDAV PUT", RENAMED)
def put_both(drop):
    put(drop, drop.image)
    put(drop, drop.instruction)


@client("WebDAV PUT .part, MOVE", RENAMED)
def put_and_move(drop):
    for path in (drop.image, drop.instruction):
        put(drop, path, f"{path.name}.part")
        curl(drop, "--request", "MOVE", "--header",
             f"Destination: {drop.server.address(drop, path.name)}",
             drop.server.address(drop, f"{path.name}.part"))


@client("WebDAV PUT over a draft", RENAMED)
def put_over(drop):
    put(drop, drop.sender.keep(f"{drop.name}/draft", drop.photo[:5000]), drop.image.name)
    drop.rig.wait_for_view(drop.name, status="receiving")
    put(drop, drop.image)
    put(drop, drop.instruction)


@client("WebDAV PUT killed, repeated", RENAMED)
def put_killed(drop):
    process = drop.sender.start(
        "curl", "--silent", "--limit-rate", "50K", "--expect100-timeout", "60", "--upload-file",
        drop.image, drop.server.address(drop, drop.image.name), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until(lambda: process.poll() is not None or has_sent(process.pid), "the first bytes")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    put_both(drop)


def has_sent(pid):
    """Whether a process has read some of what it is to send."""
    try:
        with open(f"/proc/{pid}/io") as file:
            return int(file.readline().split()[1]) > 100_000
    except OSError:
        return True


@client("WebDAV folder", SETTLED)
def folder(drop):
    curl(drop, "--request", "MKCOL", drop.server.address(drop, f"{drop.name}/"))
    for path in (drop.image, drop.instruction):
        put(drop, path, f"{drop.name}/{path.name}")
