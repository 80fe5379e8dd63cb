"""Abuse by numbers: thousands of files, floods, uploads that never end."""

import collections
import subprocess
import time

from harness import PATIENCE, Failure, digest, instruction, photo, until
from scene import abuse, python

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
