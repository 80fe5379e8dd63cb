"""Clients of Samba: smbclient, and Explorer's sequence of calls through smbprotocol."""

import contextlib
import os
import pathlib
import signal
import subprocess

import samba
from client import register
from harness import CAMERA, KIOSK, REPOSITORY, Failure, Missing, need, photo, until
from loopback import is_listening

CLIENTS = []
client = register(CLIENTS)
SETTLED, RENAMED = 2, 1
# Where `Tests/run` puts what Debian has no package of.
PACKAGES = REPOSITORY / ".build/share-python"
ANY = (0o022,)

SHARES = """
[incoming]
 path={incoming}
 read only=no
 guest ok=yes
 force user={guest}
[peruser]
 path={incoming}
 read only=no
 valid users={user}
 create mask=0600
 directory mask=0700
"""


class Server:
    """A running smbd."""

    def __init__(self, port):
        self.port = port

    def words(self, umask):
        """smbclient's words: a guest's, or those of a user whose files nobody else may read."""
        if umask & 0o007:
            return ["smbclient", "-p", self.port, "-U", f"{KIOSK}%{samba.PASSWORD}", "//127.0.0.1/peruser"]
        return ["smbclient", "-p", self.port, "-N", "//127.0.0.1/incoming"]


@contextlib.contextmanager
def server(rig):
    need("smbd", "smbclient", "smbpasswd", "setsid")
    place = rig.folder / "smbd"
    shares = SHARES.format(incoming=rig.incoming, guest=CAMERA, user=KIOSK)
    configuration, port = samba.configure(place, shares, [KIOSK])
    with open(place / "out", "wb") as log:
        process = samba.start(configuration, log)
    try:
        until(lambda: is_listening(port) or process.poll() is not None, "smbd")
        if process.returncode is not None:
            raise Failure(f"smbd did not start: {(place / 'out').read_text()[-500:]}")
        yield Server(port)
    finally:
        # It leads its session: its children are in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def smbclient(drop, *commands):
    return drop.sender.run(*drop.server.words(drop.sender.umask), "-c", "; ".join(commands))


def put(path, name=None):
    return f'put "{path}" "{name or path.name}"'


@client("smbclient put", SETTLED)
def put_both(drop):
    smbclient(drop, put(drop.image), put(drop.instruction))


@client("smbclient put .part, rename", RENAMED)
def put_part(drop):
    commands = []
    for path in (drop.image, drop.instruction):
        commands += [put(path, f"{path.name}.part"), f'rename "{path.name}.part" "{path.name}"']
    smbclient(drop, *commands)


@client("smbclient mput of a folder", SETTLED)
def mput(drop):
    smbclient(drop, "prompt", "recurse", f'lcd "{drop.sender.home}"', f'mput "{drop.name}"')


@client("smbclient put over a draft", SETTLED)
def put_over(drop):
    draft = drop.sender.keep(f"{drop.name}/draft", drop.photo[:5000])
    smbclient(drop, put(draft, drop.image.name))
    drop.rig.wait_for_view(drop.name, status="receiving")
    smbclient(drop, put(drop.image), put(drop.instruction))


@client("smbclient killed", SETTLED + 4, refused="incomplete_bundle", patience=4)
def killed(drop):
    smbclient(drop, put(drop.instruction))
    half = drop.sender.keep(f"{drop.name}/half", photo(1700)[:-20])
    process = drop.sender.start(*drop.server.words(drop.sender.umask), "-c",
                                put(half, drop.image.name), stdout=subprocess.DEVNULL)
    target = drop.incoming / drop.image.name
    until(lambda: target.exists() and target.stat().st_size > 0, "the first bytes")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# --- Explorer --------------------------------------------------------------------------------


def explorer(drop, ending="close", share="none"):
    """Copies as Windows' Explorer does, in a process of its own that can be killed."""
    if not (PACKAGES / "smbprotocol").is_dir():
        raise Missing("no smbprotocol (Tests/run installs it)")
    script = pathlib.Path(__file__).parent / "explorer.py"
    user = f"{KIOSK}%{samba.PASSWORD}" if drop.sender.umask & 0o007 else ""
    share_name = "peruser" if user else "incoming"
    words = ["/usr/bin/python3", script, PACKAGES, drop.server.port, share_name, user or "-",
             ending, share, drop.image, drop.instruction]
    subprocess.run([str(word) for word in words], check=True, timeout=60,
                   stdin=subprocess.DEVNULL, capture_output=True)


@client("Explorer", SETTLED)
def explorer_copies(drop):
    explorer(drop)


@client("Explorer, shared with all", SETTLED)
def explorer_shares(drop):
    explorer(drop, share="all")


@client("Explorer, renamed after", SETTLED)
def explorer_renames(drop):
    explorer(drop, ending="rename")


@client("Explorer, copied over", SETTLED)
def explorer_overwrites(drop):
    explorer(drop, ending="abort-then-close")


@client("Explorer, broken off", SETTLED + 4, refused="incomplete_bundle", patience=4)
def explorer_aborts(drop):
    explorer(drop, ending="abort")
