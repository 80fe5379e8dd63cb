"""Spools on FUSE mounts, which tell no events of what is written beneath them: bindfs and sshfs."""

import contextlib
import os
import socket
import subprocess

import local
from client import Client
from harness import need, until

# 5 s without a change, looked at every SCAN_SECONDS, and the calls of a slow filesystem.
QUIET = 9
# No folders: of another user's the service may not take anything there.
NAMES = ("cp", "cp -p, old times", "cp to .part, mv", "mv", "rsync -a", "upload broken off")
SFTP_SERVER = "/usr/lib/openssh/sftp-server"


HURRIED = {"DROP_TIMEOUT_SECONDS": "10"}


def clients(kind):
    """The clients of the machine itself that write beneath such a mount.

    What is for its sender's eyes alone stays so: there is no list that lets the service in.
    """
    beneath = [Client(f"{kind}: {client.name}", client.send, QUIET + client.patience,
                      refused=client.refused, patience=QUIET + client.patience, hurried=True,
                      umasks=(0o022,))
               for client in local.CLIENTS if client.name in NAMES]
    return [*beneath, Client(f"{kind}: cp, private", local.cp, QUIET + 10, refused="invalid_request",
                             patience=QUIET + 10, hurried=True, umasks=(0o077,))]


def unmount(place):
    subprocess.run(["fusermount3", "-u", "-z", place], capture_output=True)


@contextlib.contextmanager
def bindfs(rig):
    need("bindfs", "fusermount3")
    subprocess.run(["bindfs", rig.root, rig.served], check=True, capture_output=True)
    try:
        yield
    finally:
        unmount(rig.served)


@contextlib.contextmanager
def sshfs(rig):
    """Without a network: sshfs talks with an sftp-server of the service's rights."""
    need("sshfs", "fusermount3")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = subprocess.Popen([*rig.identity(), SFTP_SERVER, "-u", "022"], stdin=theirs,
                                  stdout=theirs, stderr=subprocess.DEVNULL, umask=0o022)
        mount = subprocess.Popen(
            ["sshfs", "-f", "-o", "passive,allow_other,attr_timeout=0,dcache_timeout=1",
             f":{rig.root}", rig.served],
            stdin=ours, stdout=ours, stderr=subprocess.PIPE)
    try:
        until(lambda: os.path.ismount(rig.served) or mount.poll() is not None, "the mount")
        yield
    finally:
        unmount(rig.served)
        for process in (mount, server):
            process.kill()
            process.communicate()


class Family:
    """The clients of one kind of mount; as a module is one for the others."""

    def __init__(self, kind, mount):
        self.__name__, self.CLIENTS = kind, clients(kind)
        self.RIG, self.HURRIED = {"mount": mount, "SCAN_SECONDS": "1"}, HURRIED
        self.server = local.server


FAMILIES = (Family("bindfs", bindfs), Family("sshfs", sshfs))
