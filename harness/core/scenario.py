"""A scenario: how a run is trained, saved and loaded; plain values, stored and replayed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, final

from .errors import InvalidScenario

# new media and options leave the format as it is: a version that does not know them says so
FORMAT = 1
MEDIA = ("file", "memory", "parameters", "pickle", "deepcopy", "set_env")
INTO = ("used", "fresh")


@final
@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What to build, how long to train, when and how to save.

    Attributes:
        options: keyword arguments for the subject, plain values only.
        seed: of the run; the poisoned target of a load gets another one.
        length: environment or loop steps of the whole run.
        save_at: steps done when the run is saved for the first time; 0 is before any training.
        save_point: what is special about `save_at`, in words, for the report.
        cycles: how often the run is saved and loaded.
        gap: steps between two cycles.
        medium: what takes the state from one run into another: a "file"; a stream in "memory";
            "parameters", where after the file a stranger's state, then the saved one, is put into
            the live run (`set_parameters`); "pickle" or "deepcopy" of the live run; "set_env", a
            file loaded without an environment, which is set afterwards.
        into: what a load finds to fill, of another seed: a run "used" before, its floats NaN, in
            which nothing is as it was built; or a "fresh" one, in which nothing has happened yet.

    Raises:
        InvalidScenario: a value makes no sense; shows it and what was expected.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    length: int
    save_at: int
    save_point: str = "given"
    cycles: int = 1
    gap: int = 0
    medium: str = "file"
    into: str = "used"

    def __post_init__(self) -> None:
        for name in ("seed", "length", "save_at", "cycles", "gap"):
            if type(getattr(self, name)) is not int:
                raise self._invalid(name, "an int", "write a whole number")
        if not isinstance(self.options, Mapping):
            raise self._invalid("options", "a mapping", "write options={'batch': 8}")
        if not isinstance(self.save_point, str):
            raise self._invalid("save_point", "a str", "write save_point='mine', or leave it out")
        last = self.save_at + self.gap * (self.cycles - 1)
        seeds = "0 to 2**32 - 1"
        within = f"0 or more, with the last save, at step {last}, within length={self.length}"
        checks = {
            "seed": (0 <= self.seed < 2**32, seeds, "choose another"),
            "length": (self.length >= 1, "at least 1 step", "write length=1 or more"),
            "save_at": (
                0 <= self.save_at <= self.length,
                f"0 to length={self.length}",
                "save earlier",
            ),
            "cycles": (self.cycles >= 1, "at least 1", "write cycles=1 or more"),
            "gap": (self.gap >= 0 and last <= self.length, within, "save sooner"),
            "medium": (self.medium in MEDIA, f"one of {', '.join(MEDIA)}", "choose one of these"),
            "into": (self.into in INTO, f"one of {', '.join(INTO)}", "choose one of these"),
        }
        for name, (holds, expected, advice) in checks.items():
            if not holds:
                raise self._invalid(name, expected, advice)

    def _invalid(self, name: str, expected: str, advice: str) -> InvalidScenario:
        got = f"{name}={getattr(self, name)!r}"
        return InvalidScenario(f"expected {name} to be {expected}, got {got}: {advice}")

    @property
    def save_points(self) -> tuple[int, ...]:
        """The step of every save, in order."""
        return tuple(self.save_at + self.gap * cycle for cycle in range(self.cycles))

    def to_json(self) -> str:
        """One line of JSON, with the format's version; `from_json` gives an equal scenario.

        Raises:
            InvalidScenario: an option is not plain JSON data and would come back changed.
        """
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        text = json.dumps(content, sort_keys=True, default=repr)
        if json.loads(text) != content:
            raise InvalidScenario(
                f"expected options that survive JSON, got options={dict(self.options)!r}: use str, "
                "int, float, bool, None, lists and dicts with str keys"
            )
        return text

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The scenario that `to_json` wrote.

        Raises:
            InvalidScenario: not JSON, another format version, or unknown fields.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidScenario(
                f"expected a scenario as JSON, got {text[:80]!r} ({error}): pass what to_json wrote"
            ) from error
        version = content.pop("format", None) if isinstance(content, dict) else None
        if version != FORMAT:
            raise InvalidScenario(
                f"expected a scenario of format {FORMAT}, got format={version!r}: read it with the "
                "version that wrote it"
            )
        known = {f.name for f in dataclasses.fields(cls)}
        if not {"length", "save_at"} <= set(content) <= known:
            raise InvalidScenario(
                f"expected length, save_at and any of {', '.join(sorted(known))}, got the fields "
                f"{', '.join(sorted(content))}: leave out the others"
            )
        return cls(**content)
