"""Subjects by name: what a command line or a stored case says, made into something to run."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

from ..core.errors import HarnessError, InvalidTarget
from ..core.expected import STOCK, expected_losses
from ..core.former_names import current_target
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from .adapters import absent_methods, adapter_for, adapters
from .capabilities import expecting
from .importing import load_object
from .protocol import Subject

FORMAT = 1
_ANEW = "write it anew with `check TARGET --json FILE`"


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """What to run and how, as plain values: a scenario and the subject it is for.

    Attributes:
        target: `module:name` of a subject, an SB3 algorithm, or a class with step, save, load.
        options: for the subject: `env` and the algorithm's keywords; those of a loop's `make`.
        scenario: how it is run.
        expected: KeyPath pattern -> reason, of what is expected to be lost; "sb3" for what the
            stock class loses.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scenario: Scenario
    expected: Mapping[str, str] = field(default_factory=dict)

    def subject(self) -> Subject:
        """The subject itself.

        Raises:
            InvalidTarget: it cannot be imported or is nothing that can be tested.
            InvalidExpectedLoss: what is expected to be lost has no pattern or no reason.
        """
        named = {pattern: why for pattern, why in self.expected.items() if pattern != STOCK}
        made = resolve(self.target, self.options)
        subject: Subject = expecting(made, expected_losses(named), of_stock=STOCK in self.expected)
        return subject

    @property
    def subject_key(self) -> str:
        """The same text for cases of one subject."""
        return json.dumps([self.target, dict(self.options)], sort_keys=True, default=repr)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `from_json` of its text gives an equal case."""
        scenario = json.loads(self.scenario.to_json())
        options = dict(self.options)
        plain = {"format": FORMAT, "target": self.target, "options": options, "scenario": scenario}
        return plain | ({"expected_losses": dict(self.expected)} if self.expected else {})

    @classmethod
    def from_json(
        cls, text: str, target: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Self:
        """The case in one line of a report, or in a stored file; results in it are ignored.

        Args:
            text: a case; or, with a target, a line of pytest's report, or a scenario alone.
            target: stands in for the one in the text, which pytest does not write.
            options: for the subject, with a target.

        Raises:
            InvalidTarget: not JSON, another format version, or something is missing.
            InvalidScenario: the scenario in it cannot be run.
        """
        content = _content(text)
        if target is None and "target" not in content:
            raise InvalidTarget(_without_target(content))
        named = target or content["target"]
        if not isinstance(named, str):
            raise InvalidTarget(
                f"expected a target as module:name, got {named!r} ({type(named).__name__}): {_ANEW}"
            )
        scenario = Scenario.from_json(json.dumps(content.get("scenario", content)))
        stored = content.get("options", {}) if "target" in content else {}
        if not isinstance(stored, dict):
            raise InvalidTarget(f"expected options as a JSON object, got {stored!r}: {_ANEW}")
        return cls(
            target=target or current_target(named),
            options={**stored, **(options or {})},
            scenario=scenario,
            expected=_expected(content.get("expected_losses", {})),
        )


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidTarget(
            f"expected a case as JSON, got {text[:60]!r} ({error}): {_ANEW}"
        ) from error
    if not isinstance(content, dict):
        raise InvalidTarget(f"expected a case as a JSON object, got {text[:60]!r}: {_ANEW}")
    version = content.get("format", FORMAT if "scenario" in content else None)
    if version != FORMAT:
        raise InvalidTarget(
            f"expected a case of format {FORMAT}, got format={version!r}: {_ANEW}, or replay it "
            "with the version that wrote it"
        )
    if not {"scenario", "length"} & content.keys():
        raise InvalidTarget(
            f"expected target, options and scenario, got {sorted(content)} without "
            "['scenario']: write the case with `check TARGET --json FILE`"
        )
    return content


def _expected(stored: object) -> dict[str, str]:
    """Returns the losses that a case expects.

    Raises:
        InvalidExpectedLoss: they are no mapping of patterns to reasons.
    """
    if isinstance(stored, dict):
        expected_losses({pattern: why for pattern, why in stored.items() if pattern != STOCK})
        return stored
    expected_losses(stored)
    return {}


def _without_target(content: Mapping[str, Any]) -> str:
    told = f"expected a case with its target, got {sorted(content)} without ['target']: "
    if "test" in content:
        told += f'run `python -m pytest "{content["test"]}"`, or '
    return f"{told}name the subject: replay FILE --target module:name"


def read_cases(
    path: Path, target: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Case, ...]:
    """The cases of a file: one JSON document, or one in every line; see `Case.from_json`.

    Raises:
        InvalidTarget: no such file, or what is in it is no case.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InvalidTarget(
            f"expected a file of stored cases, got {str(path)!r}: {what}; write one with "
            "`check TARGET --json FILE`"
        )
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidTarget(
            f"expected a file of stored cases, got {str(path)!r}, which is no text ({error}): "
            f"{_ANEW}"
        ) from error
    try:
        json.loads(text)
        listed = [text]
    except (ValueError, RecursionError):
        listed = [line for line in text.splitlines() if line.strip()]
    if not listed:
        raise InvalidTarget(f"expected cases in {str(path)!r}, got an empty file: {_ANEW}")
    return tuple(Case.from_json(line, target, options) for line in listed)


def require_available(cases: Iterable[Case]) -> None:
    """The subjects of all cases can be made here.

    Raises:
        HarnessError: what is wrong with the one that cannot.
        InvalidTarget: what is missing for each of several.
    """
    missing: list[HarnessError] = []
    for case in {case.subject_key: case for case in cases}.values():
        try:
            require_buildable(case)
        except HarnessError as error:
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        told = "".join(f"\n  {error}" for error in dict.fromkeys(map(str, missing)))
        raise InvalidTarget(
            f"expected every subject of the file on this machine, got {len(missing)} that cannot "
            f"be made here: install or register what is missing, or take these out{told}"
        )


def require_buildable(case: Case) -> None:
    """The subject can be built with the options that were given for it.

    Raises:
        InvalidTarget: building raised; shows the options, the error and what is taken.
    """
    with preserved_streams():
        try:
            case.subject().build(case.scenario)
        except HarnessError:
            raise
        except Exception as error:  # whatever a foreign constructor raises
            raise InvalidTarget(
                f"expected {case.target} to be built with options={dict(case.options)!r}, got "
                f"{type(error).__name__}: {error}; correct --env or -s: {_taken(case.target)}"
            ) from error


def _taken(target: str) -> str:
    found = load_object(target)
    adapter = adapter_for(found)
    if adapter is not None and adapter.option_names is not None:
        names = [*adapter.option_names(found)]
    else:
        try:
            names = [*inspect.signature(found).parameters]
        except (TypeError, ValueError):
            return "the keywords are those of its make= or factory="
    return f"{target} takes {', '.join(names) or 'no options'}"


def resolve(target: str, options: Mapping[str, Any]) -> Subject:
    """The subject that `module:name` stands for.

    Raises:
        InvalidTarget: shows the target, what was expected and what to write.
    """
    found = load_object(target)
    adapter = adapter_for(found)
    if adapter is not None:
        return adapter.from_target(found, options)
    frameworks = ", ".join(adapter.name for adapter in adapters())
    raise InvalidTarget(
        f"expected a subject, an SB3 algorithm or a class with step, save and load as {target!r}, "
        f"got {_kind(found)}: write a module attribute made by sb3(...), component(...) or "
        f"loop(...), or register an adapter beside these: {frameworks}"
    )


def options_of_scenario(target: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those options that build the run anew in every scenario, rather than make the subject."""
    adapter = adapter_for(load_object(target))
    return {} if adapter is not None and adapter.option_names is not None else options


def _kind(found: Any) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__} without {', '.join(absent_methods(found))}"
    return f"{found!r} ({type(found).__name__})"
