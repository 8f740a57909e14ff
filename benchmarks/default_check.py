"""Question: what does a default check cost, how much of it is training, and what of that is needed?

A row is a subject under all checks in the scenarios of its own, as `resumeproof check` runs them:
processor seconds of this process and of those it has started, steps trained, and the ratio of these
to the least that would do, every stretch of every distinct run trained once. A run is another one
where its seed, its options, a save, a load or a call of `train` makes it another; the repeat that
tells noise is one of its own. The search for causes stands apart: it is asked for again, alone.

usage: python -m benchmarks.instrument checks [NAME...]    (all subjects without a name)
"""

from __future__ import annotations

import resource
import sys
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, final
from unittest.mock import patch

import torch
from resumeproof.causes import search
from resumeproof.causes.attribution import Attribution
from resumeproof.subjects.loop import LoopSubject, loop
from resumeproof.subjects.sb3 import Sb3Subject, sb3
from resumeproof.trial.trial import Trial
from resumeproof.verdicts import judgement
from resumeproof.verdicts.plan import plan
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record

from regressions.story.gate import KNOWN
from regressions.story.trader import COMMITS, markets


class Forgetful:
    """The loop of the README: its scheduler is not in the file."""

    inputs, outputs = 4, 1

    def __init__(self) -> None:
        self.net = torch.nn.Linear(self.inputs, self.outputs)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=5)

    def step(self) -> None:
        """One batch."""
        loss = self.net(torch.randn(8, self.inputs)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()

    def save(self, path: Any) -> None:
        """Writes all but the scheduler."""
        parts = (self.net.state_dict(), self.optimizer.state_dict(), torch.get_rng_state())
        torch.save(list(parts), path)

    def load(self, path: Any) -> None:
        """Reads it."""
        net, optimizer, stream = torch.load(path)
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(optimizer)
        torch.set_rng_state(stream)


class Million(Forgetful):
    """The same with a million parameters."""

    inputs = outputs = 1000


class Hundred:
    """A hundred counters, none of them in the file, and a sum that reads all."""

    def __init__(self) -> None:
        self.counters = {f"c{number}": number for number in range(100)}
        self.sum = 0

    def step(self) -> None:
        """All move, and the sum."""
        self.counters = {name: value + 1 for name, value in self.counters.items()}
        self.sum += sum(self.counters.values())

    def save(self) -> dict[str, int]:
        """The sum."""
        return {"sum": self.sum}

    def load(self, state: dict[str, int]) -> None:
        """The sum."""
        self.sum = state["sum"]


def _of(kind: type[Any]) -> LoopSubject:
    return loop(make=kind, step=kind.step, save=kind.save, load=kind.load)


def _stock(module: str, name: str, env: str, **options: Any) -> Sb3Subject:
    return sb3(getattr(import_module(module), name), env=env, **options)


_SB3, _CONTRIB = "stable_baselines3", "sb3_contrib"
_CARTPOLE, _PENDULUM = "CartPole-v1", "Pendulum-v1"
SUBJECTS: dict[str, Callable[[], Any]] = {
    "PPO": lambda: _stock(_SB3, "PPO", _CARTPOLE),
    "PPO -s": lambda: _stock(_SB3, "PPO", _CARTPOLE, n_steps=16, batch_size=16, n_epochs=1),
    "DQN": lambda: _stock(_SB3, "DQN", _CARTPOLE),
    "SAC": lambda: _stock(_SB3, "SAC", _PENDULUM),
    "TD3": lambda: _stock(_SB3, "TD3", _PENDULUM),
    "CrossQ": lambda: _stock(_CONTRIB, "CrossQ", _PENDULUM),
    "README": lambda: _of(Forgetful),
    "1M": lambda: _of(Million),
    "100": lambda: _of(Hundred),
    "story": lambda: sb3(COMMITS["bad"], env=markets, policy="MlpPolicy"),
    "story, expected": lambda: sb3(
        COMMITS["bad"], env=markets, policy="MlpPolicy", expected_losses=KNOWN
    ),
}
"""What is measured, by the name of its row."""


@final
@dataclass
class Steps:
    """The steps trained while a block runs, by the run that they belong to.

    Attributes:
        trained: how many, in all.
        stretches: of each distinct run, how often each of its steps was trained.
        searching: how many of all belong to a search for causes.
    """

    trained: int = 0
    searching: int = 0
    is_search: bool = False
    stretches: dict[Any, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    repeat: bool = False
    scenario: str = ""
    _origins: dict[int, Any] = field(default_factory=dict)
    _since: dict[int, int] = field(default_factory=dict)

    @property
    def least(self) -> int:
        """Every step of every distinct run once."""
        return sum(map(len, self.stretches.values()))

    def born(self, live: Any, *origin: Any) -> None:
        """Notes where a run comes from."""
        self._origins[id(live)] = (*origin, self.repeat)
        self._since[id(live)] = _done(live)
        weakref.finalize(live, self._origins.pop, id(live), None)

    def cut(self, live: Any, why: Any) -> None:
        """Books what was trained so far; from here on it is another run."""
        key = id(live)
        origin = self._origins.setdefault(key, ("target", self.scenario))
        done, since = _done(live), self._since.get(key, 0)
        self.trained += done - since
        if self.is_search:
            self.searching += done - since
        else:
            self.stretches[origin].update(range(since, done))
        self._origins[key], self._since[key] = (*origin, done, why), done


def _done(live: Any) -> int:
    """The steps that a run has done."""
    if hasattr(live, "steps"):
        return int(live.steps)
    return int(getattr(live, "model", live).num_timesteps)


@contextmanager
def counted() -> Iterator[Steps]:
    """Counts the steps of every run within the block, but for those in other processes."""
    steps = Steps()
    repeat: Any = Trial.__dict__["repeat"]
    with (
        patch.multiple(LoopSubject, **_watched(LoopSubject, steps)),
        patch.multiple(Sb3Subject, **_watched(Sb3Subject, steps)),
        patch.object(repeat, "func", _marked(repeat.func, steps, "repeat")),
        patch.object(judgement, "attribute", _marked(search.attribute, steps, "is_search")),
    ):
        yield steps


def _marked(function: Any, steps: Steps, mark: str) -> Any:
    def marked(*args: Any, **kwargs: Any) -> Any:
        setattr(steps, mark, True)
        try:
            return function(*args, **kwargs)
        finally:
            setattr(steps, mark, False)

    return marked


def _watched(kind: Any, steps: Steps) -> dict[str, Any]:
    """Its methods, that tell what they do to a run."""
    build, train, save, load = kind.build, kind.train, kind.save, kind.load_with

    def built(self: Any, scenario: Any) -> Any:
        live = build(self, scenario)
        steps.born(live, self.name, scenario.seed, repr((scenario.options, scenario.length)))
        return live

    def trained(self: Any, live: Any, **how: Any) -> None:
        try:
            train(self, live, **how)
        finally:
            steps.cut(live, "call")

    def saved(self: Any, live: Any, target: Any) -> None:
        save(self, live, target)
        steps.cut(live, "save")

    def loaded(self: Any, source: Any, scenario: Any, explicit: Any) -> Any:
        steps.scenario = repr(scenario)
        live = load(self, source, scenario, explicit)
        steps.born(live, self.name, "loaded", repr(scenario), _done(live))
        return live

    return {"build": built, "train": trained, "save": saved, "load_with": loaded}


def processor_seconds() -> float:
    """Of this process, and of those it has started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def checked(subject: Any) -> list[Record]:
    """The records of a default check."""
    from resumeproof.checks import CHECKS

    return [run(subject, scenario, names) for scenario, names in plan(subject, tuple(CHECKS))]


def searched(subject: Any, record: Record) -> tuple[Attribution, float] | None:
    """The causes of one record searched again, with the arms done before; and what it took."""
    found = record.attribution
    if found is None or not found.evaluations:
        return None
    trial = Trial(subject, record.scenario)
    _ = trial.control.noise, trial.resumed
    start = processor_seconds()
    again = search.attribute(trial, found.load - 1)
    return again, processor_seconds() - start


def row(name: str) -> str:
    """One line of the table."""
    subject = SUBJECTS[name]()
    with counted() as steps:
        start = processor_seconds()
        records = checked(subject)
        whole = processor_seconds() - start
    of_checks = steps.trained - steps.searching
    searches = [one for one in (searched(subject, record) for record in records) if one]
    evaluations = "+".join(str(found.evaluations) for found, _ in searches) or "-"
    seconds = "+".join(f"{spent:.2f}" for _, spent in searches) or "-"
    owners = ", ".join(dict.fromkeys(o for found, _ in searches for o in found.groups)) or "-"
    minimal = "".join("m" if found.minimal else "<" for found, _ in searches) or "-"
    return (
        f"{name:16} {whole:7.2f} {of_checks:6} {steps.least:6} {of_checks / steps.least:5.2f} "
        f"{evaluations:>9} {seconds:>13} {steps.searching:6} {minimal:>3}  {owners}"
    )


def main(names: Sequence[str] = ()) -> None:
    """Prints one row a subject."""
    torch.set_num_threads(1)
    print(
        f"{'subject':16} {'cpu s':>7} {'steps':>6} {'least':>6} {'ratio':>5} "
        f"{'evals':>9} {'cpu s':>13} {'steps':>6} {'min':>3}  owners that were lost"
    )
    for name in names or SUBJECTS:
        print(row(name), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
