"""Walk a live object graph into a Snapshot, without disturbing it.

A capture draws no number, moves no stream, calls no code of the objects it meets and copies
nothing but bytes. Objects met twice become aliases; objects that cannot be read are an error.
The walk goes level by level, so that an object is named by its shortest KeyPath.
"""

import gc
import random
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import final

import numpy as np

from ..core.errors import UncapturableLeaf
from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath, Segment, last_texts, may_end
from .identities import Identities
from .readers import KINDS, reader_for
from .readers.reading import Child, Late, Memory, Unreadable, Unsteady, importable, name_of
from .rows import MemoryGroup, Row, keypath_of
from .snapshot import Snapshot

# exact types that are kept as they are: immutable, and nothing but their value
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


def capture(
    root: object,
    *,
    name: str = "",
    streams: bool = False,
    exclusions: Sequence[Exclusion] = (),
) -> Snapshot:
    """Captures the state of everything that `root` reaches.

    Args:
        root: any object; its attributes are named `policy.log_std`, or with `name="model"`
            `model.policy.log_std`.
        name: first segment of every KeyPath.
        streams: whether to capture the global random streams too, under `streams`.
        exclusions: edges that are not walked; each leaves a row that says so.

    Raises:
        UncapturableLeaf: something cannot be read completely, and no exclusion covers it.
    """
    roots = {name: root}
    return capture_roots({**roots, "streams": global_streams()} if streams else roots, exclusions)


def capture_streams() -> Snapshot:
    """Captures the random streams: `streams.python`, `.numpy`, `.torch` and `.cuda` if loaded."""
    return capture_roots({"streams": global_streams()})


def capture_roots(roots: Mapping[str, object], exclusions: Sequence[Exclusion] = ()) -> Snapshot:
    """Captures several objects in one snapshot, so that what they share shows as aliases.

    Raises:
        UncapturableLeaf: something cannot be read completely, and no exclusion covers it.
    """
    with _no_collection():
        return _Walk(exclusions).run(roots)


def walk_roots(
    roots: Mapping[str, object], exclusions: Sequence[Exclusion] = ()
) -> tuple[Snapshot, dict[int, object]]:
    """Captures as `capture_roots` does; also returns the object of every row that stands for one.

    Raises:
        UncapturableLeaf: something cannot be read completely, and no exclusion covers it.
    """
    walk = _Walk(exclusions)
    with _no_collection():
        snapshot = walk.run(roots)
    return snapshot, {**{walk.seen[id(item)]: item for item in walk.alive}, **walk.again}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collects no garbage in a walk: that may run finalizers, and the walk leaves none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@final
class _Namespace:
    """Attributes that belong to the process rather than to an object."""

    def __init__(self, **members: object) -> None:
        self.__dict__.update(members)


def global_streams() -> object:
    """Returns the objects behind the functions of `random`, `numpy.random` and torch."""
    streams: dict[str, object] = {
        "python": getattr(random, "_inst"),  # noqa: B009 (no public name)
        "numpy": getattr(np.random.mtrand, "_rand"),  # noqa: B009
    }
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        streams["torch"] = torch.default_generator
        if torch.cuda.is_initialized():
            streams["cuda"] = list(torch.cuda.default_generators)
    return _Namespace(**streams)


@final
class _Walk:
    """One walk; holds every object it met alive, so that no id is used twice."""

    def __init__(self, exclusions: Sequence[Exclusion]) -> None:
        self.exclusions = exclusions
        self.ends = last_texts(*(item.pattern for item in exclusions))
        self.rows: list[Row] = [(-1, "", "roots", ("roots",), 0)]
        self.seen: dict[int, int] = {}
        self.alive: list[object] = []
        self.again: dict[int, object] = {}
        self.buffers: list[bytes | memoryview] = []
        self.memory: list[tuple[Memory | None, int]] = []
        self.late: list[tuple[int, Late]] = []
        self.parameters: dict[int, str] | None = None

    def run(self, roots: Mapping[str, object]) -> Snapshot:
        self.drain([(0, roots.items())])
        while self.late:
            last = all(children.last for _, children in self.late)
            ready = [(row, item) for row, item in self.late if item.last == last]
            self.late = [(row, item) for row, item in self.late if item.last != last]
            self.drain([(row, self.named(row, item)) for row, item in ready])
        known = Identities(rows=self.rows, seen=self.seen, alive=self.alive, name=self.name_of)
        self.again.update(known.resolve())
        pieces = [(*memory, place) for memory, place in self.memory if memory is not None]
        return Snapshot(tuple(self.rows), b"".join(self.buffers), shared_memory(pieces))

    def drain(self, queue: list[tuple[int, Iterable[Child]]]) -> None:
        """Walks all that waits; what can be named only later is set aside."""
        # the hot loop, well under a microsecond a child: every name in it is local
        rows, late, seen, alive, again = self.rows, self.late, self.seen, self.alive, self.again
        buffers, memory, cuts, atoms = self.buffers, self.memory, self.exclusions, _ATOMS
        for parent, children in queue:  # grows while it is walked
            for segment, child in self.kept(parent, children) if cuts else children:
                cls = type(child)
                if cls in atoms:
                    rows.append((parent, segment, child))
                    continue
                place = len(rows)
                known = seen.setdefault(id(child), place)
                if known != place:
                    if cls is not tuple or not atoms.issuperset(map(type, child)):  # type: ignore[call-overload]
                        rows.append((parent, segment, known, None))
                        continue
                    again[place] = child  # a plain value, whoever else holds the very same one
                else:
                    alive.append(child)
                name, read = reader_for(cls)  # type: ignore[arg-type]
                try:
                    facts, below, data = read(child)
                except Unreadable as reason:
                    raise self.uncapturable(parent, segment, cls, reason) from None
                except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
                    raise self.uncapturable(parent, segment, cls, error) from error
                rows.append((parent, segment, name, facts, len(data[0]) if data else 0))
                if data:
                    buffers.append(data[0])
                    memory.append((data[1], place))
                if isinstance(below, Late):
                    late.append((place, below))
                elif below:
                    queue.append((place, below))

    def named(self, row: int, item: Late) -> Iterator[Child]:
        try:
            yield from item.children(self)
        except Unreadable as reason:
            raise self.uncapturable(row, "", type(self.object_at(row)), reason) from None

    def kept(self, parent: int, children: Iterable[Child]) -> Iterator[Child]:
        """Yields the children that no exclusion covers; the others leave a row that names it."""
        ends, previous = self.ends, self.rows[parent][1]
        for segment, child in children:
            if may_end(ends, segment, previous):
                path = self.keypath(parent).child(segment)
                cover = next((item for item in self.exclusions if path.matches(item.pattern)), None)
                if cover is not None:
                    self.rows.append((parent, segment, "", ("excluded", cover.pattern), 0))
                    continue
            yield segment, child

    def uncapturable(
        self, parent: int, segment: Segment, cls: type, reason: Exception
    ) -> UncapturableLeaf:
        known = isinstance(reason, Unreadable)
        why = str(reason) if known else f"cannot be read ({type(reason).__name__}: {reason})"
        keypath = self.keypath(parent).child(segment)
        whole = self.user_of(parent) if isinstance(reason, Unsteady) else None
        return UncapturableLeaf(keypath, name_of(cls), why, self.readable(parent, cls), whole)

    def user_of(self, place: int) -> KeyPath:
        """Returns where the nearest object above is that has a state of its own, else this one."""
        above = place
        while above > 0 and not callable(getattr(self.object_at(above), "state_dict", None)):
            above = self.rows[above][0]
        # what hangs on no object but the root is the run itself
        return self.keypath(above if len(self.keypath(above).segments) > 1 else place)

    def readable(self, parent: int, cls: type) -> tuple[str, str]:
        """Returns where to import the class from, or the nearest class above that has a name."""
        named = importable(cls)
        while not named[1] and parent > 0:
            if KINDS[self.rows[parent][3][0]].lists_attributes:  # one for all lists is no help
                named = importable(type(self.object_at(parent)))
            parent = self.rows[parent][0]
        return named

    def object_at(self, place: int) -> object:
        """Returns the object of a row; slow, as only errors ask for it."""
        return next((item for item in self.alive if self.seen[id(item)] == place), None)

    def keypath(self, place: int) -> KeyPath:
        return keypath_of(self.rows, place)

    def position(self, item: object) -> int | None:
        return self.seen.get(id(item))

    def label(self, key: object) -> tuple[str, str] | None:
        """Names a parameter by its name, any other object by its KeyPath, a reference by both."""
        place = self.seen.get(id(key))
        if place is not None:
            return KINDS[self.rows[place][3][0]].as_key, repr(self.name_of(id(key)))
        target = weakref.ref.__call__(key) if isinstance(key, weakref.ref) else None
        if target is None or id(target) not in self.seen:
            return None
        return "weakref", f"ref({self.name_of(id(target))})"

    def name_of(self, identity: int) -> str:
        """Returns the name of an object that was met, by its id."""
        if self.parameters is None:
            loaded = "torch" in sys.modules
            tensors = import_module(".readers.tensors", __package__) if loaded else None
            self.parameters = tensors.parameter_names(self.alive) if tensors else {}
        return self.parameters.get(identity) or str(self.keypath(self.seen[identity]))


def shared_memory(pieces: list[tuple[int, int, int, str, int]]) -> tuple[MemoryGroup, ...]:
    """Rows whose owners' memory overlaps, with the offset of each from the lowest address.

    Args:
        pieces: a `Memory` and its row, each.
    """
    groups: list[list[tuple[int, int]]] = []
    for device in sorted({piece[3] for piece in pieces}):
        end = base = -1
        for start, size, here, _, row in sorted(piece for piece in pieces if piece[3] == device):
            if start >= end:
                base = start
                groups.append([])
            end = max(end, start + size)
            groups[-1].append((row, here - base))
    return tuple(sorted(tuple(sorted(group)) for group in groups if len(group) > 1))
