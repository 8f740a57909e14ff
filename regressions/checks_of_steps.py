"""The check of steps: an update stays finite, and what has no gradient takes no part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from resumeproof.algo.ppo.update import _descend
from resumeproof.state.capture import capture
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.trial.trial import Trial
from torch import Tensor

from regressions.cases import Case, Found, differences

PARAMETERS: dict[str, Callable[[Tensor], Tensor]] = {
    "random": torch.randn_like,
    "zero": torch.zeros_like,
    "tiny": lambda like: torch.full_like(like, 1e-40),
}
# of a parameter and its number; with the parameter's own sign its utility is negative
GRADIENTS: dict[str, Callable[[int, Tensor], Tensor | None]] = {
    "random": lambda _, p: torch.randn_like(p),
    "zero": lambda _, p: torch.zeros_like(p),
    "useless": lambda _, p: p.detach().clone(),
    "none": lambda _, __: None,
    "some": lambda number, p: torch.randn_like(p) if number % 2 else None,
}


def inputs(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """Two steps on degenerate parameters and gradients, after training up to the save point."""
    trial = Trial(subject, case.scenario)
    live = trial.session.build()
    trial.session.advance(live, 0, case.scenario.save_at)
    parameters = dict(live.policy.named_parameters())
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(PARAMETERS[case.parameters](parameter))
    still = {name for name, given in _gradients(parameters, case).items() if given is None}
    every = len(still) == len(parameters)
    # where everything moves there is nothing to compare
    look = partial(trial.session.capture, live) if every else partial(_kept, subject, live, still)
    before = look()
    for _ in range(2):
        _step(live, parameters, _gradients(parameters, case))
    live.policy.optimizer.zero_grad(set_to_none=True)
    yield from differences("inputs", trial.compare(before, look()))
    yield from _not_finite(parameters)


def _gradients(parameters: Mapping[str, Tensor], case: Case) -> dict[str, Tensor | None]:
    gradient = GRADIENTS[case.gradients]
    return {name: gradient(i, p) for i, (name, p) in enumerate(parameters.items())}


def _kept(subject: Sb3Subject, live: Any, still: set[str]) -> Snapshot:
    """All that the run keeps under the names of these parameters, by parameter and place."""
    kept: dict[str, dict[str, Any]] = {name: {} for name in sorted(still)}
    for path, value in _under(subject.state(live) if still else {}, still):
        kept[path[-1]][".".join(path[:-1])] = value
    return capture(kept, name="state")


def _under(state: Mapping[str, Any], names: set[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in state.items():
        if key in names:
            yield (key,), value
        elif isinstance(value, Mapping):
            yield from (((key, *path), inner) for path, inner in _under(value, names))


def _step(
    live: Any, parameters: Mapping[str, torch.nn.Parameter], gradients: Mapping[str, Tensor | None]
) -> None:
    """One whole step as the algorithm takes it: scaler, clipping, optimizer."""
    # the gradient of a sum of products is the other factor, to the bit
    loss = torch.zeros((), requires_grad=True)
    for name, given in gradients.items():
        loss = loss if given is None else loss + (parameters[name] * given).sum()
    _descend(live, loss, list(parameters.values()))


def _not_finite(parameters: Mapping[str, Tensor]) -> Iterable[Found]:
    for name, parameter in parameters.items():
        bad = int((~parameter.isfinite()).sum())
        if bad:
            text = f"{bad} of {parameter.numel()} not finite"
            yield Found(check="inputs", place=f"model.policy.{name}", text=text)
