"""Populations under test: how they are built, and what of them is compared."""

from __future__ import annotations

from typing import Any

from resumeproof.algo import DistributionalPPO, Population
from resumeproof.algo.pbt.member import Member
from resumeproof.algo.saving.registry import PARTS
from resumeproof.core.exclusions import Exclusion
from resumeproof.state.capture import capture, capture_roots
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import WALL_CLOCK

from properties.combinations import EXCLUSIONS
from tests.algo.small import make_env, make_model

_MUTABLE = ("tensor", "array", "list", "dict", "set", "deque", "object", "module_object", "rng")
OF_MEMBERS = [
    Exclusion(pattern=f"population.members[*].{item.pattern}", reason=item.reason)
    if item.pattern.startswith("model")
    else item
    for item in (*WALL_CLOCK, *EXCLUSIONS)
]
OF_MEMBERS.append(
    Exclusion(pattern="population._make", reason="code, which the caller passes again at load")
)


def make(seed: int) -> DistributionalPPO:
    """A model with every part on, in an environment whose returns differ."""
    return make_model(make_env("Pendulum-v1"), seed=seed)


def make_used(seed: int) -> DistributionalPPO:
    """What a load must overwrite: other weights, moments, streams and episodes, all moved on."""
    model = make_model(make_env("Pendulum-v1"), seed=seed + 1).learn(32)
    model.seed = seed
    return model


def picture(population: Population) -> Snapshot:
    """Every leaf of the population, but for wall clocks, loggers and callbacks."""
    return capture(population, name="population", exclusions=OF_MEMBERS)


def learned(member: Member) -> dict[str, Any]:
    """The live objects behind everything that is exchanged."""
    model = member.model
    roots: dict[str, Any] = {
        "parameters": dict(model.policy.named_parameters()),
        "buffers": dict(model.policy.named_buffers()),
        "hyperparameters": member.hyperparameters,
    }
    components = {part.name for part in PARTS if part.learned} - {"policy"}
    for name in components:
        live: Any = model
        for step in name.split("."):
            live = getattr(live, step)
        roots[name] = live
    return roots


def common(loser: object, donor: object) -> set[str]:
    """What two objects share: storage, and objects that can change."""
    exclusions = [
        Exclusion(pattern=f"{name}{item.pattern.removeprefix('model')}", reason=item.reason)
        for name in ("loser", "donor")
        for item in EXCLUSIONS
    ]
    both = capture_roots({"loser": loser, "donor": donor}, exclusions)
    groups = [*both.shared_memory]
    groups += [group for group in both.aliases if both[group[0]].kind in _MUTABLE]
    return {str(group[0]) for group in groups if len({str(path)[:5] for path in group}) > 1}
