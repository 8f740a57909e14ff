"""Any training loop as a subject: name the functions the harness cannot guess."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

from ..core.errors import InvalidSubject, NotApplicable, StepFailed
from ..core.exclusions import Exclusion, declared, require_exclusions
from ..core.expected import ExpectedLoss
from ..core.expected import expected_losses as expected
from ..core.keypath import KeyPath
from ..core.randomness import poison, seed_all
from ..core.scenario import Scenario
from . import loop_file as container
from .calls import built, require_arity, require_keywords, required, takes_keyword
from .capabilities import Capabilities
from .poison import floats_of, spoil
from .protocol import Visits

_ANOTHER_SEED = 7919
_LENGTH = 24  # steps of a run where nobody says how many


def loop(
    *,
    make: Callable[..., Any],
    step: Callable[..., Any],
    save: Callable[..., Any] | None = None,
    load: Callable[..., Any] | None = None,
    observe: Callable[[Any], Mapping[str, Any]] | None = None,
    name: str | None = None,
    exclusions: Sequence[Exclusion] = (),
    expected_losses: Mapping[str, str] = MappingProxyType({}),
    overrides: Mapping[str, Any] = MappingProxyType({}),
    strict: bool = False,
) -> LoopSubject:
    """A training loop under test.

    Args:
        make: makes the run, `make()` or `make(seed)`; a scenario's options are its keywords.
        step: one step of training, `step(live)` or `step(live, i)` with i from 0.
        save: `save(live, path)` writes a file or folder at the path; `save(live)` returns the
            checkpoint as an object.
        load: `load(live, source)` reads path or object into a run already used otherwise, its
            floats NaN where training moved them; if it returns another run of that class, the
            returned one goes on. `load(source)` returns a run.
        observe: `observe(live)` gives the objects that are the run's state, by name; without it
            all that hangs on the run.
        name: how reports call it; otherwise the name of what `make` or `step` belongs to.
        exclusions: what is not compared, each with its reason, on top of what a class given as
            `make` declares as `checkpoint_exclusions`, a mapping of pattern -> reason.
        expected_losses: KeyPath pattern -> reason, of state that `load` is known to lose: it is
            put back before anything is compared, so that all else is judged. One that is lost no
            longer fails.
        overrides: keyword -> value that a caller passes at a load, to `load` where that has such a
            keyword and otherwise to `make` of the run that is loaded into: the claim that it wins
            over the file, and stays in force. Without it nothing is claimed or checked.
        strict: whether every difference fails, not only those that change the future.

    Raises:
        InvalidSubject: a function is missing, not callable, or needs other arguments.
        InvalidExclusion: what is to be left out is no `Exclusion`.
        InvalidExpectedLoss: what is expected is no mapping of patterns to reasons.
    """
    own = require_exclusions(exclusions)
    require_arity("make", make, (0, 1), "write make=Trainer, or make=lambda seed: Trainer(seed)")
    _require(save, "save", "save=Trainer.save, a function of (live, path) or of (live)")
    _require(load, "load", "load=Trainer.load, a function of (live, source) or of (source)")
    load = require_arity("load", load, (1, 2), "write load(live, source) or load(source)")
    require_keywords(overrides, make, load)
    return LoopSubject(
        make=make,
        step=require_arity("step", step, (1, 2), "write step(live) or step(live, i)"),
        save_run=require_arity("save", save, (1, 2), "write save(live, path) or save(live)"),
        load_run=load,
        observe=observe,
        name=name or f"loop:{_called(make, step)}",
        exclusions=(*(declared(make) if isinstance(make, type) else ()), *own),
        expected_losses=expected(expected_losses),
        overrides=dict(overrides),
        strict=strict,
    )


def _require(function: object, name: str, write: str) -> None:
    if function is None:
        raise InvalidSubject(
            f"expected a subject that can be saved, got {name}=None: write {write}"
        )


def _called(make: Any, step: Any) -> str:
    name = getattr(make, "__name__", type(make).__name__)
    owner = ["", *getattr(step, "__qualname__", "").split(".")][-2]
    if name != "<lambda>":
        return str(name)
    return owner if owner.isidentifier() else "run"


@final
@dataclass(kw_only=True)
class Run:
    """A live run and the steps done: the harness counts, the loop need not."""

    target: Any
    steps: int = 0


@final
@dataclass(frozen=True, kw_only=True)
class LoopSubject:
    """See `loop`; `component` makes one too, which keeps the global streams itself."""

    make: Callable[..., Any]
    step: Callable[..., Any]
    save_run: Callable[..., Any]
    load_run: Callable[..., Any]
    observe: Callable[[Any], Mapping[str, Any]] | None = None
    name: str
    root: str = "run"
    exclusions: Sequence[Exclusion] = ()
    expected_losses: Sequence[ExpectedLoss] = ()
    strict: bool = False
    keeps_streams: bool = False
    copies: Sequence[str] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    _lasting: dict[KeyPath, bool] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def capabilities(self) -> Capabilities:
        """A container is one file or stream; what is held in memory can be put into a live run."""
        in_place = required(self.load_run, 2) == 2
        held = required(self.save_run, 2) == 1 and in_place
        return Capabilities(
            state=self.state,
            restore=self.restore,
            media=("file", "memory", *(("parameters",) if held else ()), *self.copies),
            natural_length=_LENGTH,
            strict=self.strict,
            keeps_streams=self.keeps_streams,
            own_exclusions=self.exclusions,
            expected_losses=self.expected_losses,
            overrides=self.overrides,
            load_with=self.load_with,
            poisoned=self.poisoned if in_place else None,
            load_into=self.load_into if in_place else None,
            in_part=self.observe is not None,
        )

    def build(self, scenario: Scenario) -> Run:
        """A fresh run, seeded by the scenario.

        Raises:
            InvalidSubject: `make` returned None.
        """
        return Run(target=built(self.make, scenario.seed, dict(scenario.options)))

    def train(self, live: Run, *, until: int, visits: Visits) -> None:
        """Steps until `until` are done in all, visiting the run on the way.

        Raises:
            StepFailed: a step raised; says which.
        """
        takes_index = required(self.step, 2) == 2
        while live.steps < until:
            try:
                self.step(live.target, live.steps) if takes_index else self.step(live.target)
            except Exception as error:  # whatever a foreign step raises is a result
                raise StepFailed(self.name, live.steps, error) from error
            live.steps += 1
            if live.steps in visits:
                visits[live.steps](live)

    def save(self, live: Run, target: Any) -> None:
        """Packs what the user's `save` makes, with the steps done.

        Raises:
            InvalidSubject: `save` made nothing.
        """
        container.write(
            target, live.target, live.steps, self.save_run, keep_around=self.keeps_streams
        )

    def load(self, source: Any, scenario: Scenario) -> Run:
        """The run read back, into a poisoned target where `load` takes one.

        Raises:
            InvalidSubject: the file is no checkpoint, or `load(source)` returned None.
        """
        return self.load_with(source, scenario, {})

    def load_with(self, source: Any, scenario: Scenario, explicit: Mapping[str, Any]) -> Run:
        """As `load`, with values that the caller passes explicitly."""
        of_load = {k: v for k, v in explicit.items() if takes_keyword(self.load_run, k)}
        of_make = {k: v for k, v in explicit.items() if k not in of_load}
        return self._loaded(source, of_load, lambda: self._poisoned(scenario, of_make))

    def poisoned(self, scenario: Scenario) -> Run:
        """What `load` reads a run into: another one, poisoned."""
        return Run(target=self._poisoned(scenario, {}))

    def load_into(self, source: Any, scenario: Scenario, target: Callable[[], Run]) -> Run:
        """As `load`, into a target that was made before."""

        def made_before() -> Any:
            live = target().target
            poison((scenario.seed + _ANOTHER_SEED) % 2**32)
            return live

        return self._loaded(source, {}, made_before)

    def _loaded(
        self, source: Any, explicit: Mapping[str, Any], target_of: Callable[[], Any]
    ) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            held = container.read(source, Path(folder))
            if required(self.load_run, 2) == 1:
                target = self._made(held.source, explicit)
            else:
                target = self._filled(target_of(), held.source, explicit)
        if held.lent is not None:
            held.lent.restore(target)
        if held.streams is not None:
            held.streams.restore()
        return Run(target=target, steps=held.steps)

    def state(self, live: Run) -> Any:
        """The checkpoint as `save(live)` returns it, not packed.

        Raises:
            NotApplicable: `save` writes files.
        """
        if required(self.save_run, 2) != 1:
            raise NotApplicable(f"save of {self.name} writes files, and holds nothing in memory")
        return self.save_run(live.target)

    def restore(self, live: Run, state: Any) -> None:
        """Loads such a checkpoint in place.

        Raises:
            NotApplicable: `load` makes a run of its own.
        """
        if required(self.load_run, 2) != 2:
            raise NotApplicable(f"load of {self.name} makes a new run: it loads nothing in place")
        live.target = self._filled(live.target, state, {})

    def roots(self, live: Run) -> Mapping[str, Any]:
        """What `observe` names, or the whole run."""
        return {self.root: live.target} if self.observe is None else self.observe(live.target)

    def boundaries(self, scenario: Scenario) -> Sequence[int]:
        """Every step of a short run, every eighth of a long one."""
        every = 1 if scenario.length <= 32 else scenario.length // 8
        return range(every, scenario.length + 1, every)

    def _made(self, source: Any, explicit: Mapping[str, Any]) -> Any:
        target = self.load_run(source, **explicit)
        if target is None:
            raise InvalidSubject(
                f"expected a run from load={self.load_run!r}, got None: end it with `return`, or "
                "write `def load(live, source)` to load in place"
            )
        return target

    def _filled(self, target: Any, source: Any, explicit: Mapping[str, Any]) -> Any:
        returned = self.load_run(target, source, **explicit)
        # load_state_dict returns a list of keys: what is no run was loaded in place
        return returned if isinstance(returned, type(target)) else target

    def _poisoned(self, scenario: Scenario, explicit: Mapping[str, Any]) -> Any:
        """Another run of another seed, used or fresh, the global streams moved."""
        seed = (scenario.seed + _ANOTHER_SEED) % 2**32
        seed_all(seed)
        live = Run(target=built(self.make, seed, {**scenario.options, **explicit}))
        if scenario.into == "used":
            until = _further(scenario)
            fresh = floats_of(self.roots(live), self.exclusions)
            self.train(live, until=until // 2, visits={})
            earlier = floats_of(self.roots(live), self.exclusions) if live.steps else {}
            self.train(live, until=until, visits={})
            spoil(self.roots(live), fresh, earlier, self.exclusions, self._lasting)
        poison(seed)
        return live.target


def _further(scenario: Scenario) -> int:
    """How long to train a target: not to a save point, where a lost counter would be right."""
    lengths = (min(scenario.length, 32), 7, 5, 3, 2, 1)
    fitting = (n for n in lengths if n <= scenario.length and n not in scenario.save_points)
    return next(fitting, 1)
