"""What a power cut must have left, read from the disk before anybody repairs it, and at the end."""

import json

import harness
from harness import ENDED, bundles


def places_of(sent, owners):
    return set().union(*(owners.get(data, set()) for data in sent.drop.files))


def judge(spool, at_rest):
    """What is wrong; one sentence each. `at_rest`: everything has run since."""
    places = bundles(spool)
    owners = {}
    for place, files in places.items():
        for data in files.values():
            owners.setdefault(data, set()).add(place)
    problems, known, unsure = [], set(), set()
    for sent in spool.sent:
        here = places_of(sent, owners)
        known |= here
        is_in = any(place.startswith(("queued/", "running/", "done/", "failed/")) for place in here)
        if sent.is_promised or is_in:
            problems += harness._drop_problems(sent.drop, here, places, False, at_rest)
        else:
            unsure.add(sent.job)
        if len(here) == 1:
            place = next(iter(here))
            problems += promise_problems(spool, sent, place, places[place], at_rest)
    for place, files in places.items():
        state, _, name = place.partition("/")
        if state in harness.STATES:
            # What a careless sender lost may be refused: nothing of it is left to know it by.
            if place not in known and (state != "rejected" or name not in unsure):
                problems.append(f"{place} holds no drop: {sorted(files)}")
            problems += [f"{place}: {text}"
                         for text in harness._bundle_problems(spool, place, files)]
    if at_rest:
        problems += rest_problems(spool)
    return problems


def promise_problems(spool, sent, place, files, at_rest):
    state = place.split("/")[0]
    record = json.loads(files.get("status.json") or "{}")
    if sent.told and state != sent.told and (sent.told != "queued" or not is_after_queued(state)):
        yield f"{sent}: the log told {sent.told}, but it stands in {place}"
    if sent.state and state != sent.state and not is_decided(sent, place, record):
        yield f"{sent}: it was seen in {sent.state}, but stands in {place}"
    if sent.result and record.get("result_path") != sent.result:
        yield f"{sent}: its result was {sent.result}, now {record.get('result_path')}"
    if state in harness.STATES and state != "rejected":
        order = record.get("order_ns")
        if sent.order and order != sent.order:
            yield f"{sent}: its place in the queue was {sent.order}, now {order}"
        sent.order = order
    if at_rest and sent.is_promised and state in ENDED and state != sent.end:
        yield f"{sent}: it ended in {place}, not in {sent.end}: {record.get('error')}"


def is_after_queued(state):
    return state in ("running", "done", "failed")


def is_decided(sent, place, record):
    """Whether only the last rename is missing: recovery finishes it without another run."""
    if sent.state == "rejected":
        return place.startswith(".spool/staging/") and record.get("status") == "rejected"
    status = {"done": "completed", "failed": "failed"}[sent.state]
    return place.startswith("running/") and record.get("status") == status


def rest_problems(spool):
    for directory in ("queued", "running", ".spool/staging", ".spool/tmp"):
        for name in spool.names(directory):
            yield f"{directory}/{name} was left behind"
    runs, orders = spool.runs(), [sent.order for sent in spool.sent if sent.order]
    for sent in spool.sent:
        if sent.runs >= 0 and runs.get(sent.text, 0) != sent.runs:
            yield f"{sent} was run again after it had ended"
    if len(set(orders)) != len(orders):
        yield "two jobs have the same place in the queue"
    view = spool.json("queue.json") or {}
    counts = {"queue_size": 0, "completed_count": len(spool.names("done")),
              "failed_count": len(spool.names("failed")),
              "rejected_count": len(spool.names("rejected"))}
    for name, count in counts.items():
        if view.get(name) != count:
            yield f"queue.json says {name} {view.get(name)}, but it is {count}"
    yield from harness.verify(spool)
