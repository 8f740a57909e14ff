"""Two runs share nothing that training moves: containers, objects and memory, however deep."""

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.scenario import Scenario
from resumeproof.state.mismatch import MismatchKind
from resumeproof.subjects.component import component
from resumeproof.trial.trial import Trial


class Holder:
    """Something that training fills or moves, given away as it is and taken as it comes."""

    def __init__(self, held, move, place):
        self.held, self.move, self.place, self.count = held, move, place, 0

    def step(self):
        """Moves what it holds."""
        self.count += 1
        self.move(self.held, self.count)

    def state_dict(self):
        """By reference."""
        return {self.place: self.held, "count": self.count}

    def load_state_dict(self, state):
        """By reference."""
        self.held, self.count = state[self.place], state["count"]


def _set(held, count):
    held.value = count


def _add(held, count):
    held += count


MADE = {
    "tensor": (lambda: torch.zeros(2), _add),
    "list": (list, list.append),
    "dict": (dict, lambda held, count: held.update({count: count})),
    "dict of tensors": (lambda: {"w": torch.zeros(2)}, lambda held, count: _add(held["w"], count)),
    "object": (SimpleNamespace, _set),
    "deque": (lambda: deque(maxlen=2), deque.append),
    "set": (set, set.add),
    "nested": (lambda: {"a": [{"b": set()}]}, lambda held, count: held["a"][0]["b"].add(count)),
    "list in a tuple": (lambda: ([], 0), lambda held, count: held[0].append(count)),
}


def shared(make, kind=Holder):
    """Where `isolation` finds something, and with what it is shared."""
    subject = component(make, step=kind.step)
    mismatches = CHECKS["isolation"](Trial(subject, Scenario(length=8, save_at=5))).diff.mismatches
    assert {mismatch.kind for mismatch in mismatches} <= {MismatchKind.ALIASING}
    return {str(mismatch.keypath): str(mismatch.other) for mismatch in mismatches}


@pytest.mark.parametrize("name", MADE)
def test_what_is_taken_by_reference_is_shared(name):
    """Directly or in what holds it: who trains the one moves the other."""
    held, move = MADE[name]
    assert shared(lambda: Holder(held(), move, "held")) == {
        "loaded['component'].held": "saved['component'].held"
    }


class Copies(Holder):
    """Gives away a copy, and takes it as it comes."""

    def state_dict(self):
        """The copy lies deeper than what it is a copy of."""
        return {"a": {"b": {"c": self.copied()}}, "count": self.count}

    def copied(self):
        """Of a tensor."""
        return self.held.clone()

    def load_state_dict(self, state):
        """By reference, so that the run is met before the state."""
        self.held, self.count = state["a"]["b"]["c"], state["count"]


class Views(Copies):
    """Takes another object over the same memory."""

    def load_state_dict(self, state):
        """Without a copy."""
        super().load_state_dict(state)
        self.held = self.held.view(-1)


@pytest.mark.parametrize("kind", [Copies, Views])
def test_what_is_met_in_the_loaded_run_first_is_shared_too(kind):
    """A state held deep in dicts, taken by reference or as a view of its memory."""
    expected = {"loaded['component'].held": "state['a']['b']['c']"}
    assert shared(lambda: kind(torch.zeros(2), _add, ""), kind) == expected


class Keyed(Copies):
    """Keeps something for every parameter, and the parameters in no module."""

    def __init__(self):
        super().__init__({torch.nn.Parameter(torch.ones(2)): [0]}, lambda held, _: None, "")

    def step(self):
        """Moves it."""
        self.count += 1
        next(iter(self.held.values())).append(self.count)

    def copied(self):
        """The lists by position."""
        return [list(kept) for kept in self.held.values()]

    def load_state_dict(self, state):
        """The lists by reference."""
        kept = state["a"]["b"]["c"]
        self.held.update(zip(self.held, kept, strict=True))
        self.count = state["count"]


def test_what_is_kept_for_a_parameter_without_a_name_is_shared_too():
    """Its place has another text in each of two runs side by side."""
    ((loaded, state),) = shared(Keyed, Keyed).items()
    assert loaded.startswith("loaded['component'].held[")
    assert state == "state['a']['b']['c'][0]"


class Renews(Copies):
    """Puts a new value in the place of the old one, beside a table that never moves."""

    def __init__(self):
        super().__init__({"last": (0,), "table": TABLE}, None, "")

    def step(self):
        """The tuple is another one."""
        self.count += 1
        self.held["last"] = (self.count,)

    def copied(self):
        """The dict is copied, what it holds is not."""
        return dict(self.held)


class Breaks(Holder):
    """Cannot be trained on once it was loaded, but for its first step."""

    loaded = False

    def step(self):
        """Moves, and then raises."""
        super().step()
        if self.loaded and self.count > 6:
            raise RuntimeError("out of order")

    def load_state_dict(self, state):
        """By reference."""
        super().load_state_dict(state)
        self.loaded = True


def test_run_that_cannot_go_on_is_judged_by_what_it_has_moved():
    """That it raises is for `resume` to say."""
    expected = {"loaded['component'].held": "saved['component'].held"}
    assert shared(lambda: Breaks([], list.append, "held"), Breaks) == expected


class Replaces(Copies):
    """Puts another list in the place of the old one, as schedulers of torch do."""

    def step(self):
        """The old one stays as it is."""
        self.count += 1
        self.held = [self.count]

    def copied(self):
        """By reference."""
        return self.held


def test_container_that_gives_way_to_another_may_be_shared():
    """Nobody moves it: it is as it was in the state that holds it, and in the saved run."""
    assert shared(lambda: Replaces([0], None, ""), Replaces) == {}


class Pool:
    """The last two of some tensors, which nobody writes into."""

    def __init__(self):
        self.held = deque(maxlen=2)

    def step(self):
        """One more."""
        self.held.append(torch.full((2,), float(len(self.held) + 1)))

    def state_dict(self):
        """The very tensors."""
        return {"held": list(self.held)}

    def load_state_dict(self, state):
        """In a deque of its own."""
        self.held = deque(state["held"], maxlen=2)


def test_tensors_that_give_way_to_others_may_be_shared():
    """Where they stand others stand later; who is strict shares none that stood there."""
    assert shared(Pool, Pool) == {}
    strict = Trial(component(Pool, step=Pool.step, strict=True), Scenario(length=8, save_at=5))
    assert CHECKS["isolation"](strict).diff.mismatches


TABLE = {"sizes": [2, 3], "values": np.arange(3)}


def test_what_training_does_not_move_may_be_shared():
    """A constant of the program, and a value that gives way to another one."""
    assert shared(Renews, Renews) == {"loaded['component'].held": "state['a']['b']['c']"}

    class Careful(Renews):
        def load_state_dict(self, state):
            super().load_state_dict(state)
            self.held = dict(self.held)

    assert shared(Careful, Careful) == {}
