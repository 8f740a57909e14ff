"""Every error the instrument itself raises; each says when you see it and what to do."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Self, final

from .keypath import KeyPath

_POINTER = "SwigPyObject"
_ID = re.compile(r"\[\d{7,}\]")


def near(name: object, names: Iterable[str]) -> str:
    """Returns, for the end of a message, the name that was probably meant; "" where there is none.

    Args:
        name: what was given.
        names: what could have been.
    """
    found = get_close_matches(str(name), list(names), 1, 0.7)
    return f"; did you mean {found[0]}?" if found else ""


class HarnessError(Exception):
    """The base of every error below. You never see it alone: catch it to catch them all."""


@final
class UncapturableLeaf(HarnessError):
    """You see it when a capture reaches an object whose state cannot be read completely.

    What to do: register a reader for its type, or exclude its KeyPath with a reason. It is
    never skipped: a hole in the snapshot would be a hole in every answer built on it.
    """

    def __init__(
        self,
        keypath: KeyPath,
        type_name: str,
        reason: str,
        readable: tuple[str, str] = ("", ""),
        whole: KeyPath | None = None,
    ) -> None:
        """Keeps the parts of the message, and writes it.

        Args:
            keypath: of the object.
            type_name: of its class.
            reason: completes "cannot capture x: T ...".
            readable: module and name of the class that a reader can be registered for, the
                object's own or that of the object it belongs to; empty if there is none.
            whole: of what to exclude instead of the object, which changes what that shares.
        """
        self.keypath = keypath
        self.type_name = type_name
        self.reason = reason
        self.readable = readable
        self.whole = whole
        super().__init__(
            f"cannot capture {keypath}: {type_name} {reason}.\n"
            f"  If it is state:     {self.registration}\n"
            f"  If it is not state: exclusions=[{self.exclusion}]"
        )

    @property
    def registration(self) -> str:
        """The line that registers a reader, to which what the object holds is to be added."""
        module, name = self.readable
        if not name:
            return "register_leaf(cls, reader), where its class is made: no module has it by name"
        word = name.rpartition(".")[2]
        return (
            f"import {module}, resumeproof.state.readers as readers; "
            f"readers.register_leaf({module}.{name}, lambda it: readers.reading({word!r}))"
            "  # and what it holds"
        )

    @property
    def exclusion(self) -> str:
        """The exclusion that covers it, in every process: what is keyed by an id, by any key.

        Where objects of C++ are wrapped by SWIG, there are many, each with its pointer in `this`.
        """
        name = self.type_name.rpartition(".")[2]
        pattern = "**.this" if name == _POINTER else _ID.sub("[*]", str(self.whole or self.keypath))
        reason = f"{name} that no run can lose"
        if self.whole:
            reason = f"a {name} works for it: what a load loses shows in what it gives"
        return f"resumeproof.Exclusion(pattern={pattern!r}, reason={reason!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        # workers send it home
        parts = (self.keypath, self.type_name, self.reason, self.readable, self.whole)
        return type(self), parts


@final
class UnusedExclusion(HarnessError):
    """You see it when an exclusion covered nothing in any capture or comparison of a run.

    What to do: delete it, or correct its pattern. A list of exclusions that outlives what it
    was written for hides the next loss.
    """

    def __init__(
        self, patterns: Sequence[str], nearest: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.patterns = tuple(patterns)
        self.nearest = {pattern: tuple(near) for pattern, near in (nearest or {}).items()}
        listed = ", ".join(repr(pattern) for pattern in patterns)
        near = [
            f"; nearest to {p!r}: {', '.join(near)}" for p, near in self.nearest.items() if near
        ]
        super().__init__(
            f"expected every exclusion to cover something, got {len(patterns)} that cover "
            f"nothing: {listed}; delete them, or correct the patterns{''.join(near)}"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), (self.patterns, self.nearest)


@final
class InvalidExclusion(HarnessError):
    """You see it when an exclusion has no pattern, covers everything, or gives no reason.

    What to do: name the KeyPath and write one sentence on why it is not state.
    """


@final
class InvalidScenario(HarnessError):
    """You see it when a scenario asks for something that cannot be run.

    What to do: correct the field that the message names.
    """


@final
class InvalidOperator(HarnessError):
    """You see it when what is registered as a mutant operator is none, or has a name that is taken.

    What to do: pass `Operator(name=..., apply=...)` with a name of its own.
    """


@final
class InvalidReader(HarnessError):
    """You see it when a registered reader is not callable, or returns what is not a reading.

    What to do: return `state.readers.reading(kind, *facts, payload=..., children=...)`, with
    facts of plain values only.
    """


@final
class InvalidSubject(HarnessError):
    """You see it when what is put under test cannot be built, driven, saved or loaded.

    What to do: the message shows what it got, what was expected, and what to write instead.
    """


@final
class InvalidTarget(HarnessError):
    """You see it when a command names a subject, a case or a file that cannot be used.

    What to do: the message shows what it got, what was expected, and what to write instead.
    """


@final
class UnknownCheck(HarnessError):
    """You see it when a check is named that does not exist.

    What to do: take one of the names that the message lists.
    """

    def __init__(self, where: str, names: Sequence[str], valid: Sequence[str]) -> None:
        self.where = where
        self.names = tuple(names)
        self.valid = tuple(valid)
        listed = ", ".join(map(repr, names))
        super().__init__(
            f"expected a list of names of checks in {where}, got {listed}: "
            f"choose from {', '.join(valid)}{near(names[0], valid) if names else ''}"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return type(self), (self.where, self.names, self.valid)


@final
class VacuousScenario(HarnessError):
    """You see it when nothing moved before the save, or nothing after it: no loss could show.

    What to do: run longer, save later, or drive the subject so that its state changes.
    """

    def __init__(self, subject: str, scenarios: Sequence[str]) -> None:
        self.subject = subject
        self.scenarios = tuple(scenarios)
        super().__init__(
            f"expected the state of {subject} to move before and after the save, got no change in "
            f"{', '.join(scenarios)}: pass scenarios= with a longer run or a later save"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[str, ...]]]:
        return type(self), (self.subject, self.scenarios)


@final
class NothingApplies(HarnessError):
    """You see it when not one of the checks asked for applies to the subject.

    What to do: ask for others, or give the subject what the message says it lacks.
    """

    def __init__(self, subject: str, checks: Sequence[str], reasons: Sequence[str]) -> None:
        self.arguments = (subject, tuple(checks), tuple(reasons))
        super().__init__(
            f"expected a check that applies to {subject}, got none among {', '.join(checks)}: "
            f"{'; '.join(reasons)}; ask for other checks, or give the subject what it lacks"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return type(self), self.arguments


@final
class NothingToRun(HarnessError):
    """You see it when no scenario, or no check, is left to run.

    What to do: pass lists that are not empty, or leave the argument out.
    """

    def __init__(self, checks: Sequence[str], scenarios: object) -> None:
        self.arguments = (tuple(checks), scenarios)
        what = f"scenarios={scenarios!r}" if checks else "checks=[]"
        super().__init__(
            f"expected a list of scenarios and a list of checks, got {what}: write "
            "scenarios=[Scenario(...)] and checks=['resume'], or leave them out"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...], object]]:
        return type(self), self.arguments


@final
class NotApplicable(HarnessError):
    """You see it when a check asks for something the subject does not offer.

    What to do: nothing, or give the subject the member that the message names.
    """


@final
class Unsupported(HarnessError):
    """You see it when a subject cannot do at all what a scenario asks of it.

    Raise it from a subject of your own to say so: the verdict is UNSUPPORTED, with its text as
    the reason. Code that does not know the instrument sets `checkpoint_unsupported = True` on an
    exception class of its own; what a message says never makes an error UNSUPPORTED.

    What to do: choose another scenario, or give the subject what the message says it lacks.
    """

    checkpoint_unsupported = True


def is_unsupported(error: BaseException) -> bool:
    """Returns whether the class of an exception says that what was asked for is not offered."""
    return getattr(type(error), "checkpoint_unsupported", False) is True


@final
class InvalidCheck(HarnessError):
    """You see it when what is registered as a check is none, or has the name of another one.

    What to do: pass a `Check` with a name of its own.
    """


@final
class StepFailed(Exception):
    """You see it, as the verdict ERROR, when a step of the subject raised.

    It is no `HarnessError`: the harness did its work, and the subject is what failed.
    """

    def __init__(self, subject: str, step: int, cause: BaseException) -> None:
        self.subject = subject
        self.step = step
        self.cause = cause
        super().__init__(f"step {step} of {subject} raised {type(cause).__name__}: {cause}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, int, BaseException]]:
        return type(self), (self.subject, self.step, self.cause)
