"""Clients on the machine itself: copies, moves, links, archives, rsync, editors, slow writers."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from client import register
from harness import Failure, instruction, need, photo, until

CLIENTS = []
client = register(CLIENTS)
# The kernel's lease and SETTLE_SECONDS; a whole name that comes by a rename is taken at once.
SETTLED, RENAMED = 2, 1
HURRIED = {"DROP_TIMEOUT_SECONDS": "8"}


@contextlib.contextmanager
def server(rig):
    """No server: they write into the directory."""
    yield None


@client("cp", SETTLED)
def cp(drop):
    drop.sender.run("cp", drop.image, drop.instruction, drop.incoming)


@client("cp, JSON first", SETTLED)
def cp_json_first(drop):
    drop.sender.run("cp", drop.instruction, drop.incoming)
    drop.sender.run("cp", drop.image, drop.incoming)


@client("cp -p, old times", SETTLED)
def cp_old(drop):
    for path in (drop.image, drop.instruction):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    drop.sender.run("cp", "-p", drop.image, drop.instruction, drop.incoming)


@client("cp to .part, mv", RENAMED)
def cp_part(drop):
    drop.sender.shell(
        'd=$1; shift; for f do t=$d/${f##*/}; cp "$f" "$t.part"; mv "$t.part" "$t"; done',
        drop.incoming, drop.image, drop.instruction)


@client("mv", RENAMED)
def mv(drop):
    drop.sender.run("mv", drop.image, drop.instruction, drop.incoming)


@client("mv from another disk", SETTLED)
def mv_across(drop):
    if os.stat("/dev/shm").st_dev == os.stat(drop.incoming).st_dev:
        raise Failure("/dev/shm is no disk of its own")
    place = tempfile.mkdtemp(dir="/dev/shm")
    try:
        shutil.chown(place, drop.sender.user)
        drop.sender.run("mv", drop.image, drop.instruction, place)
        names = [pathlib.Path(place) / path.name for path in (drop.image, drop.instruction)]
        drop.sender.run("mv", *names, drop.incoming)
    finally:
        shutil.rmtree(place)


@client("ln", SETTLED, umasks=(0o022,))
def ln(drop):
    drop.sender.run("ln", drop.image, drop.instruction, drop.incoming)


@client("ln -s", SETTLED, refused="invalid_request")
def symbolic_link(drop):
    drop.sender.run("cp", drop.image, drop.incoming)
    drop.sender.run("ln", "-s", drop.instruction, drop.incoming)


@client("tar -x", SETTLED)
def tar(drop):
    drop.sender.shell('tar -C "$1" -cf - "$2" "$3" | tar -C "$4" -xf -', drop.image.parent,
                      drop.image.name, drop.instruction.name, drop.incoming)


@client("tar -x of a folder", SETTLED)
def tar_folder(drop):
    drop.sender.shell('tar -C "$1" -cf - "$2" | tar -C "$3" -xf -',
                      drop.sender.home, drop.name, drop.incoming)


@client("cp -r", SETTLED)
def cp_folder(drop):
    drop.sender.run("cp", "-r", drop.image.parent, drop.incoming)


@client("mv of a folder", RENAMED)
def mv_folder(drop):
    drop.sender.run("mv", drop.image.parent, drop.incoming)


@client("rsync -a", RENAMED)
def rsync(drop):
    need("rsync")
    drop.sender.run("rsync", "-a", drop.image, drop.instruction, drop.incoming)


@client("rsync -a of a folder", SETTLED)
def rsync_folder(drop):
    need("rsync")
    drop.sender.run("rsync", "-a", drop.image.parent, drop.incoming)


@client("rsync --inplace", SETTLED)
def rsync_inplace(drop):
    need("rsync")
    drop.sender.run("rsync", "-a", "--inplace", drop.image, drop.instruction, drop.incoming)


@client("rsync --delay-updates", RENAMED)
def rsync_delayed(drop):
    need("rsync")
    drop.sender.run("rsync", "-a", "--delay-updates", drop.image, drop.instruction, drop.incoming)


@client("rsync killed, repeated", RENAMED)
def rsync_killed(drop):
    need("rsync")
    process = drop.sender.start("rsync", "-a", "--bwlimit=5", drop.image, drop.incoming)
    until(lambda: list(drop.incoming.glob(f".{drop.image.name}.*")), "rsync's temporary file")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not is_open(drop.incoming, drop.image.name), "the end of rsync")
    for path in drop.incoming.glob(f".{drop.image.name}.*"):
        path.unlink()
    rsync(drop)


def is_open(directory, name):
    """Whether a process has a file open whose name has this in it."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        # Processes and descriptors may go at any moment.
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{process}/fd/{number}")
                    if target.startswith(f"{directory}/") and name in target:
                        return True
    return False


@client("vim", SETTLED)
def vim(drop):
    need("vim.tiny")
    edited_in_place(
        drop, "vim.tiny", "-es", "-u", "NONE", "-i", "NONE", "-c", "set noeol nofixeol",
        "-c", f"1read {drop.instruction}", "-c", "1d", "-c", "wq")


@client("vim, saved in place", SETTLED)
def vim_in_place(drop):
    need("vim.tiny")
    edited_in_place(
        drop, "vim.tiny", "-es", "-u", "NONE", "-i", "NONE", "-c", "set noeol nofixeol",
        "-c", "set backupcopy=yes", "-c", f"1read {drop.instruction}", "-c", "1d", "-c", "wq")


@client("sed -i", SETTLED)
def sed(drop):
    edited_in_place(drop, "sed", "-i", "-e", f"r {drop.instruction}", "-e", "d")


def edited_in_place(drop, *editor):
    """A JSON is corrected in the share while its photo is still missing."""
    draft = drop.sender.keep(f"{drop.name}/draft", instruction(seed=1) + b"\n")
    target = drop.incoming / drop.instruction.name
    drop.sender.run("cp", draft, target)
    drop.rig.wait_for_view(drop.name, status="receiving")
    drop.sender.run(*editor, target)
    if target.read_bytes() != drop.request:
        raise Failure(f"{editor[0]} wrote {target.read_bytes()[-200:]}")
    drop.sender.run("cp", drop.image, drop.incoming)


@contextlib.contextmanager
def paused_copy(drop, script):
    """A writer that has come to its pause; what it yields lets the writer go on, and waits for its end."""
    writer = drop.sender.start(
        "/bin/sh", "-euc", script, "sh", drop.image, drop.incoming / drop.image.name,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def go_on():
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        writer.wait()

    with writer:
        writer.stdout.readline()
        yield go_on


SLOW = r"""exec 3>"$2"; head -c 100000 "$1" >&3; echo; read go; tail -c +100001 "$1" >&3"""


@client("slow writer", SETTLED)
def slow(drop):
    drop.sender.run("cp", drop.instruction, drop.incoming)
    with paused_copy(drop, SLOW) as go_on:
        drop.rig.wait_for_view(drop.name, waiting_for=f"the end of '{drop.image.name}'")
        go_on()


OPEN = r"""exec 3>"$2"; cat "$1" >&3; echo; read go; echo more >&3"""


@client("left open by its writer", SETTLED + 4, patience=4, hurried=True)
def left_open(drop):
    drop.sender.run("cp", drop.instruction, drop.incoming)
    with paused_copy(drop, OPEN) as go_on:
        drop.sent()
        until(lambda: drop.rig.arrivals.of(drop.name), "the photo in queued/", 34)
        # What is written now must not reach what was taken.
        go_on()


@client("upload resumed", SETTLED)
def resumed(drop):
    half_upload(drop)
    drop.rig.wait_for_view(drop.name, waiting_for=f"the rest of '{drop.image.name}'")
    drop.sender.shell('tail -c +100001 "$1" >>"$2"', drop.image, drop.incoming / drop.image.name)


@client("upload broken off", SETTLED + 4, refused="incomplete_bundle", patience=4,
        hurried=True)
def half_upload(drop):
    drop.sender.run("cp", drop.instruction, drop.incoming)
    drop.sender.shell('head -c 100000 "$1" >"$2"', drop.image, drop.incoming / drop.image.name)


@client("name used again", SETTLED, suffix="~2", others=("",))
def name_again(drop):
    first = drop.sender.keep(f"{drop.name}/first/{drop.image.name}", photo())
    drop.sender.run("cp", first, drop.instruction, drop.incoming)
    until(lambda: drop.rig.arrivals.of(drop.name), "the first photo")
    drop.sender.run("cp", drop.image, drop.instruction, drop.incoming)


@client("cp, CSV of a spreadsheet", SETTLED, suffix="-0001", is_row=True)
def cp_list(drop):
    text = f"\ufeffimage;instruction\r\n{drop.image.name};\"blur; sepia\"\r\n"
    rows = drop.sender.keep(f"{drop.name}/{drop.name}.csv", text.encode())
    drop.sender.run("cp", rows, drop.image, drop.incoming)


@client("photo alone", SETTLED + 8, refused="incomplete_bundle", patience=8, hurried=True)
def alone(drop):
    drop.sender.run("cp", drop.image, drop.incoming)
