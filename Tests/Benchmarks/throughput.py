#!/usr/bin/env python3
"""How many jobs a second go through the spool, beside what the disk itself can do.

usage: throughput.py GPUSPOOL [DIRECTORY]

Three figures, each the median of five rounds of 50 jobs, in one run on one disk:
  disk   the least that is durable: two files and a directory flushed, three renames with both
         parents flushed, for one job after the other
  door   drops renamed into place until all stand in queued/
  spool  the same until all stand in done/, with a pipeline that only copies
Compare the ratios: the figures themselves are the machine's.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

JOBS, ROUNDS = 50, 5
PHOTO = pathlib.Path(__file__).parents[1] / "Photos" / "cat.png"
COPYIST = """
import json, shutil, sys
for line in sys.stdin:
    order = json.loads(line)
    if order["op"] == "load":
        answer = {"event": "ready", "model": "copy", "models": ["copy"]}
    else:
        shutil.copyfile(order["image"], order["output"])
        answer = {"event": "done", "job_id": order["job_id"], "seed": order["seed"]}
    print(json.dumps(answer), flush=True)
"""


def flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def disk(root):
    states = [root / name for name in ("a", "b", "c", "d")]
    for state in states:
        state.mkdir()
    start = time.monotonic()
    for number in range(JOBS):
        bundle = states[0] / str(number)
        bundle.mkdir()
        shutil.copyfile(PHOTO, bundle / "image")
        (bundle / "record").write_text("{}")
        for path in (bundle / "image", bundle / "record", bundle):
            flush(path)
        for source, target in zip(states, states[1:]):
            os.rename(source / str(number), target / str(number))
            flush(target)
            flush(source)
    return time.monotonic() - start


def await_entries(directory, count):
    deadline = time.monotonic() + 120
    while len(os.listdir(directory)) < count:
        if time.monotonic() > deadline:
            sys.exit(f"{directory} holds {len(os.listdir(directory))} of {count}")
        time.sleep(0.002)


def drop(root):
    for number in range(JOBS):
        part = root / "incoming" / f"{number}.part"
        for name, data in ((f"{number}.png", PHOTO.read_bytes()),
                           (f"{number}.json", b'{"instruction": "copy"}')):
            part.write_bytes(data)
            os.rename(part, root / "incoming" / name)


def spool(program, root, role, state):
    pipeline = root.parent / "copyist.py"
    pipeline.write_text(COPYIST)
    command = [program, "--spool", root]
    subprocess.run([*command, "init"], check=True, stdout=subprocess.DEVNULL)
    settings = ["--set", f"MAX_INFLIGHT_JOBS={JOBS}", "--set", f"PIPELINE={sys.executable} {pipeline}"]
    with open(root.parent / "log", "a") as log:
        service = subprocess.Popen([*command, *settings, role], stderr=log)
    try:
        await_entries(root / ".spool" / "workers", 2 if role == "run" else 0)
        start = time.monotonic()
        drop(root)
        await_entries(root / state, JOBS)
        return time.monotonic() - start
    finally:
        service.terminate()
        service.wait()


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    measures = {
        "disk": disk,
        "door": lambda root: spool(program, root, "watch", "queued"),
        "spool": lambda root: spool(program, root, "run", "done"),
    }
    seconds = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            with tempfile.TemporaryDirectory(dir=parent) as directory:
                root = pathlib.Path(directory) / "spool"
                root.mkdir()
                seconds[name].append(measure(root))
    base = statistics.median(seconds["disk"])
    print(f"{'':8}jobs/s   of the disk's")
    for name, rounds in seconds.items():
        median = statistics.median(rounds)
        print(f"{name:8}{JOBS / median:6.0f}   {base / median:6.2f}")


if __name__ == "__main__":
    main()
