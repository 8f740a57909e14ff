"""What VGS accepts: parameters, optimizers and states; one error names all that is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from ..maths.validation import NOT_NEGATIVE, POSITIVE, Interval, is_whole, require_keys

# By module and name, because not every torch that we support has them all. Left out, so that
# "auto" refuses them: Rprop and Adafactor, whose step follows neither the gradient's scale nor
# always the learning rate, and LBFGS, which evaluates the gradient several times a step.
_SENSITIVE = frozenset({"torch.optim.sgd.SGD", "torch.optim.asgd.ASGD"})
_INVARIANT = frozenset(
    {
        "torch.optim.adam.Adam",
        "torch.optim.adamw.AdamW",
        "torch.optim.adamax.Adamax",
        "torch.optim.nadam.NAdam",
        "torch.optim.radam.RAdam",
        "torch.optim.sparse_adam.SparseAdam",
        "torch.optim.adagrad.Adagrad",
        "torch.optim.adadelta.Adadelta",
        "torch.optim.rmsprop.RMSprop",
        "torch.optim._muon.Muon",
        "stable_baselines3.common.sb2_compat.rmsprop_tf_like.RMSpropTFLike",
    }
)
FLOORS = Interval(low=0.0, high=1.0, open_low=True)
CEILINGS = Interval(low=1.0)

_STATE_KEYS = {"n_updates", "factor", "reference", "n_references", "parameters"}
_LEAVES = {"n_updates", "exp_avg", "exp_avg_sq_norm"}


def _refuse(holds: bool, expected: str, got: str) -> None:
    if not holds:
        raise ValueError(f"expected {expected}, got {got}")


def collect_parameters(
    named_parameters: Iterable[tuple[str, Parameter]], optimizer: Optimizer
) -> dict[str, Parameter]:
    """The parameters by name, each once, and each among those that the optimizer steps on."""
    pairs = list(named_parameters)
    tracked = dict(pairs)
    _refuse(bool(pairs), "at least one named parameter", "none")
    repeated = [
        name for i, (name, p) in enumerate(pairs) if any(p is q or name == n for n, q in pairs[:i])
    ]
    _refuse(not repeated, "each name and each parameter once", f"again {repeated}")
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    strange = [name for name, p in tracked.items() if id(p) not in known]
    _refuse(
        not strange,
        f"parameters that the {type(optimizer).__qualname__} steps on",
        f"others, {strange}: build the scaler after the optimizer, from the same module",
    )
    return tracked


def is_invariant(optimizer: Optimizer) -> bool:
    """Whether the optimizer's step is the same for a gradient g and for c g, c > 0.

    An optimizer class of one's own says so by a class attribute `invariant_to_gradient_scale`.

    Raises:
        ValueError: the class is not known and does not say so.
    """
    declared = getattr(type(optimizer), "invariant_to_gradient_scale", None)
    if declared is not None:
        return bool(declared)
    for ancestor in type(optimizer).__mro__:
        name = f"{ancestor.__module__}.{ancestor.__qualname__}"
        if name in _SENSITIVE or name in _INVARIANT:
            return name in _INVARIANT
    raise ValueError(
        f"expected an optimizer class that VGS knows, got {type(optimizer).__qualname__}: pass "
        "apply_to='gradient' if a smaller gradient shortens its step, or apply_to='step_size' if "
        "only a smaller lr does"
    )


def check_state(state: Mapping[str, Any], tracked: Mapping[str, Tensor]) -> None:
    """Refuses a state that is not for exactly the tracked parameters."""
    require_keys("a VGS state", state, _STATE_KEYS)
    problems = list(_find_problems(state, tracked))
    _refuse(
        not problems,
        "a VGS state for the tracked parameters",
        "; ".join(problems) + ": load a state of the same network, or build a new scaler",
    )


def _find_problems(state: Mapping[str, Any], tracked: Mapping[str, Tensor]) -> Iterator[str]:
    saved = state["parameters"]
    if not isinstance(saved, Mapping):
        yield f"parameters={saved!r} instead of a dict by name"
        return
    if missing := sorted(tracked.keys() - saved.keys()):
        yield f"missing={missing}"
    if extra := sorted(saved.keys() - tracked.keys()):
        yield f"extra={extra}"
    for count in ("n_updates", "n_references"):
        if not is_whole(state[count]):
            yield f"{count}={state[count]!r} instead of a count"
    for number, within in (("factor", POSITIVE), ("reference", NOT_NEGATIVE)):
        if not (isinstance(state[number], float) and state[number] in within):
            yield f"{number}={state[number]!r} instead of a float in {within}"
    for name, parameter in tracked.items():
        if name in saved:
            yield from (f"{name}: {text}" for text in _find_leaf_problems(saved[name], parameter))


def _find_leaf_problems(leaf: Mapping[str, Any], parameter: Tensor) -> Iterator[str]:
    if not isinstance(leaf, Mapping) or leaf.keys() != _LEAVES:
        found = f"keys {sorted(leaf)}" if isinstance(leaf, Mapping) else repr(leaf)
        yield f"{found} instead of {sorted(_LEAVES)}"
        return
    mean, sq_norm = leaf["exp_avg"], leaf["exp_avg_sq_norm"]
    if not isinstance(mean, Tensor):
        yield f"exp_avg {type(mean)} instead of a tensor"
    elif mean.shape != parameter.shape:
        yield f"shape {tuple(mean.shape)} instead of {tuple(parameter.shape)}"
    elif mean.dtype != parameter.dtype:
        yield f"dtype {mean.dtype} instead of {parameter.dtype}"
    if not (isinstance(sq_norm, float) and sq_norm in NOT_NEGATIVE):
        yield f"exp_avg_sq_norm={sq_norm!r} instead of a float in {NOT_NEGATIVE}"
    if not is_whole(leaf["n_updates"]):
        yield f"n_updates={leaf['n_updates']!r} instead of a count"
