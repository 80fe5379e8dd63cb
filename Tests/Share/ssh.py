"""Clients of OpenSSH: sftp, scp in both protocols, rsync."""

import contextlib
import os
import shutil
import signal
import subprocess

from client import register
from harness import KIOSK, Failure, need, until
from local import is_open
from loopback import free_port, is_listening

CLIENTS = []
client = register(CLIENTS)
SETTLED, RENAMED = 2, 1

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {place}/host
AuthorizedKeysFile {place}/key.pub
StrictModes no
UsePAM no
PidFile none
PermitUserEnvironment no
MaxStartups 100
Subsystem sftp /usr/lib/openssh/sftp-server
Match User {kiosk}
    ForceCommand umask 077; eval "$SSH_ORIGINAL_COMMAND"
"""


class Server:
    """A running sshd."""

    def __init__(self, port, key):
        self.port, self.key = port, key

    def options(self, drop):
        """The client's options; the key must be its user's own."""
        key = drop.image.parent / "key"
        shutil.copy(self.key, key)
        shutil.chown(key, drop.sender.user)
        key.chmod(0o600)
        return ["-o", f"IdentityFile={key}", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
                "-o", "LogLevel=ERROR"]

    def target(self, drop, path=""):
        return f"{drop.sender.user}@127.0.0.1:{path}"


@contextlib.contextmanager
def server(rig):
    need("sshd", "ssh-keygen", "sftp", "scp")
    place, port = rig.folder / "sshd", free_port()
    place.mkdir()
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name],
                       check=True)
    (place / "config").write_text(CONFIGURATION.format(port=port, place=place, kiosk=KIOSK))
    os.makedirs("/run/sshd", exist_ok=True)
    process = subprocess.Popen(
        [shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"), "-D", "-f", place / "config",
         "-E", place / "log"],
        stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: is_listening(port) or process.poll() is not None, "sshd")
        if process.returncode is not None:
            raise Failure(f"sshd did not start: {(place / 'log').read_text()[-500:]}")
        yield Server(port, place / "key")
    finally:
        process.terminate()
        process.wait()


def sftp(drop, *commands):
    batch = drop.sender.keep(f"{drop.name}/batch", "\n".join(commands).encode() + b"\n")
    drop.sender.run("sftp", "-q", *drop.server.options(drop), "-P", drop.server.port, "-b", batch,
                    drop.server.target(drop))


@client("sftp put", SETTLED)
def put(drop):
    sftp(drop, *(f'put "{path}" "{drop.incoming}/{path.name}"'
                 for path in (drop.image, drop.instruction)))


@client("sftp put .filepart, rename", RENAMED)
def put_part(drop):
    commands = []
    for path in (drop.image, drop.instruction):
        target = f"{drop.incoming}/{path.name}"
        commands += [f'put "{path}" "{target}.filepart"', f'rename "{target}.filepart" "{target}"']
    sftp(drop, *commands)


@client("sftp put, reput of the rest", SETTLED)
def reput(drop):
    half = drop.sender.keep(f"{drop.name}/half", drop.photo[:100_000])
    sftp(drop, f'put "{drop.instruction}" "{drop.incoming}/{drop.instruction.name}"',
         f'put "{half}" "{drop.incoming}/{drop.image.name}"')
    drop.rig.wait_for_view(drop.name, waiting_for=f"the rest of '{drop.image.name}'")
    sftp(drop, f'reput "{drop.image}" "{drop.incoming}/{drop.image.name}"')


def scp(drop, *options):
    drop.sender.run("scp", "-q", *options, *drop.server.options(drop), "-P", drop.server.port,
                    drop.image, drop.instruction, drop.server.target(drop, f"{drop.incoming}/"))


@client("scp", SETTLED)
def scp_new(drop):
    scp(drop)


@client("scp -p", SETTLED)
def scp_times(drop):
    scp(drop, "-p")


@client("scp -O", SETTLED)
def scp_old(drop):
    scp(drop, "-O")


@client("scp -O -p", SETTLED)
def scp_old_times(drop):
    scp(drop, "-O", "-p")


@client("scp killed", SETTLED + 4, refused="incomplete_bundle", patience=4, hurried=True)
def scp_killed(drop):
    scp_file(drop, drop.instruction)
    process = scp_file(drop, drop.image, "-l", "50", is_waiting=False)
    target = drop.incoming / drop.image.name
    until(lambda: target.exists() and target.stat().st_size > 0, "the first bytes")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not is_open(drop.incoming, drop.image.name), "the end of the connection")


def scp_file(drop, path, *options, is_waiting=True):
    start = drop.sender.run if is_waiting else drop.sender.start
    return start("scp", "-q", *options, *drop.server.options(drop), "-P", drop.server.port, path,
                 drop.server.target(drop, f"{drop.incoming}/"))


def rsync(drop, *options):
    need("rsync")
    shell = " ".join(str(word) for word in ["ssh", "-p", drop.server.port,
                                            *drop.server.options(drop)])
    drop.sender.run("rsync", "-a", *options, "-e", shell, drop.image, drop.instruction,
                    drop.server.target(drop, f"{drop.incoming}/"))


@client("rsync over ssh", RENAMED)
def rsync_default(drop):
    rsync(drop)


@client("rsync --inplace over ssh", SETTLED)
def rsync_inplace(drop):
    rsync(drop, "--inplace")


@client("rsync --delay-updates over ssh", RENAMED)
def rsync_delayed(drop):
    rsync(drop, "--delay-updates")


@client("cp to an sshfs mount", SETTLED)
def through_sshfs(drop):
    need("sshfs", "fusermount3")
    mount = drop.image.parent / "mounted"
    mount.mkdir()
    subprocess.run(["sshfs", *drop.server.options(drop), "-p", str(drop.server.port), "-o",
                    "allow_other", drop.server.target(drop, drop.incoming), mount],
                   check=True, capture_output=True)
    try:
        drop.sender.run("cp", drop.image, drop.instruction, mount)
    finally:
        subprocess.run(["fusermount3", "-u", "-z", mount], capture_output=True)
