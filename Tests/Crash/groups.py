"""Scenarios of a station's Unix group: who may read its drop box, its jobs and their views.

Whatever the role that is killed, in the end all of them are for those whom the declaration names:
the old terms, or the new ones.
"""

import grp
import signal

from harness import access_lists, readers, until
from scenarios import cut_off, is_settled, scenario, serve

GROUP, OTHER_GROUP = "games", "users"


def closed_problems(spool):
    """Box, result and view are for those whom the declaration names: the old terms, or the new ones."""
    declaration = spool.json(".spool/stations/kiosk")
    places = ["incoming/kiosk", "done/kiosk.a", "status/kiosk.a.json"]
    if declaration is None:
        # What was made for a group stays its own when the station is gone.
        yield from (f"'{place}' is there, and no station" for place in places[:1]
                    if (spool.root / place).exists())
        yield from (f"'{place}' is open to everybody" for place in places[1:]
                    if readers(spool.root / place) == "everybody")
        return
    group = declaration.get("group")
    wanted = "everybody" if group is None else grp.getgrnam(group).gr_gid
    yield from (f"'{place}' is for {readers(spool.root / place)}, not {wanted}" for place in places
                if readers(spool.root / place) != wanted)
    if (access_lists(spool.root / places[0])[1] is None) == (group is not None):
        yield f"what is made in '{places[0]}' is for others, with the group {group}"


def done_for(spool, group):
    """A station with this group, and a job of it that has ended."""
    spool.run("station", "add", "kiosk", "--group", group)
    spool.drop("a", box="incoming/kiosk")
    serve(spool)


@scenario("station", "add", "kiosk", "--group", GROUP, also=closed_problems, a="done")
def a_station_gets_a_group(spool):
    done_for(spool, "none")


@scenario("station", "add", "kiosk", "--group", OTHER_GROUP, also=closed_problems, a="done")
def a_station_gets_another_group(spool):
    done_for(spool, GROUP)


@scenario("station", "add", "kiosk", "--group", "none", also=closed_problems, a="done")
def a_station_loses_its_group(spool):
    done_for(spool, GROUP)


@scenario("station", "remove", "kiosk", also=closed_problems, a="done")
def a_station_is_withdrawn(spool):
    done_for(spool, GROUP)


@scenario("watch", also=closed_problems, a="done")
def a_group_that_was_taken_away_lets_everybody_in(spool):
    """Who took it away died before the drop box was open."""
    done_for(spool, GROUP)
    cut_off(spool, "station", "add", "kiosk", "--group", "none", call="fsetxattr",
            path="incoming/kiosk")


def group_at_once(spool, role):
    """A watcher that is told of a change whose maker died before the drop box followed."""
    until(lambda: role.is_asleep and is_settled(spool), "the watcher's start", role=role)
    role.signal(signal.SIGSTOP)
    cut_off(spool, "station", "add", "kiosk", "--group", OTHER_GROUP, call="fsetxattr",
            path="incoming/kiosk")
    role.signal(signal.SIGCONT)
    until(lambda: role.is_asleep and not list(closed_problems(spool)), "the change", role=role)


@scenario("watch", act=group_at_once, also=closed_problems, a="done")
def an_event_tells_of_another_group(spool):
    done_for(spool, GROUP)
