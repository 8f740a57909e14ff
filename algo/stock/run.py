"""One run of any algorithm as a checkpoint file, and a model that goes on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

from stable_baselines3.common.base_class import BaseAlgorithm

from ..checkpoint import MismatchedCheckpoint, Stored, read
from ..checkpoint.file.manifest import libraries
from ..run_state.claims import require_entries
from ..run_state.graph.shape import name_of
from ..run_state.graph.thaw import Thawer
from ..run_state.streams import preserved_streams
from ..saving.configuration import require_spaces
from .loop import class_of
from .parts import NAMES, save_parts, thawer_of

_ENTRIES = ("algorithm", "spaces", "parts", "callbacks", "log", "at_loop_head")
# these write and start the run, and compute nothing of it
_UNIMPORTANT = ("resumeproof", "python", "safetensors")
_LOG = ("name_to_value", "name_to_count", "name_to_excluded")


@final
@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where in the loop a run is saved.

    Attributes:
        at_loop_head: whether `learn()` is running, and about to collect; otherwise it is over.
        callbacks: the states of the callbacks of that `learn()`.
    """

    at_loop_head: bool = False
    callbacks: Mapping[str, Any]


def run_tree(
    model: BaseAlgorithm, moment: Moment, excluded: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns what a checkpoint of the run holds.

    Raises:
        CheckpointError: part of it cannot be saved, and nobody collects what is missing.
    """
    logger = vars(model).get("_logger")
    return {
        "algorithm": name_of(class_of(model)),
        "spaces": {
            "observation_space": model.observation_space,
            "action_space": model.action_space,
            "n_envs": model.n_envs,
        },
        "parts": save_parts(model, excluded),
        "callbacks": dict(moment.callbacks),
        "log": {name: dict(getattr(logger, name, {})) for name in _LOG},
        "at_loop_head": moment.at_loop_head,
    }


def require_tree(tree: Any) -> None:
    """Checks that a checkpoint holds the run of a stock algorithm.

    Raises:
        MismatchedCheckpoint: it holds something else, or a part is missing.
    """
    if type(tree) is not dict or "algorithm" not in tree:
        raise MismatchedCheckpoint(
            "expected a checkpoint that ExactCheckpointCallback or save_run wrote, got another one "
            "of resumeproof: load it with the class that wrote it, such as DistributionalPPO.load"
        )
    require_entries("the checkpoint", tree, _ENTRIES)
    unknown = [name for name in tree["parts"] if name not in NAMES]
    missing = [n for n in NAMES if n not in tree["parts"] and n != "environment"]
    if unknown or missing:
        raise MismatchedCheckpoint(
            f"the checkpoint has the unknown parts {unknown} and misses {missing}: expected "
            f"{list(NAMES)}"
        )


def require_same_libraries(manifest: dict[str, Any]) -> None:
    """Checks that the libraries whose code decides the bits are those of the run.

    Raises:
        MismatchedCheckpoint: names those that are not, with both versions.
    """
    here = libraries()
    other = [
        f"{name} {version} (here {here.get(name)})"
        for name, version in manifest["libraries"].items()
        if name not in _UNIMPORTANT and here.get(name) != version
    ]
    if other:
        raise MismatchedCheckpoint(
            f"expected the libraries of the run, {', '.join(other)}: install them, or go on "
            "without a promise, resume(path, env, other_versions=True)"
        )


def algorithm_named(name: str) -> type[BaseAlgorithm]:
    """Returns the class that a checkpoint names, out of those that are loaded; imports nothing.

    Raises:
        MismatchedCheckpoint: there is none of that name.
    """
    classes = list(_extending(BaseAlgorithm))  # type: ignore[type-abstract]
    found = [cls for cls in classes if name_of(cls) == name]
    if not found:
        raise MismatchedCheckpoint(
            f"expected the class {name}, whose run this is, to be imported, got "
            f"{sorted({cls.__name__ for cls in classes})}: import it before resume(), or pass it, "
            "resume(path, env, algorithm=TheClass)"
        )
    return found[-1]


def _extending(cls: type[BaseAlgorithm]) -> Iterator[type[BaseAlgorithm]]:
    for inner in cls.__subclasses__():
        yield inner
        yield from _extending(inner)


def build(
    cls: type[BaseAlgorithm], tree: dict[str, Any], env: Any, device: Any, given: dict[str, Any]
) -> Any:
    """Returns a model like the run's with fresh weights, moving no global stream.

    Raises:
        MismatchedCheckpoint: the environment does not fit, or code of the user's own is missing.
    """
    attributes = tree["parts"]["attributes"]
    with preserved_streams():
        policy_class = given.pop("policy", None) or _policy_class(cls, attributes)
        model: Any = cls(policy=policy_class, env=env, device=device, _init_setup_model=False)  # type: ignore[call-arg]
        vars(model)["policy_class"] = policy_class
        require_spaces(model.env, tree["spaces"])
        if model.n_envs != tree["spaces"]["n_envs"]:
            raise MismatchedCheckpoint(
                f"expected {tree['spaces']['n_envs']} environments, as the run has, got "
                f"{model.n_envs}: pass as many"
            )
        _configure(model, attributes, given)
        seed, model.seed = model.seed, None  # which would seed the environment that is passed
        model._setup_model()
        model.seed = seed
    return model


def _policy_class(cls: type[BaseAlgorithm], attributes: dict[str, Any]) -> Any:
    stored = attributes.get("policy_class")
    name = stored.name if isinstance(stored, Stored) else None
    for policy in cls.policy_aliases.values():
        if name_of(policy) == name:
            return policy
    raise MismatchedCheckpoint(
        f"expected your own policy {name}, which a checkpoint does not hold: pass it again, "
        "resume(path, env, policy=ThePolicy)"
    )


def _configure(model: Any, attributes: dict[str, Any], given: dict[str, Any]) -> None:
    """Gives a model that is not set up yet what the run's was built with."""
    unknown = sorted(set(given) - set(vars(model)))
    if unknown:
        raise TypeError(
            f"resume() got the unknown arguments {unknown}: expected some of "
            f"{sorted(n for n in vars(model) if not n.startswith('_'))}"
        )
    thawer = thawer_of(model)
    for name in [name for name in vars(model) if name in attributes]:
        if name in given:
            vars(model)[name] = given[name]
            continue
        tree = attributes[name]
        _require_known_code(thawer, name, tree)
        vars(model)[name] = thawer.thaw(tree, vars(model).get(name))


def _require_known_code(thawer: Thawer, name: str, tree: Any) -> None:
    try:
        found = next(_own_code(tree), None)
        thawer.check(tree, f"model.{name}")
    except MismatchedCheckpoint as error:
        found = str(error).partition(", got")[0]
    if found is not None:
        raise MismatchedCheckpoint(
            f"expected {name} to be passed again, for it holds your own code, which a checkpoint "
            f"does not hold ({found}): resume(path, env, {name}=...)"
        )


def _own_code(tree: Any) -> Any:
    if isinstance(tree, Stored):
        if tree.kind == "yours":
            yield tree.name
        yield from _own_code(tree.content)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from _own_code(item)
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _own_code(item)


def with_passed(tree: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the states of the parts without the attributes that the caller passes himself."""
    derived = {"learning_rate": ("lr_schedule",)}
    names = {n for name in given for n in (name, *derived.get(name, ()))}
    parts = dict(tree["parts"])
    parts["attributes"] = {k: v for k, v in parts["attributes"].items() if k not in names}
    return parts


def read_run(source: str | Path | BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns manifest and tree of a checkpoint of a stock algorithm."""
    manifest, tree = read(source)
    require_tree(tree)
    return manifest, tree
