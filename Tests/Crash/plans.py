"""Runs of a scenario below strace, and what is to be done and looked at after each."""

import pathlib
import tempfile

import scenarios
import tracing
from harness import Died, Failure, Spool, check, verify

SERVICES = ("watch", "work", "run")


class Plan:
    """A scenario that is run again and again, from the same spool each time."""

    def __init__(self, scenario, parent):
        self.scenario, self.parent = scenario, parent
        self.is_service = scenario.command[0] in SERVICES
        # Which comes first is chance: roles in one process, or timers of a minute.
        self.has_turns = scenario.command[0] == "run" or scenario.waits
        self.model, self.drops, self.removed, self.edits = None, [], set(), []
        if not scenario.in_place:
            with Spool(parent) as spool:
                scenario.prepare(spool)
                self.model = pathlib.Path(tempfile.mkdtemp(dir=parent)) / "model"
                if spool.root.exists():
                    spool.save(self.model)
                self.drops, self.removed, self.edits = spool.drops, spool.removed, spool.edits()

    def spool(self):
        """A spool as the scenario wants it, with nobody in it."""
        spool = Spool(self.parent, self.scenario.settings, self.model)
        spool.drops, spool.removed = list(self.drops), set(self.removed)
        (spool.folder / "edits").write_text("".join(edit + "\n" for edit in self.edits))
        try:
            if self.scenario.in_place:
                self.scenario.prepare(spool)
        except Failure:
            spool.__exit__()
            raise
        return spool

    def start(self, spool, names, inject=None):
        """The scenario's role, traced into a file of the spool's folder."""
        under = tracing.words(spool.folder / "strace", names, inject)
        return spool.start(*self.scenario.command, under=under, environment=tracing.environment())

    def act(self, spool, role):
        """Until the role has nothing more to do; a command has ended then."""
        self.scenario.act(spool, role)

    def stop(self, role):
        if self.is_service:
            scenarios.stop(role)

    def lines(self, spool):
        return tracing.read(spool.folder / "strace")

    def trace(self, names):
        """The calls of an undisturbed run."""
        with self.spool() as spool:
            role = self.start(spool, names)
            self.act(spool, role)
            self.stop(role)
            found = tracing.calls(self.lines(spool), spool.root, names)
            if problems := self.finish(spool):
                raise Failure("undisturbed: " + "; ".join(problems))
            return found

    def unknown(self):
        """Names of calls that an undisturbed run makes on the spool and `tracing` does not know."""
        with self.spool() as spool:
            role = self.start(spool, {"all"})
            self.act(spool, role)
            self.stop(role)
            return tracing.unknown(self.lines(spool), spool.root)

    def finish(self, spool):
        """Lets everybody else go on; what is wrong when all is at rest."""
        problems = []
        try:
            self.scenario.after(spool)
            # Places in the queue can be seen before a worker comes.
            scenarios.serve(spool, between=lambda spool: problems.extend(verify(spool)))
        except Failure as failure:
            return [str(failure), *problems, *check(spool, at_rest=False), logs(spool)]
        problems += check(spool) + verify(spool)
        problems += scenarios.ends_problems(self.scenario, spool)
        return problems + [logs(spool)] if problems else []


def logs(spool):
    """What the roles printed, one after the other."""
    return "".join(f"\n    --- {role.name}, {role.process.returncode}\n{role.printed()}"
                   for role in spool.roles)
