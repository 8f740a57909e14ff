"""Readers: one file per type of state, found by exact type, then by registered base.

A reader gets an object and returns its facts, its children and its bytes
(`state.readers.reading`). It calls no code of the object's own class, draws no number, and
raises `Unreadable` where something would be left out. torch is imported only if the program
already has it.
"""

import enum
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from ...core.errors import InvalidReader
from ..kind import KINDS, Kind, declare
from . import arrays, code, containers, files, objects, rng, scalars
from .interpreter import buffers, generators, iterators, threads
from .reading import Reader, Reading, name_of, reading

__all__ = [
    "KINDS",
    "Kind",
    "Reader",
    "Reading",
    "read_on_demand",
    "reader_for",
    "reading",
    "register_leaf",
]

_MODULES = (
    *(scalars, arrays, containers, code, files, rng),
    *(iterators, generators, threads, buffers),
)

_REGISTRY: dict[type, Reader] = {}
for _module in _MODULES:
    _REGISTRY.update(_module.READERS)
    declare(_module.OWN_KINDS)
declare(objects.OWN_KINDS)
_TAKEN = set(KINDS)

# module of the program -> ours with the readers of its types
_ON_DEMAND = {
    "torchdata.stateful_dataloader.stateful_dataloader": ".wrappers.stateful_loaders",
    "torch": ".tensors",
    "torch._dynamo.eval_frame": ".wrappers.compiled",
    "torch.distributed.device_mesh": ".wrappers.distributed",
    "torch.distributed.fsdp._fully_shard._fsdp_state": ".wrappers.fully_sharded",
    "torch.distributed.tensor": ".wrappers.sharded",
    "torch.jit._script": ".wrappers.script",
    "torch.utils.data.dataloader": ".wrappers.loaders",
    "torch.utils.tensorboard.writer": ".writers",
    "multiprocessing.process": ".processes",
    "subprocess": ".processes",
    "socket": ".processes",
    "stable_baselines3.common.logger": ".sb3",
    "tqdm.std": ".wrappers.bars",
}


def register_leaf(cls: type, reader: Callable[[Any], Reading], kind: Kind | None = None) -> None:
    """Makes `reader` read every instance of `cls`, and of its subclasses.

    Attributes that a subclass adds to a base without `__dict__` are walked in addition.

    Args:
        cls: the type of state.
        reader: called with the instance; returns `state.readers.reading(kind, *facts)`.
        kind: what is true of every such object, for a kind of your own; without it, it is an
            object with an identity that is replaced as a whole.

    Raises:
        InvalidReader: `cls` is no class, `reader` is not callable, or `kind` has the name of a
            kind of the harness.
    """
    if not isinstance(cls, type) or not callable(reader):
        raise InvalidReader(
            f"expected register_leaf(class, callable), got cls={cls!r} "
            f"({type(cls).__qualname__}) and reader={reader!r} ({type(reader).__qualname__})"
        )
    if kind is not None:
        _require_own(kind)
        declare((kind,))
    _REGISTRY[cls] = reader
    reader_for.cache_clear()


def _require_own(kind: object) -> None:
    if not isinstance(kind, Kind):
        raise InvalidReader(
            f"expected a Kind as kind, got {kind!r} ({type(kind).__qualname__}); "
            "write kind=resumeproof.Kind(name=...)"
        )
    if kind.base in _TAKEN:
        raise InvalidReader(
            f"expected a kind with a name of its own, got kind.name={kind.name!r}, which is a kind "
            "of the harness; give it another name"
        )


def read_on_demand(module: str, readers: str) -> None:
    """Reads the types of a framework once it is imported.

    Args:
        module: of the framework.
        readers: module whose `READERS` maps its types to readers; imported when `module` is there.
    """
    _ON_DEMAND[module] = readers
    reader_for.cache_clear()


@lru_cache(maxsize=16384)
def reader_for(cls: type) -> tuple[str, Reader]:
    """The name and the reader of a type; one that nothing can read gets one that refuses."""
    for module, ours in _ON_DEMAND.items():
        if module in sys.modules:
            loaded = import_module(ours, __name__)
            for known, reader in loaded.READERS.items():
                _REGISTRY.setdefault(known, reader)
            new = [kind for kind in getattr(loaded, "OWN_KINDS", ()) if kind.name not in _TAKEN]
            declare(new)
            _TAKEN.update(kind.name for kind in new)
    return name_of(cls), _resolve(cls)


def _resolve(cls: type) -> Reader:
    if cls in _REGISTRY:
        return _REGISTRY[cls]
    if issubclass(cls, enum.Enum):  # an IntEnum is an int by its MRO, but a member by its use
        return _REGISTRY[enum.Enum]
    for base in cls.__mro__:
        if base in _REGISTRY:
            return objects.with_attributes(_REGISTRY[base], cls, base)
    return objects.reader_of_objects(cls)
