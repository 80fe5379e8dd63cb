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


@client("smbclient killed", SETTLED + 4, refused="incomplete_bundle", patience=4,
        hurried=True)
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


# --- smbnetfs --------------------------------------------------------------------------------

NETWORK = """
smb_query_browsers "false"
use_libsecret "false"
host "{host}" visible=true
auth {account}
"""


@contextlib.contextmanager
def smbnetfs(drop):
    """The share, mounted through FUSE; the port is a part of the host's name."""
    need("smbnetfs", "fusermount3")
    home, mount = drop.image.parent / "network", drop.image.parent / "mounted"
    host, is_known = f"127.0.0.1:{drop.server.port}", drop.sender.umask & 0o007
    account = f'"{KIOSK}" "{samba.PASSWORD}"' if is_known else '"guest" ""'
    for place in (home / ".smb", mount):
        place.mkdir(parents=True)
    for name, text in (("smb.conf", "[global]\n"),
                       ("smbnetfs.conf", NETWORK.format(host=host, account=account))):
        (home / ".smb" / name).write_text(text)
        (home / ".smb" / name).chmod(0o600)
    process = subprocess.Popen(
        ["smbnetfs", "-f", "-o", "allow_other", mount], env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        until(lambda: os.path.ismount(mount) or process.poll() is not None, "smbnetfs")
        yield mount / host / ("peruser" if is_known else "incoming")
    finally:
        subprocess.run(["fusermount3", "-u", "-z", mount], capture_output=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@client("cp to an smbnetfs mount", SETTLED)
def through_smbnetfs(drop):
    with smbnetfs(drop) as share:
        drop.sender.run("cp", drop.image, drop.instruction, share)


@client("cp to .part, mv through smbnetfs", RENAMED)
def part_through_smbnetfs(drop):
    with smbnetfs(drop) as share:
        drop.sender.shell(
            'd=$1; shift; for f do t=$d/${f##*/}; cp "$f" "$t.part"; mv "$t.part" "$t"; done',
            share, drop.image, drop.instruction)


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


@client("Explorer, broken off", SETTLED + 4, refused="incomplete_bundle", patience=4,
        hurried=True)
def explorer_aborts(drop):
    explorer(drop, ending="abort")
