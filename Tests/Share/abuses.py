"""The abuses: what each one drops, and what must become of it."""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
import struct
import subprocess
import time
import typing
import unicodedata
import zlib

from harness import (
    CAMERA, CAPABILITIES, KIOSK, PATIENCE, SERVICE, Failure, chunk, digest, instruction, photo,
    until)

ALL = []


@dataclasses.dataclass(frozen=True)
class Abuse:
    name: str
    run: typing.Callable
    capabilities: tuple
    settings: dict


def abuse(name, capabilities=CAPABILITIES, **settings):
    def add(run):
        ALL.append(Abuse(name, run, capabilities, settings))
        return run
    return add


@dataclasses.dataclass
class Scene:
    """Where it happens, and who does it."""
    rig: typing.Any
    sender: typing.Any

    @property
    def incoming(self):
        return self.rig.incoming

    def state(self, job):
        """'queued', the code of its refusal, or None."""
        arrivals = self.rig.arrivals.of(job)
        if len(arrivals) > 1:
            raise Failure(f"'{job}' arrived twice: {arrivals}")
        if not arrivals:
            return None
        return "queued" if arrivals[0][0] == "queued" else self.reason(job)["code"]

    def reason(self, job):
        return json.loads((self.rig.root / "rejected" / job / "reason.json").read_bytes())

    def expect(self, job, state, seconds=PATIENCE):
        until(lambda: self.state(job), f"the end of '{job}': {self.rig.view(job)}", seconds)
        if self.state(job) != state:
            raise Failure(f"'{job}' is {self.state(job)}, not {state}: {self.rig.view(job)}")
        return state

    def drop(self, name, image=None, request=None):
        return drop_pair(self.rig, self.sender, name, image, request)


def drop_pair(rig, sender, name, image=None, request=None):
    """Renames a pair into place; the photo."""
    image = image or photo(64)
    for ending, data in ((".png", image), (".json", request or instruction())):
        part = sender.keep(f"{name}{ending}", data)
        sender.run("mv", part, rig.incoming / f"{name}{ending}")
    return image


def python(scene, script, *arguments, **options):
    """Runs a script as the sender, in the drop box."""
    return scene.sender.run("/usr/bin/python3", "-c", script, *arguments, cwd=scene.incoming,
                            **options)


# --- Crowds ----------------------------------------------------------------------------------

EMPTY = """
import os, sys
for number in range(int(sys.argv[1])):
    os.close(os.open(f"empty-{number:05}.png", os.O_CREAT | os.O_WRONLY, 0o644))
"""


@abuse("10,000 empty files", DROP_TIMEOUT_SECONDS="300")
def empty_files(scene):
    count = 10_000
    python(scene, EMPTY, count)
    until(lambda: scene.rig.view(f"empty-{count - 1:05}"), "a view of the last one", 120)
    before = time.monotonic()
    scene.drop("between")
    scene.expect("between", "queued")
    return f"all wait for a partner; a good photo is in after {time.monotonic() - before:.1f} s"


@abuse("2,000 refusals and a good photo", DROP_TIMEOUT_SECONDS="3")
def refusals(scene):
    count = 2000
    python(scene, EMPTY, count)
    until(lambda: any(name.startswith("empty") for name in scene.rig.arrivals.seen), "a refusal")
    before = time.monotonic()
    scene.drop("between")
    scene.expect("between", "queued")
    seconds = time.monotonic() - before
    until(lambda: len(scene.rig.arrivals.seen) > count, "the end of all", 180)
    codes = collections.Counter(scene.state(f"empty-{number:05}") for number in range(count))
    if codes != {"incomplete_bundle": count}:
        raise Failure(f"the empty files ended as {dict(codes)}")
    return f"each refused once; a good photo is in after {seconds:.1f} s"


CROWD = """
import os, pathlib, sys
home, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    for ending in (".png", ".json"):
        os.rename(home / f"{number:04}{ending}", f"crowd-{number:04}{ending}")
"""


@abuse("1,000 drops in one second")
def crowd(scene):
    count, images = 1000, {}
    for number in range(count):
        images[number] = photo(16)
        scene.sender.keep(f"{number:04}.png", images[number])
        scene.sender.keep(f"{number:04}.json", instruction())
    before = time.monotonic()
    python(scene, CROWD, scene.sender.home, count)
    dropped = time.monotonic() - before
    names = [f"crowd-{number:04}" for number in range(count)]
    until(lambda: all(map(scene.rig.arrivals.of, names)), "the end of all", 180)
    seconds = time.monotonic() - before
    for number, name in enumerate(names):
        scene.expect(name, "queued")
        found = (scene.rig.root / "queued" / name / f"{name}.png").read_bytes()
        if digest(found) != digest(images[number]):
            raise Failure(f"'{name}' holds another photo")
    return f"dropped in {dropped:.1f} s; all in, each with its photo, after {seconds:.1f} s"


HALVES = """
import pathlib, sys
data = pathlib.Path(sys.argv[1]).read_bytes()
files = []
for number in range(int(sys.argv[2])):
    pathlib.Path(f"half-{number:03}.json").write_text('{"instruction": "blur"}')
    files.append(open(f"half-{number:03}.png", "wb", buffering=0))
    files[-1].write(data[:len(data) // 2])
print("open", flush=True)
sys.stdin.readline()
"""


@abuse("100 half uploads left open", RESUME_SECONDS="2", DROP_TIMEOUT_SECONDS="6")
def halves(scene):
    count = 100
    image = scene.sender.keep("whole", photo(64))
    process = scene.sender.start("/usr/bin/python3", "-c", HALVES, image, count,
                                 cwd=scene.incoming, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
    with process:
        process.stdout.readline()
        scene.drop("between")
        scene.expect("between", "queued")
        for number in range(count):
            scene.expect(f"half-{number:03}", "incomplete_bundle", PATIENCE + 6)
        process.stdin.close()
        process.wait()
    return "each refused once as incomplete_bundle; a good photo came in meanwhile"


# --- What is no file -------------------------------------------------------------------------


@abuse("symbolic links out of the spool")
def links(scene):
    secret = scene.rig.folder / "secret"
    secret.write_bytes(photo(64))
    scene.sender.shell(
        """
        cd "$1"; ln -s "$2" image.png; echo '{"instruction": "blur"}' >image.json
        ln -s "$2" request.json; cp "$3" request.png
        ln -s /etc folder; mkdir inner; ln -s "$2" inner/x.png
        echo '{"instruction": "blur"}' >inner/x.json
        """, scene.incoming, secret, scene.sender.keep("any.png", photo(64)))
    scene.expect("image", "invalid_image")
    scene.expect("request", "invalid_request")
    scene.expect("inner", "invalid_image")
    scene.expect("folder", "invalid_image", PATIENCE + 8)
    if digest(secret.read_bytes()) in scene.rig.files("queued", "rejected").values():
        raise Failure("what a link leads to was copied")
    return "refused; nothing was followed"


@abuse("hard links to another's file")
def hard_links(scene):
    """As where fs.protected_hardlinks is off: root makes the links."""
    camera = scene.rig.sender(CAMERA, 0o077)
    private = camera.keep("private.png", photo(64))
    public = camera.keep("public.png", photo(64))
    public.chmod(0o644)
    for path in (private, public):
        os.link(path, scene.incoming / path.name)
        scene.sender.run("cp", scene.sender.keep(path.stem, instruction()),
                         scene.incoming / f"{path.stem}.json")
    scene.expect("public", "queued")
    scene.expect("private", "invalid_request", PATIENCE + 8)
    if private.stat().st_mode & 0o7777 != 0o600:
        raise Failure(f"the private file has mode {private.stat().st_mode:o} now")
    copy = scene.rig.root / "queued/public/public.png"
    if copy.stat().st_ino == public.stat().st_ino:
        raise Failure("another's file itself stands in queued/")
    return "a private one is refused, a readable one is copied"


@abuse("FIFOs, sockets")
def pipes(scene):
    scene.sender.shell(
        """
        cd "$1"; mkfifo pipe.png request.json; echo '{"instruction": "blur"}' >pipe.json
        cp "$2" request.png; mkdir folder; mkfifo folder/x.png folder/x.json
        """, scene.incoming, scene.sender.keep("any.png", photo(64)))
    python(scene, """
import socket
socket.socket(socket.AF_UNIX).bind("socket.png")
open("socket.json", "w").write('{"instruction": "blur"}')
""")
    scene.expect("pipe", "invalid_image")
    scene.expect("request", "invalid_request")
    scene.expect("socket", "invalid_image")
    scene.expect("folder", "invalid_request")
    return "refused; nobody waits for a writer"


@abuse("a folder 50 levels deep, mode 0700", REJECTED_TTL_SECONDS="1")
def deep(scene):
    python(scene, """
import os
os.umask(0o077)
os.makedirs("/".join(["deep"] + ["x"] * 50))
open("/".join(["deep"] + ["x"] * 50 + ["end"]), "w").write("end")
""")
    scene.expect("deep", "invalid_request")
    trash = scene.rig.root / ".spool/trash"

    def is_gone():
        subprocess.run([*scene.rig.identity(), *scene.rig.words("clean")],
                       capture_output=True, cwd="/")
        return not (scene.rig.root / "rejected/deep").exists() and not list(trash.iterdir())
    until(is_gone, "the folder to be cleaned up")
    return "refused, and cleaned up by the service"


# --- Lies ------------------------------------------------------------------------------------


@abuse("a JSON of 1 GB")
def huge_request(scene):
    def has_read():
        return int(pathlib.Path(f"/proc/{scene.rig.watcher.pid}/io").read_text().split()[1])
    scene.drop("before")
    scene.expect("before", "queued")
    before = has_read()
    scene.sender.shell(
        'echo \'{"instruction": "blur", "metadata": {\' >"$1/.huge"; truncate -s 1G "$1/.huge"; '
        'cp "$2" "$1/huge.png"; mv "$1/.huge" "$1/huge.json"',
        scene.incoming, scene.sender.keep("any.png", photo(64)))
    scene.expect("huge", "invalid_request")
    read = has_read() - before
    if read > 4 << 20:
        raise Failure(f"{read} bytes were read")
    return f"refused; {read} bytes were read in all"


def png(width, height, checksum=None):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    first = chunk(b"IHDR", header)
    if checksum is not None:
        first = first[:-4] + checksum
    return (b"\x89PNG\r\n\x1a\n" + first + chunk(b"IDAT", zlib.compress(b"\0\0\0\0"))
            + chunk(b"IEND", b""))


@abuse("images whose headers lie")
def lies(scene):
    jpeg = (pathlib.Path(__file__).parents[1] / "Photos/rocket.jpg").read_bytes()
    frame = next(place for place in range(len(jpeg)) if jpeg[place:place + 2] == b"\xff\xc0"
                 or jpeg[place:place + 2] == b"\xff\xc2")
    giant = jpeg[:frame + 5] + b"\xff\xff\xff\xff" + jpeg[frame + 9:]
    for name, image, state in (
            ("giant PNG", png(2**31 - 1, 2**31 - 1), "image_too_large"),
            ("giant JPEG", giant, "image_too_large"),
            ("no pixels", png(0, 0), "invalid_image"),
            ("wrong checksum", png(1, 1, b"xxxx"), "invalid_image"),
            ("a GIF", b"GIF89a" + bytes(100), "invalid_image"),
            ("a web page", b"<!DOCTYPE html><script>", "invalid_image")):
        scene.drop(name, image)
        scene.expect(name, state)
    return "refused by their headers, without decoding"


@abuse("names alike but for case or Unicode")
def alike(scene):
    names = ["Photo", "photo", "PHOTO", unicodedata.normalize("NFC", "café"),
             unicodedata.normalize("NFD", "café")]
    images = {name: scene.drop(name) for name in names}
    for name, image in images.items():
        scene.expect(name, "queued")
        found = (scene.rig.root / "queued" / name / f"{name}.png").read_bytes()
        if digest(found) != digest(image):
            raise Failure(f"'{name}' holds another's photo")
    return f"{len(names)} jobs, each with its own photo"


# --- Changes while it is taken ---------------------------------------------------------------

CHANGES = """
import os, pathlib, sys, time
home, way, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    name = f"{way}-{number:03}"
    for ending in (".png", ".json"):
        os.rename(home / f"{name}{ending}", f"{name}{ending}")
    # Somewhere between the sight of it and its end.
    time.sleep(number / 1000)
    try:
        if way == "delete":
            os.unlink(f"{name}.png")
        elif way == "rename":
            os.rename(f"{name}.png", f"{name}.renamed.part")
        else:
            with open(f"{name}.png", "r+b") as file:
                file.write(b"GARBAGE" * 100)
    except (FileNotFoundError, PermissionError):
        pass
"""


@abuse("deleted, renamed, overwritten while taken", DROP_TIMEOUT_SECONDS="4")
def changes(scene):
    count, ends = 60, collections.Counter()
    for way in ("delete", "rename", "overwrite"):
        images = {}
        for number in range(count):
            images[f"{way}-{number:03}"] = photo(16)
        for name, image in images.items():
            scene.sender.keep(f"{name}.png", image)
            scene.sender.keep(f"{name}.json", instruction())
        python(scene, CHANGES, scene.sender.home, way, count)
        for name, image in images.items():
            until(lambda: scene.state(name), f"the end of '{name}'", PATIENCE + 4)
            state = scene.state(name)
            ends[state] += 1
            if state != "queued":
                continue
            found = (scene.rig.root / "queued" / name / f"{name}.png").read_bytes()
            if digest(found) != digest(image):
                raise Failure(f"'{name}' is in queued/ with other bytes")
    if set(ends) - {"queued", "incomplete_bundle", "invalid_image", "invalid_request"}:
        raise Failure(f"they ended as {dict(ends)}")
    return ", ".join(f"{times} {state}" for state, times in sorted(ends.items()))


# --- Permissions -----------------------------------------------------------------------------


@abuse("private files, without CAP_FOWNER", ("lease",), DROP_TIMEOUT_SECONDS="6")
def private(scene):
    sender = scene.rig.sender(KIOSK, 0o077)
    folder = sender.keep("folder/x.png", photo(64)).parent
    sender.keep("folder/x.json", instruction())
    sender.run("cp", "-r", folder, scene.incoming)
    for ending, data in ((".png", photo(64)), (".json", instruction())):
        sender.run("cp", sender.keep(f"pair{ending}", data), scene.incoming)
    said = until(lambda: scene.rig.view("folder").get("error"), "an answer for the folder")
    if SERVICE not in said:
        raise Failure(f"the answer does not say whose permission is missing: {said}")
    scene.expect("pair", "invalid_request", PATIENCE + 6)
    detail = scene.reason("pair")["detail"]
    if "chmod" not in detail or SERVICE not in detail:
        raise Failure(f"the answer does not say what to do: {detail}")
    for number in range(20):
        scene.drop(f"other {number}")
        scene.expect(f"other {number}", "queued")
    lines = [line for line in scene.rig.said().splitlines() if "folder" in line]
    if len(lines) > 5 or scene.rig.arrivals.of("folder"):
        raise Failure(f"the folder got {len(lines)} answers: {lines[-3:]}")
    return "answered once with the permission that is missing"


@abuse("a folder that cannot be emptied", ("lease",))
def unmovable(scene):
    scene.sender.shell(
        'mkdir "$1/.x"; cp "$2" "$1/.x/x.png"; cp "$3" "$1/.x/x.json"; cp "$3" "$1/.x/y.json"; '
        'chmod 755 "$1/.x"; mv "$1/.x" "$1/full"',
        scene.incoming, scene.sender.keep("a", photo(64)), scene.sender.keep("b", instruction()))
    until(lambda: scene.rig.view("full").get("error"), "an answer for the folder")
    for number in range(20):
        scene.drop(f"other {number}")
        scene.expect(f"other {number}", "queued")
        scene.sender.run("touch", scene.incoming / "full")
    names = [name for name in scene.rig.arrivals.seen if name.startswith("full")]
    if len(names) > 1:
        raise Failure(f"it was answered {len(names)} times: {names}")
    return f"answered once ({scene.rig.view('full').get('status')})"


@abuse("another station's files")
def others(scene):
    """What a sender may not do to others, nor see of them."""
    camera = scene.rig.sender(CAMERA, 0o022)
    camera.run("cp", camera.keep("lone.png", photo(64)), scene.incoming)
    drop_pair(scene.rig, camera, "queued")
    scene.expect("queued", "queued")
    for script in ('rm -f "$1/incoming/lone.png"', 'mv "$1/incoming/lone.png" "$1/incoming/x"',
                   'echo >"$1/incoming/lone.png"', 'ls "$1/queued"', 'ls "$1/running"',
                   'ls "$1/.spool"', 'rm -f "$1/queue.json"', 'touch "$1/status/x"'):
        said = scene.sender.shell(script, scene.rig.root, codes=(1, 2))
        if "denied" not in said and "not permitted" not in said:
            raise Failure(f"{script}: {said}")
    return "neither seen, changed nor taken away"
