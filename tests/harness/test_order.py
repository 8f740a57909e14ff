"""Parameters in another order, in other groups, under a wrapper's prefix: right, or refused."""

import pytest
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.errors import NotApplicable
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.component import component
from resumeproof.trial.trial import Trial

LIFE = Scenario(length=8, save_at=5)


class Part:
    """A module with its optimizer; moments go by name, whatever the groups."""

    def __init__(self):
        self.net = torch.nn.Linear(3, 2)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        """One update."""
        self.opt.zero_grad()
        self.net(torch.randn(4, 3)).square().sum().backward()
        self.opt.step()

    def parameters(self):
        """By name."""
        return dict(self.net.named_parameters())

    def names(self, group):
        """Of the parameters of a group."""
        named = {id(p): name for name, p in self.parameters().items()}
        return [named[id(p)] for p in group["params"]]

    def moments(self, name):
        """Copies of what the optimizer keeps for a parameter."""
        return {k: v.clone() for k, v in self.opt.state[self.parameters()[name]].items()}

    def state_dict(self):
        """Copies."""
        net = {name: p.detach().clone() for name, p in self.parameters().items()}
        return {"net": net, "moments": {name: self.moments(name) for name in net}}

    def load_net(self, net):
        """Names and shapes are checked by torch."""
        self.net.load_state_dict(net)

    def load_state_dict(self, state):
        """By name; what is missing is an error."""
        if state["moments"].keys() != self.parameters().keys():
            raise KeyError(f"expected moments of {list(self.parameters())}")
        self.load_net(state["net"])
        for name, parameter in self.parameters().items():
            moments = {k: v.clone() for k, v in state["moments"][name].items()}
            self.opt.state[parameter].update(moments)


class Positions(Part):
    """Moments as a list in the order of the optimizer."""

    def state_dict(self):
        """Without names."""
        names = [name for group in self.opt.param_groups for name in self.names(group)]
        return {**super().state_dict(), "moments": [self.moments(name) for name in names]}

    def load_state_dict(self, state):
        """Into whatever stands there now, if its shape fits."""
        self.load_net(state["net"])
        parameters = [p for group in self.opt.param_groups for p in group["params"]]
        for parameter, moments in zip(parameters, state["moments"], strict=True):
            self.opt.state[parameter].update({k: v.clone() for k, v in moments.items()})


class Groups(Part):
    """Moments by name, within groups by position."""

    def state_dict(self):
        """A dict for each group."""
        groups = [{n: self.moments(n) for n in self.names(g)} for g in self.opt.param_groups]
        return {"net": super().state_dict()["net"], "groups": groups}

    def load_state_dict(self, state):
        """Groups that have no partner stay as they are, and so do names that are not known."""
        self.load_net(state["net"])
        for group, saved in zip(self.opt.param_groups, state["groups"], strict=False):
            for name in set(saved) & set(self.names(group)):
                moments = {k: v.clone() for k, v in saved[name].items()}
                self.opt.state[self.parameters()[name]].update(moments)


class Lenient(Part):
    """What it does not know it leaves out."""

    def load_net(self, net):
        """As `strict=False` is meant to help."""
        self.net.load_state_dict(net, strict=False)


class Unwraps(Part):
    """Takes the state of a wrapped module as that of the module."""

    def load_net(self, net):
        """Without the prefix."""
        wrappers = ("module.", "_orig_mod.")
        for wrapper in wrappers:
            net = {name.removeprefix(wrapper): value for name, value in net.items()}
        super().load_net(net)


class Bare:
    """A module without an optimizer, loaded as it comes."""

    def __init__(self):
        self.net = torch.nn.Linear(3, 2)

    def step(self):
        """Some noise."""
        with torch.no_grad():
            self.net.weight.add_(torch.randn(2, 3))

    def state_dict(self):
        """That of the module."""
        return self.net.state_dict()

    def load_state_dict(self, state):
        """What it does not know it leaves out."""
        self.net.load_state_dict(state, strict=False)


class Torch(Part):
    """As most people write it."""

    def state_dict(self):
        """Each as torch gives it."""
        return {"net": self.net.state_dict(), "opt": self.opt.state_dict()}

    def load_state_dict(self, state):
        """Each as torch takes it."""
        self.net.load_state_dict(state["net"])
        self.opt.load_state_dict(state["opt"])


class Rotates(Torch):
    """Puts the moments at other parameters itself, once torch has loaded them by position."""

    def load_state_dict(self, state):
        """Right where there is one group, the bias first."""
        super().load_state_dict(state)
        if self.names(self.opt.param_groups[0])[0] == "bias":
            self.opt.state[self.net.bias]["exp_avg"].zero_()


def test_what_torchs_own_load_matches_by_position_is_said_and_fails_nobody():
    """Until one is strict."""
    loose, strict = (
        CHECKS["order"](Trial(component(Torch, step=Torch.step, strict=strict), LIFE))
        for strict in (False, True)
    )
    assert loose.diff.mismatches == ()
    assert [note.partition(" matches")[0] for note in loose.notes] == [
        "order: torch's own load_state_dict of Adam"
    ]
    assert strict.notes == ()
    assert "component.opt.state['weight'].exp_avg" in map(
        str, (m.keypath for m in strict.diff.mismatches)
    )


class Twins(Torch):
    """Two optimizers alike: each could take the other's state."""

    def __init__(self):
        super().__init__()
        self.other = torch.nn.Linear(2, 2)
        self.second = torch.optim.Adam(self.other.parameters(), lr=0.1)

    def step(self):
        """One update of each."""
        super().step()
        self.second.zero_grad()
        self.other(torch.randn(4, 2)).square().sum().backward()
        self.second.step()

    def state_dict(self):
        """Of all four."""
        more = {"other": self.other.state_dict(), "second": self.second.state_dict()}
        return {**super().state_dict(), **more}

    def load_state_dict(self, state):
        """Of all four."""
        super().load_state_dict(state)
        self.other.load_state_dict(state["other"])
        self.second.load_state_dict(state["second"])


def test_two_optimizers_alike_are_each_acquitted():
    """Whichever of them torch's own load was tried on last."""
    finding = CHECKS["order"](Trial(component(Twins, step=Twins.step), LIFE))
    assert (finding.diff.mismatches, len(finding.notes)) == ((), 1)


def test_what_a_load_does_beside_torchs_own_is_found():
    """Though torch's own is acquitted of the rest."""
    assert list(found(Rotates)) == ["component.opt.state['bias'].exp_avg"]


def found(kind):
    """What `order` says, by KeyPath."""
    trial = Trial(component(kind, step=kind.step), LIFE)
    return {
        str(mismatch.keypath): mismatch.got for mismatch in CHECKS["order"](trial).diff.mismatches
    }


@pytest.mark.parametrize("kind", [Part, Unwraps])
def test_state_that_goes_by_name_is_right(kind):
    """Refusing a prefix is as right as taking it off."""
    assert found(kind) == {}


@pytest.mark.parametrize(
    ("kind", "variant"),
    [(Positions, "in reverse order"), (Groups, "in two groups instead of one")],
)
def test_moments_that_end_at_another_parameter_are_found(kind, variant):
    """By the parameter's name, with what had been done to its optimizer."""
    assert variant in found(kind)["component.opt.state['weight'].exp_avg"]


@pytest.mark.parametrize(("kind", "place"), [(Lenient, "state['net']"), (Bare, "state")])
def test_module_state_under_a_prefix_is_not_left_out_in_silence(kind, place):
    """Of every wrapper that is known, also where there is no optimizer."""
    trial = Trial(component(kind, step=kind.step), LIFE)
    mismatches = CHECKS["order"](trial).diff.mismatches
    assert [str(mismatch.keypath) for mismatch in mismatches] == [place, place]
    for prefix, mismatch in zip(("module.", "_orig_mod."), mismatches, strict=True):
        assert f"names that begin with {prefix!r}" in mismatch.expected
        assert "component.net.weight" in mismatch.got


class Number:
    """Nothing in it has a name."""

    def __init__(self):
        self.total = 0

    def step(self):
        """Counts."""
        self.total += 1

    def state_dict(self):
        """The count."""
        return {"total": self.total}

    def load_state_dict(self, state):
        """The count."""
        self.total = state["total"]


def test_part_without_parameters_has_no_order():
    """The check does not apply, and says what it looked for."""
    with pytest.raises(NotApplicable, match=r"Number has no optimizer .* and no module"):
        found(Number)
