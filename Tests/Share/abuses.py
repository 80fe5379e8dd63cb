"""Abuse by what is dropped: what is no file, what lies, what changes, what nobody may read."""

import collections
import os
import pathlib
import struct
import subprocess
import unicodedata
import zlib

from harness import (
    CAMERA, KIOSK, PATIENCE, SERVICE, Failure, chunk, digest, instruction, photo, until)
from scene import abuse, drop_pair, python

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
