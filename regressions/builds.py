"""Every way in which a model comes to be, or by other parameters, and what must hold after it.

A component that tracks parameters or the optimizer tracks the policy's own: the very objects.
"""

from __future__ import annotations

import dataclasses
import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.pbt.member import Member, prepare_exchange
from resumeproof.core.scenario import Scenario
from resumeproof.state.capture import walk_roots
from resumeproof.subjects.sb3 import Sb3Subject

from regressions.cases import Found
from regressions.checks_of_options import with_options
from regressions.planted import AT_START, ours


@final
@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a way begins.

    Attributes:
        subject: what builds models and environments.
        scenario: with which options.
        live: a model that has been trained.
        path: a file that nobody uses.
    """

    subject: Sb3Subject
    scenario: Scenario
    live: Any
    path: Path

    def saved(self) -> Path:
        """The file, with the model in it."""
        self.live.save(self.path)
        return self.path

    def env(self) -> Any:
        """A fresh environment."""
        return self.subject.build(self.scenario).env

    def load(self, source: Any, **options: Any) -> Any:
        """As the caller of the model's class loads."""
        return self.subject.algorithm.load(source, device="cpu", **options)


def _constructor(start: Start) -> Any:
    return start.subject.build(start.scenario)


def _set_up_again(start: Start) -> Any:
    start.live._setup_model()
    return start.live


def _load_file(start: Start) -> Any:
    return start.load(start.saved(), env=start.env())


def _load_stream(start: Start) -> Any:
    return start.load(io.BytesIO(start.saved().read_bytes()), env=start.env())


def _load_without_env(start: Start) -> Any:
    return start.load(start.saved())


def _load_then_set_env(start: Start) -> Any:
    model = start.load(start.saved())
    model.set_env(start.env(), force_reset=False)
    return model


def _load_force_reset(start: Start) -> Any:
    return start.load(start.saved(), env=start.env(), force_reset=True)


def _load_other_optimizer(start: Start) -> Any:
    other = "adam" if start.live.optimizer == "upgd" else "upgd"
    return start.load(start.saved(), env=start.env(), optimizer=other)


def _load_twice(start: Start) -> Any:
    first = start.load(start.saved(), env=start.env())
    first.save(start.path)
    return start.load(start.path, env=start.env())


def _set_env(start: Start) -> Any:
    start.live.set_env(start.env())
    return start.live


def _set_parameters(start: Start) -> Any:
    start.live.set_parameters(start.live.get_parameters())
    return start.live


def _set_parameters_file(start: Start) -> Any:
    start.live.set_parameters(start.saved())
    return start.live


def _exchange(start: Start, fresh_optimizer: bool = False) -> Any:
    def make(seed: int) -> Any:
        return start.subject.build(dataclasses.replace(start.scenario, seed=seed))

    loser, donor = (Member(seed, seed, make) for seed in range(2))
    prepare_exchange(loser, donor, fresh_optimizer)()
    return loser.model


def _exchange_fresh_optimizer(start: Start) -> Any:
    return _exchange(start, fresh_optimizer=True)


WAYS: Mapping[str, Callable[[Start], Any]] = MappingProxyType(
    {
        way.__name__.removeprefix("_"): way
        for way in (
            _constructor,
            _set_up_again,
            _load_file,
            _load_stream,
            _load_without_env,
            _load_then_set_env,
            _load_force_reset,
            _load_other_optimizer,
            _load_twice,
            _set_env,
            _set_parameters,
            _set_parameters_file,
            _exchange,
            _exchange_fresh_optimizer,
        )
    }
)


@cache
def found_after(
    way: str, optimizer: str, algorithm: type[DistributionalPPO] = DistributionalPPO
) -> tuple[Found, ...]:
    """What does not hold once a model with this optimizer has come about that way."""
    subject, scenario = ours(algorithm), with_options(AT_START, {"optimizer": optimizer})
    live = subject.build(scenario)
    subject.train(live, until=16, visits={})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "way.zip"
        model = WAYS[way](Start(subject=subject, scenario=scenario, live=live, path=path))
    return (*_strangers(subject, model), *_unseen(model))


def _strangers(subject: Sb3Subject, model: Any) -> Iterable[Found]:
    """Parameters and optimizers that the model reaches, and that are not the policy's own."""
    snapshot, objects = walk_roots(subject.roots(model), tuple(subject.exclusions))
    own = {id(parameter) for parameter in model.policy.parameters()}
    stepped = {id(p) for group in model.policy.optimizer.param_groups for p in group["params"]}
    for place, item in objects.items():
        parameter = isinstance(item, torch.nn.Parameter) and id(item) not in own
        optimizer = isinstance(item, torch.optim.Optimizer) and item is not model.policy.optimizer
        if parameter or optimizer:
            where, text = str(snapshot.keypath(place)), "another object than the policy's"
            yield Found(check="identity", place=where, text=text)
    for name, each in model.policy.named_parameters():
        if id(each) not in stepped:
            where, text = f"model.policy.{name}", "its optimizer does not step on it"
            yield Found(check="identity", place=where, text=text)


def _unseen(model: Any) -> Iterable[Found]:
    """Parameters of the policy whose gradient the scaler does not see."""
    before = model.vgs.state_dict()["parameters"]
    for parameter in model.policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.vgs.observe()
    after = model.vgs.state_dict()["parameters"]
    model.policy.optimizer.zero_grad(set_to_none=True)
    for name, _ in model.policy.named_parameters():
        counts = [state.get(name, {}).get("n_updates", -1) for state in (before, after)]
        if counts[1] != counts[0] + 1:
            where, text = f"model.vgs._tracked[{name!r}]", f"updates seen: {counts[1]}"
            yield Found(check="gradients", place=where, text=text)
