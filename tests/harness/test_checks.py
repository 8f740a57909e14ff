"""Every check bites on a subject that breaks its check, and passes one that keeps it."""

import json
import random
import threading

import pytest
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.errors import NotApplicable
from resumeproof.core.exclusions import Exclusion
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.component import component
from resumeproof.subjects.loop import loop
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=8, save_at=5)


class Part:
    """A module with its optimizer, saved and loaded with care."""

    def __init__(self):
        self.net = torch.nn.Linear(3, 2)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=0.1)
        self.count = 0

    def step(self):
        """One update."""
        self.opt.zero_grad()
        self.net(torch.randn(4, 3)).square().sum().backward()
        self.opt.step()
        self.count += 1

    def names(self):
        """Parameters by name, in the order of the optimizer."""
        named = {id(p): name for name, p in self.net.named_parameters()}
        return [named[id(p)] for p in self.opt.param_groups[0]["params"]]

    def state_dict(self):
        """Copies, moments by the name of their parameter."""
        parameters = dict(self.net.named_parameters())
        state = {
            "net": {name: p.detach().clone() for name, p in parameters.items()},
            "moments": {
                name: {k: v.clone() for k, v in self.opt.state[parameters[name]].items()}
                for name in self.names()
            },
        }
        return {**state, "count": self.count}

    def load_state_dict(self, state):
        """Checks everything, then copies."""
        mine = self.state_dict()
        if _shape(mine) != _shape(state):
            raise ValueError("entries differ")
        for name, parameter in self.net.named_parameters():
            parameter.data.copy_(state["net"][name])
            moments = self.opt.state[parameter]
            moments.update({k: v.clone() for k, v in state["moments"][name].items()})
        self.count = state["count"]


def _shape(state):
    if isinstance(state, dict):
        return {key: _shape(value) for key, value in state.items()}
    return getattr(state, "shape", None)


class Torch(Part):
    """As most people write it."""

    def state_dict(self):
        """References, moments by position."""
        return {"net": self.net.state_dict(), "opt": self.opt.state_dict(), "count": self.count}

    def load_state_dict(self, state):
        """What torch checks is checked."""
        self.net.load_state_dict(state["net"])
        self.opt.load_state_dict(state["opt"])
        self.count = state["count"]


class Forgets(Part):
    """Loses its counter."""

    def load_state_dict(self, state):
        """All but the counter, which starts afresh."""
        super().load_state_dict(state)
        self.count = 0


class Draws(Part):
    """Its state is another one every time."""

    def state_dict(self):
        """Moves the global stream."""
        torch.rand(1)
        return super().state_dict()


class Grows(Part):
    """Its state is counted up by every load."""

    def load_state_dict(self, state):
        """Off by one."""
        super().load_state_dict(state)
        self.count += 1


class Careless(Part):
    """Loads whatever it gets, as far as it goes."""

    def load_state_dict(self, state):
        """No checks at all."""
        for name, parameter in self.net.named_parameters():
            parameter.data.copy_(state["net"][name])
        self.count = state.get("count", 0)


class Named(Part):
    """Its state also says which part it is of, and a load leaves that alone."""

    born = 0

    def __init__(self):
        super().__init__()
        Named.born += 1
        self.name = f"part {Named.born}"

    def state_dict(self):
        """With the name."""
        return {**super().state_dict(), "name": self.name}


def trial_of(kind, strict=False):
    """A trial of a part."""
    return Trial(component(kind, step=kind.step, strict=strict), SCENARIO)


BITES = {
    "purity": (Draws, "streams.torch"),
    "roundtrip": (Forgets, "component.count"),
    "idempotence": (Grows, "count"),
    "isolation": (Torch, "loaded['component'].opt.state['weight'].exp_avg"),
    "order": (Torch, "component.opt.state['weight'].exp_avg"),
    "resume": (Forgets, "component.count"),
    "completeness": (Forgets, "component.count"),
    "strictness": (Careless, "state['count']"),
    "fresh_process": (Forgets, "component.count"),
    "component": (Grows, "state['count']"),
}


@pytest.mark.parametrize("name", BITES)
def test_check_bites_and_names_the_place(name):
    """The check is broken, and the KeyPath says where."""
    kind, expected = BITES[name]
    # what torch itself shares, and matches by position, is held against none that is not strict
    diff = CHECKS[name](trial_of(kind, strict=name in ("isolation", "order"))).diff
    assert any(expected in str(mismatch.keypath) for mismatch in diff.mismatches), str(diff)


@pytest.mark.parametrize("name", ["purity", "idempotence", "isolation", "order", "component"])
def test_check_passes_a_part_that_keeps_the_law(name):
    """No false alarm."""
    assert not CHECKS[name](trial_of(Part))


def test_exclusions_hold_for_states_in_memory_too():
    """Also where the state of the run that was loaded is compared."""
    reason = "says which part it is, and is nothing that a step reads"
    patterns = ("component.name", "state['name']")
    exclusions = [Exclusion(pattern=pattern, reason=reason) for pattern in patterns]
    subject = component(Named, step=Named.step, exclusions=exclusions)
    assert not CHECKS["component"](Trial(subject, SCENARIO))
    assert CHECKS["component"](trial_of(Named))


@pytest.mark.parametrize("name", ["completeness", "roundtrip", "resume", "fresh_process"])
def test_a_good_part_loses_nothing_but_gradients(name):
    """What differs after the load of a right part is what the next step overwrites."""
    paths = {str(mismatch.keypath) for mismatch in CHECKS[name](trial_of(Part)).diff.mismatches}
    assert all(path.endswith(".grad") for path in paths)


def test_every_check_of_the_registry_bites_here_or_has_its_own_file():
    """A new check needs a row above; options, and what is settled, have files of their own."""
    assert set(CHECKS) == {*BITES, "override", "in_force", "settled"}


class Numbers:
    """A plain run in a JSON file, without a checksum."""

    def __init__(self):
        self.total = 0

    def step(self):
        """One step."""
        self.total += random.randint(1, 9)

    def save(self, path):
        """Total and stream."""
        path.write_text(json.dumps({"total": self.total, "stream": random.getstate()}))

    @classmethod
    def load(cls, path):
        """A new run."""
        state = json.loads(path.read_text())
        run = cls()
        run.total = state["total"]
        version, words, gauss = state["stream"]
        random.setstate((version, tuple(words), gauss))
        return run


NUMBERS = loop(make=Numbers, step=Numbers.step, save=Numbers.save, load=Numbers.load)


@pytest.mark.parametrize("name", ["order", "override", "component"])
def test_check_that_does_not_apply_says_why(name):
    """A run that lives in files has no state in memory, and no options at load."""
    with pytest.raises(NotApplicable, match="Numbers"):
        CHECKS[name](Trial(NUMBERS, SCENARIO))


def test_functions_that_cannot_travel_are_named_as_the_reason():
    """A lambda cannot be sent to another process."""
    subject = loop(make=Numbers, step=lambda run: run.step(), save=Numbers.save, load=Numbers.load)
    with pytest.raises(NotApplicable, match="top of a module"):
        CHECKS["fresh_process"](Trial(subject, SCENARIO))


class Locked:
    """A right run that also holds what cannot be read."""

    def __init__(self) -> None:
        self.lock, self.steps = threading.Lock(), 0

    def step(self) -> None:
        """One step."""
        self.steps += 1

    def save(self) -> dict[str, int]:
        """All that is state."""
        return {"steps": self.steps}

    def load(self, state: dict[str, int]) -> None:
        """Takes it back, and nothing else."""
        if state.keys() != {"steps"}:
            raise KeyError(f"expected steps, got {sorted(state)}")
        self.steps = state["steps"]


def test_every_check_leaves_out_what_the_subject_excludes() -> None:
    """Also where two runs are captured side by side."""
    excluded = Exclusion(pattern="run.lock", reason="no state: it is free between two steps")
    subject = loop(
        make=Locked,
        step=Locked.step,
        save=Locked.save,
        load=Locked.load,
        exclusions=(excluded,),
    )
    record = run(subject, Scenario(length=12, save_at=5), tuple(CHECKS))
    assert (record.verdict, record.error) == (Verdict.EXACT, "")
    assert excluded.pattern in record.used
