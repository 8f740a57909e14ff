"""Two object graphs walked in step from their roots.

The walk keeps a one-to-one map between the objects of the two graphs. The order in which a
capture met things, or attributes were set, therefore does not matter, while every alias that
was cut or merged does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, final

from ..core.keypath import KeyPath, Segment
from .array_statistics import describe
from .kind import Members
from .mismatch import Mismatch, MismatchKind
from .readers import KINDS
from .rows import ALIAS, ATOM, MemoryGroup, Row, Rows, same_bits
from .wording import bytes_texts, key_text, layout_texts, shorten, text, type_name

_Words: TypeAlias = Callable[[], Sequence[str]]
"""What was expected, what was got and, of arrays, the statistics: made only where read."""
_Path: TypeAlias = tuple[Any, Segment] | None  # (path of the parent, segment): cheap to extend


def differences(expected: Rows, got: Rows, *, worded: bool = True) -> list[Mismatch]:
    """Returns every difference, in the order of the expected graph; shared memory comes last.

    Args:
        expected: what must hold.
        got: what holds.
        worded: whether to say what was expected and got, which costs most of a comparison.
    """
    return _Lockstep(expected, got, worded=worded).run()


def changed(expected: Rows, got: Rows) -> list[KeyPath]:
    """Returns where they differ."""
    return [mismatch.keypath for mismatch in differences(expected, got, worded=False)]


@final
@dataclass(slots=True)
class _Lockstep:
    """Two graphs walked in step, with the one-to-one map between their objects."""

    expected: Rows
    got: Rows
    worded: bool = True
    mismatches: list[Mismatch] = field(default_factory=list)
    forward: dict[int, int] = field(default_factory=dict)
    backward: dict[int, int] = field(default_factory=dict)
    paths: tuple[dict[int, _Path], dict[int, _Path]] = field(default_factory=lambda: ({}, {}))
    visited: set[tuple[int, int]] = field(default_factory=set)
    queue: list[tuple[int, int, _Path]] = field(default_factory=list)

    def run(self) -> list[Mismatch]:
        self.queue.append((0, 0, None))
        for above, below, path in self.queue:  # grows while it is walked
            self.children(above, below, path)
        self.memory()
        return self.mismatches

    def children(self, above: int, below: int, path: _Path) -> None:
        wanted, got = self.expected.children[above], self.got.children[below]
        for segment, place in wanted.items():
            other = got.get(segment)
            if other is None:
                self.absent(MismatchKind.MISSING, self.expected, place, (path, segment))
            else:
                self.edge(place, other, (path, segment))
        for segment, place in got.items():
            if segment not in wanted:
                self.absent(MismatchKind.UNEXPECTED, self.got, place, (path, segment))
        self.order(above, wanted, got, path)

    def order(
        self, above: int, wanted: Mapping[Segment, int], got: Mapping[Segment, int], path: _Path
    ) -> None:
        if len(wanted) < 2:  # most have no order to ask for
            return
        row = self.expected.rows[above]
        if KINDS[row[3][0]].members is not Members.KEYED or wanted.keys() != got.keys():
            return
        orders = [
            [segment for segment in table if not isinstance(segment, str)]
            for table in (wanted, got)
        ]
        if orders[0] != orders[1]:
            self.report(
                MismatchKind.VALUE,
                path,
                row[2],
                lambda: [shorten("keys " + ", ".join(map(key_text, keys))) for keys in orders],
            )

    def absent(self, kind: MismatchKind, side: Rows, place: int, path: _Path) -> None:
        row = _resolved(side, place)[1]
        if _is_output(row):
            return
        there = kind is MismatchKind.MISSING
        self.report(
            kind,
            path,
            type_name(row),
            lambda: (text(row), "nothing") if there else ("nothing", text(row)),
        )

    def edge(self, place: int, other: int, path: _Path) -> None:
        place, wanted = _resolved(self.expected, place)
        other, got = _resolved(self.got, other)
        if len(wanted) == ATOM and len(got) == ATOM:
            self.values(wanted, got, path)
        elif len(wanted) != len(got):
            if any(map(_is_output, (wanted, got))) and any(map(_is_none, (wanted, got))):
                return
            self.report(MismatchKind.TYPE, path, type_name(wanted), lambda: _typed(wanted, got))
        elif (place, other) not in self.visited:
            self.visited.add((place, other))
            if KINDS[wanted[3][0]].identity:
                self.identity(place, other, path)
            self.objects(place, other, path)

    def values(self, wanted: Row, got: Row, path: _Path) -> None:
        if wanted[2] is got[2] or same_bits(wanted[2], got[2]):
            return
        alike = type(wanted[2]) is type(got[2])
        kind = MismatchKind.VALUE if alike else MismatchKind.TYPE
        self.report(
            kind,
            path,
            type_name(wanted),
            lambda: (text(wanted), text(got)) if alike else _typed(wanted, got),
        )

    def identity(self, place: int, other: int, path: _Path) -> None:
        """Pairs one object with one object: what is shared here must be shared there."""
        image, source = self.forward.get(place), self.backward.get(other)
        if image is None and source is None:
            self.forward[place], self.backward[other] = other, place
            self.paths[0][place] = self.paths[1][other] = path
            return
        shared = self.paths[0].get(place), self.paths[1].get(other)

        def texts() -> list[str]:
            return [
                "an object of its own" if known is None else f"the same object as {_keypath(at)}"
                for known, at in zip((image, source), shared, strict=True)
            ]

        partner = _keypath(shared[0] if image is not None else shared[1])
        name = self.expected.rows[place][2]
        self.report(MismatchKind.ALIASING, path, name, texts, other=partner)

    def objects(self, place: int, other: int, path: _Path) -> None:
        wanted, got = self.expected.rows[place], self.got.rows[other]
        kind, other_kind = KINDS[wanted[3][0]], KINDS[got[3][0]]
        one_class = wanted[2] == got[2] or kind.any_class
        if kind is not other_kind and kind.base != other_kind.base:
            self.report(
                MismatchKind.TYPE,
                path,
                wanted[2],
                lambda: [f"{row[2]} ({row[3][0]})" for row in (wanted, got)],
            )
            return
        if not one_class:
            self.report(MismatchKind.TYPE, path, wanted[2], lambda: (wanted[2], got[2]))
        if kind.numeric:
            self.arrays(place, other, path)
        elif one_class:  # facts of two classes have nothing in common
            self.facts(place, other, path)
        self.queue.append((place, other, path))

    def facts(self, place: int, other: int, path: _Path) -> None:
        wanted, got = self.expected.rows[place], self.got.rows[other]
        if wanted[3] is not got[3] and not same_bits(wanted[3][1:], got[3][1:]):
            self.report(MismatchKind.VALUE, path, wanted[2], lambda: (text(wanted), text(got)))
        elif wanted[4] or got[4]:
            bits = self.expected.payload(place), self.got.payload(other)
            if bits[0] != bits[1]:
                self.report(MismatchKind.VALUE, path, wanted[2], lambda: bytes_texts(*bits))

    def arrays(self, place: int, other: int, path: _Path) -> None:
        wanted, got = self.expected.rows[place], self.got.rows[other]
        _, dtype, shape, layout, flags = wanted[3]
        for kind, want, have in zip(
            (MismatchKind.DTYPE, MismatchKind.SHAPE), wanted[3][1:3], got[3][1:3], strict=True
        ):
            if want != have:
                self.report(kind, path, wanted[2], partial(_strings, want, have))
        if got[3][1:3] != (dtype, shape):
            return
        if (layout, flags) != got[3][3:]:
            self.report(
                MismatchKind.LAYOUT, path, wanted[2], lambda: layout_texts(wanted[3], got[3])
            )
        bits = self.expected.payload(place), self.got.payload(other)
        if bits[0] != bits[1]:
            self.report(MismatchKind.VALUE, path, wanted[2], lambda: describe(dtype, shape, *bits))

    def memory(self) -> None:
        """Compares what shares memory: the same pairs, at the same distance."""
        wanted, got = _partners(self.expected.memory), _partners(self.got.memory)
        for place, other in self.forward.items():
            images = {
                (self.forward[partner], distance)
                for partner, distance in wanted.get(place, ())
                if partner in self.forward
            }
            sources = {pair for pair in got.get(other, ()) if pair[0] in self.backward}
            if images != sources:
                self.shared_memory(place, sorted(images - sources), sorted(sources - images))

    def shared_memory(
        self, place: int, cut: list[tuple[int, int]], merged: list[tuple[int, int]]
    ) -> None:
        # each pair once, from its later member
        order = list(self.forward)
        for pairs, is_cut in ((cut, True), (merged, False)):
            for partner, _ in pairs:
                source = self.backward[partner]
                moved = partner in {row for row, _ in (merged if is_cut else cut)}
                if order.index(source) > order.index(place) or (moved and not is_cut):
                    continue
                at = _keypath(self.paths[0][source])
                apart, joined = "memory of its own", f"memory shared with {at}"
                texts = (joined, f"{joined} at another offset" if moved else apart)
                texts = texts if is_cut else (apart, joined)
                name = self.expected.rows[place][2]
                self.report(
                    MismatchKind.ALIASING,
                    self.paths[0][place],
                    name,
                    partial(_strings, *texts),
                    other=at,
                )

    def report(
        self,
        kind: MismatchKind,
        path: _Path,
        type_name: str,
        words: _Words,
        other: KeyPath | None = None,
    ) -> None:
        texts = [*(words() if self.worded else ("", "")), ""]
        self.mismatches.append(
            Mismatch(
                keypath=_keypath(path),
                kind=kind,
                type_name=type_name,
                expected=texts[0],
                got=texts[1],
                stats=texts[2],
                other=other,
            )
        )


def _partners(groups: tuple[MemoryGroup, ...]) -> dict[int, set[tuple[int, int]]]:
    """Returns for each row those it shares memory with, and how many bytes further they start."""
    return {
        row: {(partner, there - here) for partner, there in group if partner != row}
        for group in groups
        for row, here in group
    }


def _resolved(side: Rows, place: int) -> tuple[int, Row]:
    row = side.rows[place]
    return (row[2], side.rows[row[2]]) if len(row) == ALIAS else (place, row)


def _is_output(row: Row) -> bool:
    return len(row) != ATOM and KINDS[row[3][0]].output


def _is_none(row: Row) -> bool:
    return len(row) == ATOM and row[2] is None


def _typed(wanted: Row, got: Row) -> tuple[str, str]:
    first, second = (f"{type_name(row)} {text(row)}" for row in (wanted, got))
    return first, second


def _strings(*values: object) -> tuple[str, ...]:
    return tuple(map(str, values))


def _keypath(path: _Path) -> KeyPath:
    segments: list[Segment] = []
    while path is not None:
        path, segment = path
        segments.append(segment)
    return KeyPath(*reversed(segments))
