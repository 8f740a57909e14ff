"""The state of VGS, and what its constructor and its state refuse."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from torch.nn import Parameter

SHAPES = {"weight": (4, 3), "bias": (4,), "scale": ()}


def make_scaler(**options: Any) -> tuple[dict[str, Parameter], VarianceGradientScaler]:
    """Parameters and scaler over Adam."""
    named = {name: Parameter(torch.ones(shape)) for name, shape in SHAPES.items()}
    optimizer = torch.optim.Adam(named.values())
    return named, VarianceGradientScaler(named.items(), optimizer, warmup_steps=2, **options)


def observe(
    named: dict[str, Parameter], scaler: VarianceGradientScaler, seeds: range
) -> list[float]:
    """Updates on the gradients of these seeds; "scale" has none at even ones."""
    factors = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        for name, p in named.items():
            grad = torch.randn(p.shape, generator=generator)
            p.grad = None if name == "scale" and seed % 2 == 0 else grad
        factors.append(scaler.observe())
    return factors


def get_leaves(scaler: VarianceGradientScaler) -> list[Any]:
    """Every number of the state, exactly."""
    state = scaler.state_dict()
    leaves = [state[name] for name in state if name != "parameters"]
    for name, row in state["parameters"].items():
        leaves += [name, row["n_updates"], row["exp_avg_sq_norm"], row["exp_avg"].tolist()]
    return leaves


def test_state_dict_has_the_documented_form_and_no_configuration() -> None:
    """Counts, factor and averages by name; counts are each tensor's own."""
    named, scaler = make_scaler()
    observe(named, scaler, range(6))
    state = scaler.state_dict()
    assert set(state) == {"n_updates", "factor", "reference", "n_references", "parameters"}
    assert {n: row["n_updates"] for n, row in state["parameters"].items()} == {
        "weight": 6,
        "bias": 6,
        "scale": 3,
    }
    for name, row in state["parameters"].items():
        assert set(row) == {"n_updates", "exp_avg", "exp_avg_sq_norm"}
        assert row["exp_avg"].shape == named[name].shape
        assert type(row["exp_avg_sq_norm"]) is float


def test_configuration_is_not_state() -> None:
    """A scaler keeps the configuration that it was built with."""
    named, scaler = make_scaler(floor=0.5)
    observe(named, scaler, range(5))
    _, other = make_scaler(floor=0.2, beta=0.5)
    other.load_state_dict(scaler.state_dict())
    assert (other.floor, other.beta) == (0.2, 0.5)


def test_tracked_holds_the_very_parameters() -> None:
    """The parameters are references, the dict is a copy."""
    named, scaler = make_scaler()
    assert all(scaler.tracked[name] is p for name, p in named.items())
    scaler.tracked.clear()
    assert list(scaler.tracked) == list(named)


def reshape(state: dict[str, Any]) -> None:
    """Wrong in four ways at once."""
    parameters = state["parameters"]
    parameters["other"] = parameters.pop("scale")
    parameters["bias"]["exp_avg"] = torch.zeros(2)
    parameters["weight"]["exp_avg"] = parameters["weight"]["exp_avg"].double()


def set_leaf(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Replace one leaf of "bias"."""
    return lambda state: state["parameters"]["bias"].update({name: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            reshape,
            r"missing=\['scale'\]; extra=\['other'\]; weight: dtype torch.float64 instead of "
            r"torch.float32; bias: shape \(2,\) instead of \(4,\): load a state of the same",
        ),
        (lambda s: s.pop("factor"), r"missing=\['factor'\] and unknown=\[\]"),
        (lambda s: s.update(alpha=1), r"missing=\[\] and unknown=\['alpha'\]"),
        (lambda s: s.update(n_updates=-1), r"n_updates=-1 instead of a count"),
        (lambda s: s.update(factor=math.nan), r"factor=nan instead of"),
        (lambda s: s.update(reference=-1.0), r"reference=-1.0 instead of a float in \[0, inf\)"),
        (lambda s: s.update(n_references=1.5), r"n_references=1.5 instead of a count"),
        (set_leaf("n_updates", True), r"bias: n_updates=True instead of a count"),
        (set_leaf("exp_avg_sq_norm", math.inf), r"bias: exp_avg_sq_norm=inf instead of"),
        (set_leaf("exp_avg", 1.0), r"bias: exp_avg <class 'float'> instead of a tensor"),
        (set_leaf("step", 1), r"bias: keys \['exp_avg', .*'step'\] instead of \['exp_avg'"),
    ],
)
def test_state_that_does_not_fit_is_refused_whole(
    damage: Callable[[dict[str, Any]], object], message: str
) -> None:
    """One error lists everything that is wrong; nothing is restored, and checking changes none."""
    named, scaler = make_scaler()
    observe(named, scaler, range(5))
    state = scaler.state_dict()
    observe(named, scaler, range(5, 9))
    before = get_leaves(scaler)
    scaler.check_state_dict(state)
    damage(state)
    for call in (scaler.check_state_dict, scaler.load_state_dict):
        with pytest.raises(ValueError, match=message):
            call(state)
    assert get_leaves(scaler) == before


def test_parameters_that_do_not_fit_the_optimizer_are_refused() -> None:
    """None, one twice, or one that the optimizer does not step on is an error that says so."""
    p, q = Parameter(torch.ones(2)), Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p])
    with pytest.raises(ValueError, match="at least one named parameter"):
        VarianceGradientScaler([], optimizer)
    with pytest.raises(ValueError, match=r"each parameter once, got again \['b'\]"):
        VarianceGradientScaler([("a", p), ("b", p)], optimizer)
    with pytest.raises(ValueError, match=r"that the SGD steps on, got others, \['q'\]"):
        VarianceGradientScaler([("p", p), ("q", q)], optimizer)


class Unheard(torch.optim.Optimizer):
    """An optimizer that says nothing about its invariance."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1})


class Declared(Unheard):
    """An optimizer that says it."""

    invariant_to_gradient_scale = False


class Inherited(torch.optim.AdamW):
    """A subclass of a known one."""


@pytest.mark.parametrize("kind", [Unheard, torch.optim.Rprop, torch.optim.LBFGS])
def test_auto_refuses_an_optimizer_that_it_does_not_know(kind: Callable[..., Any]) -> None:
    """The error names the class and both values; either of them is accepted."""
    p = Parameter(torch.ones(2))
    message = f"got {kind.__name__}: pass apply_to='gradient' .* or apply_to='step_size'"
    with pytest.raises(ValueError, match=message):
        VarianceGradientScaler([("p", p)], kind([p]))
    for choice in ("gradient", "step_size"):
        VarianceGradientScaler([("p", p)], kind([p]), apply_to=choice)


@pytest.mark.parametrize(("kind", "on_step"), [(Declared, False), (Inherited, True)])
def test_auto_reads_the_attribute_and_the_ancestors(
    kind: Callable[..., Any], on_step: bool
) -> None:
    """A declared class is believed, a subclass is as its ancestor."""
    p = Parameter(torch.ones(2))
    optimizer = kind([p])
    scaler = VarianceGradientScaler([("p", p)], optimizer)
    scaler.factor = 0.5
    lr = optimizer.param_groups[0]["lr"]
    with scaler._scaled_step_size():
        assert (optimizer.param_groups[0]["lr"] != lr) == on_step
