"""Where an abuse happens, and what is asked of its drops."""

import dataclasses
import json
import typing

from harness import CAPABILITIES, PATIENCE, Failure, instruction, photo, until

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


def drop_pair(rig, sender, name, image=None, request=None, box="incoming"):
    """Renames a pair into place; the photo."""
    image = image or photo(64)
    files = ((".png", image), (".json", request or instruction()))
    # By one program: where times are short, the second one must not be late.
    sender.run("mv", *(sender.keep(f"{name}{ending}", data) for ending, data in files),
               rig.root / box)
    return image


def python(scene, script, *arguments, **options):
    """Runs a script as the sender, in the drop box."""
    return scene.sender.run("/usr/bin/python3", "-c", script, *arguments, cwd=scene.incoming,
                            **options)
