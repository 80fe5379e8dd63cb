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
        if any(place.startswith(".spool/trash/") for place in here) and len(here) == 1 \
                or not here and sent.job in spool.cleaned:
            continue
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
                         for text in harness._bundle_problems(spool, place, files)
                         if at_rest or not is_cut_off(spool, place, text)]
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
    if state in harness.STATES and state != "rejected" and not sent.is_retried:
        order = record.get("order_ns")
        if sent.order and order != sent.order:
            yield f"{sent}: its place in the queue was {sent.order}, now {order}"
        sent.order = order
    if at_rest and sent.is_promised and state in ENDED and state not in sent.ends:
        yield f"{sent}: it ended in {place}, not in {sent.ends}: {record.get('error')}"
    if not at_rest:
        yield from order_problems(spool, sent, state, record)


def order_problems(spool, sent, state, record):
    """R9: an order is durable before its control drop is gone, and stands until it is obeyed."""
    if sent.is_retried or state in ("incoming", ".spool", *ENDED) \
            or record.get("status") == "cancelled":
        return
    def stands(verb, directory):
        return (spool.root / sent.drop.box / f"{sent.drop.name}.{verb}").exists() \
            or (spool.root / ".spool" / directory / sent.job).exists()
    if "cancel" in sent.orders and not stands("cancel", "cancel") \
            and record.get("status") != "completed":
        yield f"{sent}: its cancel was lost"
    if "hold" in sent.orders and not sent.was_released and state == "queued" \
            and not stands("hold", "held"):
        yield f"{sent}: its hold was lost"


def is_cut_off(spool, place, problem):
    """A job that was being cancelled, which goes to failed/, or retried, whose order stands."""
    state, _, name = place.partition("/")
    if state == "queued":
        return problem == "its record says cancelled"
    halves = ("its record says queued", "reason.json is no JSON", "status.0.tmp was left behind",
              "it holds ['status.0.tmp'] too")
    return state in ("failed", "rejected") and name in spool.names(".spool/retry") \
        and problem in halves


def is_after_queued(state):
    return state in ("running", "done", "failed")


def is_decided(sent, place, record):
    """Whether only the last rename is missing: recovery finishes it without another run."""
    if sent.state == "rejected":
        return place.startswith(".spool/staging/") and record.get("status") == "rejected"
    status = {"done": ("completed",), "failed": ("failed", "cancelled")}[sent.state]
    return place.startswith(("running/", "queued/")) and record.get("status") in status


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
    yield from count_problems(spool, spool.json("queue.json") or {})
    yield from harness.verify(spool)


def count_problems(spool, view):
    """What was cleaned up is counted once, whatever was cut off (R14)."""
    there = {state: spool.names(state) for state in ENDED}
    names = {"done": "completed_count", "failed": "failed_count", "rejected": "rejected_count"}
    told = {state: view.get(name) for state, name in names.items()}
    gone = spool.cleaned - set().union(*map(set, there.values()))
    if view.get("queue_size") != 0:
        yield f"queue.json says queue_size {view.get('queue_size')}"
    if sum(told.values()) != sum(map(len, there.values())) + len(gone):
        yield f"queue.json counts {told}; there are {there}, and {len(gone)} were cleaned up"
    for state in ENDED:
        if not gone and told[state] != len(there[state]):
            yield f"queue.json says {names[state]} {told[state]}, but it is {len(there[state])}"
