"""Abuse by numbers: thousands of files, floods, uploads that never end."""

import collections
import os
import shutil
import subprocess
import time

from harness import (
    CAMERA, KIOSK, PATIENCE, SERVICE, Failure, digest, instruction, photo, until, until_all)
from scene import abuse, drop_pair, python

EMPTY = """
import os, sys
for number in range(int(sys.argv[1])):
    os.close(os.open(f"empty-{number:05}.png", os.O_CREAT | os.O_WRONLY, 0o644))
"""


@abuse("10,000 empty files", DROP_TIMEOUT_SECONDS="300")
def empty_files(scene):
    count = 10_000
    python(scene, EMPTY, count)
    until_all(lambda: len(os.listdir(scene.rig.root / "status")), count, "views")
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
    until_all(lambda: len(scene.rig.arrivals.seen), count + 1, "refusals")
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
    until_all(lambda: len(scene.rig.arrivals.seen), count, "jobs")
    seconds = time.monotonic() - before
    for number, name in enumerate(names):
        scene.expect(name, "queued")
        found = (scene.rig.root / "queued" / name / f"{name}.png").read_bytes()
        if digest(found) != digest(images[number]):
            raise Failure(f"'{name}' holds another photo")
    return f"dropped in {dropped:.1f} s; all in, each with its photo, after {seconds:.1f} s"


FLOOD = """
import os, pathlib, sys, time
home = pathlib.Path(sys.argv[1])
for number in range(300):
    for ending in (".png", ".json"):
        os.rename(home / f"{number:04}{ending}", f"flood-{number:04}{ending}")
    time.sleep(0.01)
"""
# Notes whose jobs it does, and answers with a copy of the image.
PIPELINE = r"""
value() { value=${line#*\"$1\":\"}; value=${value%%\"*}; }
while read -r line; do
    case $line in
    *'"op":"load"'*) echo '{"event":"ready","model":"copy","models":["copy"]}' ;;
    *'"op":"edit"'*)
        value image; image=$value; value output; cp "$image" "$value"
        value job_id; echo "$value" >>"${0%/*}/edits"
        echo "{\"event\":\"done\",\"job_id\":\"$value\",\"seed\":1}" ;;
    *'"op":"ping"'*) echo '{"event":"pong"}' ;;
    esac
done
"""


@abuse("100 drops a second beside one", ORDER="fair", MAX_INFLIGHT_JOBS="200",
       PIPELINE="exec /bin/sh {folder}/pipeline/run")
def flood(scene):
    limit, rig, camera = 12, scene.rig, scene.rig.sender(CAMERA, 0o022)
    place = rig.folder / "pipeline"
    place.mkdir()
    (place / "run").write_text(PIPELINE)
    shutil.chown(place, SERVICE)
    rig.command("station", "add", "busy", "--group", KIOSK, "--jobs-per-min", str(limit))
    rig.command("station", "add", "calm", "--group", CAMERA)
    for number in range(300):
        scene.sender.keep(f"{number:04}.png", photo(16))
        scene.sender.keep(f"{number:04}.json", instruction())
    start = time.monotonic()
    process = scene.sender.start("/usr/bin/python3", "-c", FLOOD, scene.sender.home,
                                 cwd=scene.incoming / "busy")
    until(lambda: rig.arrivals.of("busy.flood-0050"), "the flood")
    drop_pair(rig, camera, "one", box="incoming/calm")
    scene.expect("calm.one", "queued")
    process.wait()
    names = [f"busy.flood-{number:04}" for number in range(300)]
    until_all(lambda: len(rig.arrivals.seen), len(names) + 1, "drops of the flood")
    ends = collections.Counter(map(scene.state, names))
    # On a busy machine the flood may take more than a minute.
    minutes = 1 + int((time.monotonic() - start) // 60)
    if not limit <= ends["queued"] <= limit * minutes or set(ends) != {"queued", "rate_limited"}:
        raise Failure(f"in {minutes} minutes, with a limit of {limit} a minute: {dict(ends)}")
    worker = rig.begin("work")
    try:
        edits = place / "edits"
        until(lambda: edits.exists() and "calm.one" in edits.read_text().split(), "its turn")
        turn = edits.read_text().split().index("calm.one") + 1
    finally:
        worker.kill()
        worker.wait()
    if turn > 2:
        raise Failure(f"the one drop of the calm station was served as number {turn}")
    return f"of 300 drops {ends['queued']} came in; the other station's is number {turn}"


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
