"""State of one live run put into another, in place, without breaking what it shares.

A difference is put back where its object can take it: values into tensors and arrays, positions
into generators, members into containers; and by assignment to the attribute or item that holds it
otherwise. What an assigned object refers to is what corresponds to it in the other run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from ..core.keypath import KeyPath
from ..state.mismatch import MismatchKind
from .graft import Counterparts
from .sites import Graph, How, Site, kind_at
from .write import Unreachable, assign, items_of, remove, reorder

__all__ = ["Transplant", "Unreachable"]

_ABSENT = (MismatchKind.MISSING, MismatchKind.UNEXPECTED)


@final
class Transplant:
    """Puts state of `donor` into the live objects of `target`."""

    def __init__(self, donor: Graph, target: Graph) -> None:
        self.donor = donor
        self.target = target
        self.graft = Counterparts(donor, target).graft

    def put(self, site: Site) -> None:
        """Puts one site back.

        Raises:
            Unreachable: the object does not take it; says why.
        """
        try:
            self._put(site)
        except Unreachable:
            raise
        except Exception as error:  # foreign objects may refuse in any way
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def put_all(self, sites: Iterable[Site]) -> dict[KeyPath, str]:
        """Puts what it can back; returns where it could not, and why."""
        refused: dict[KeyPath, str] = {}
        for site in sites:
            try:
                self.put(site)
            except Unreachable as reason:
                refused[site.keypath] = str(reason)
        return refused

    def _put(self, site: Site) -> None:
        ways = {
            How.COPY: self._copy,
            How.DATA: self._adopt,
            How.ORDER: self._order,
            How.MEMBERS: self._content,
        }
        if site.how in ways:
            ways[site.how](site.keypath)
        else:
            self._assign(site)

    def _adopt(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        adopt = kind_at(self.target.snapshot, keypath).adopt
        if adopt is None:
            raise Unreachable(f"{type(target).__name__} cannot be given other memory")
        adopt(target, source)

    def _order(self, keypath: KeyPath) -> None:
        place = self.donor.snapshot.resolve(keypath) or 0
        reorder(self.target.object_at(keypath), [self.graft(k) for k in self.donor.keys[place]])

    def _copy(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        place = self.donor.snapshot.resolve(keypath) or 0
        kind = self.donor.snapshot.kind(place)
        content = self.donor.contents.get(place) if kind.take else source
        if kind.write and content is not None and kind.can_write(target):
            kind.write(target, content)
        else:
            self._edge(keypath, self.graft(source, own=True))

    def _content(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        pairs = items_of(source) if isinstance(source, dict) else self._members(keypath, source)
        refill = kind_at(self.target.snapshot, keypath).refill
        if refill is None:
            raise Unreachable(f"{type(target).__name__} does not take other members")
        refill(target, [(self.graft(k), self.graft(v)) for k, v in pairs])

    def _members(self, keypath: KeyPath, source: Any) -> list[tuple[None, Any]]:
        if isinstance(source, Iterable):
            return [(None, value) for value in source]
        below = self.donor.snapshot.children[self.donor.snapshot.resolve(keypath) or 0]
        return [(None, self.donor.object_at(keypath.child(segment))) for segment in below]

    def _assign(self, site: Site) -> None:
        keypath = site.keypath
        if all(m.kind is MismatchKind.UNEXPECTED and m.keypath == keypath for m in site.mismatches):
            owner = self.target.object_at(keypath.parent)
            remove(owner, keypath.segments[-1], self.target.key_at(keypath))
            return
        here = [mismatch.kind for mismatch in site.mismatches if mismatch.keypath == keypath]
        own = not any(kind in (*_ABSENT, MismatchKind.ALIASING) for kind in here)
        self._edge(keypath, self.graft(self.donor.object_at(keypath), own=own))

    def _edge(self, keypath: KeyPath, value: Any) -> None:
        if len(keypath.segments) < 2:
            raise Unreachable("a root cannot be replaced")
        owner = self.target.object_at(keypath.parent)
        key = self.graft(self.donor.key_at(keypath))
        assign(owner, keypath.segments[-1], key, value)
