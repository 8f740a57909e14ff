"""Subjects by name: what a command line or a stored case says, made into something to run."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

from ..core.errors import HarnessError, InvalidTarget
from ..core.extras import needing_extras
from ..core.former_names import current_target
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from .protocol import Subject, is_subject

FORMAT = 1
_LOOP = ("step", "save", "load")
_OF_ENV = ("n_envs", "max_episode_steps", "normalize")


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """What to run and how, as plain values: a scenario and the subject it is for.

    Attributes:
        target: `module:name` of a subject, an SB3 algorithm, or a class with step, save, load.
        options: for the subject: `env` and the algorithm's keywords; those of a loop's `make`.
        scenario: one life.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scenario: Scenario

    def subject(self) -> Subject:
        """The subject itself.

        Raises:
            InvalidTarget: it cannot be imported or is nothing that can be tested.
        """
        return resolve(self.target, self.options)

    @property
    def subject_key(self) -> str:
        """The same text for cases of one subject."""
        return json.dumps([self.target, dict(self.options)], sort_keys=True, default=repr)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `from_json` of its text gives an equal case."""
        scenario = json.loads(self.scenario.to_json())
        options = dict(self.options)
        return {"format": FORMAT, "target": self.target, "options": options, "scenario": scenario}

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
        found = target or current_target(content["target"])
        scenario = Scenario.from_json(json.dumps(content.get("scenario", content)))
        stored = content.get("options", {}) if "target" in content else {}
        return cls(target=found, options={**stored, **(options or {})}, scenario=scenario)


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidTarget(f"expected a case as JSON, got {text[:60]!r} ({error})") from error
    if not isinstance(content, dict):
        raise InvalidTarget(f"expected a case as a JSON object, got {text[:60]!r}")
    version = content.get("format", FORMAT if "scenario" in content else None)
    if version != FORMAT:
        raise InvalidTarget(
            f"expected a case of format {FORMAT}, got format={version!r}: write it anew with "
            "`check TARGET --json FILE`, or replay it with the version that wrote it"
        )
    if not {"scenario", "length"} & content.keys():
        raise InvalidTarget(
            f"expected target, options and scenario, got {sorted(content)} without "
            "['scenario']: write the case with `check TARGET --json FILE`"
        )
    return content


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
        raise InvalidTarget(
            f"expected a file of stored cases, got {str(path)!r}: no such file; write one with "
            "`check TARGET --json FILE`"
        )
    text = path.read_text()
    try:
        json.loads(text)
        listed = [text]
    except json.JSONDecodeError:
        listed = [line for line in text.splitlines() if line.strip()]
    if not listed:
        raise InvalidTarget(f"expected cases in {str(path)!r}, got an empty file")
    return tuple(Case.from_json(line, target, options) for line in listed)


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
    try:
        names = [*inspect.signature(load_object(target)).parameters]
    except (TypeError, ValueError):
        return "the keywords are those of its make= or factory="
    if is_sb3(load_object(target)):
        names = [*_OF_ENV, *(name for name in names if not name.startswith("_"))]
    return f"{target} takes {', '.join(names) or 'no options'}"


def resolve(target: str, options: Mapping[str, Any]) -> Subject:
    """The subject that `module:name` stands for.

    Raises:
        InvalidTarget: shows the target, what was expected and what to write.
    """
    found = load_object(target)
    if is_subject(found):
        ready: Subject = found
        return ready
    if is_sb3(found):
        return _algorithm(target, found, options)
    if isinstance(found, type) and all(callable(getattr(found, name, None)) for name in _LOOP):
        from .loop import loop

        members: Any = found
        return loop(make=found, step=members.step, save=members.save, load=members.load)
    raise InvalidTarget(
        f"expected a subject, an SB3 algorithm or a class with step, save and load as {target!r}, "
        f"got {_kind(found)}: write a module attribute made by sb3(...), component(...) or "
        "loop(...)"
    )


def load_object(target: str) -> Any:
    """The object that `module:name` names.

    Raises:
        InvalidTarget: not of that form, no such module, or no such name in it.
    """
    module_name, colon, name = target.partition(":")
    if not (colon and module_name and name):
        raise InvalidTarget(
            f"expected TARGET as module:name, got {target!r}: write stable_baselines3:PPO"
        )
    found = load_module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            near = public_names(found)
            raise InvalidTarget(
                f"expected a name in {module_name}, got {name!r}: it has {', '.join(near)}"
            )
        found = getattr(found, part)
    return found


def load_module(module_name: str) -> Any:
    """Returns the module of a name.

    Raises:
        InvalidTarget: it cannot be imported; shows why.
    """
    try:
        with needing_extras(module_name):
            return importlib.import_module(module_name)
    except HarnessError:
        raise
    except ImportError as error:
        raise InvalidTarget(
            f"expected a module that can be imported, got {module_name!r} ({error}): run from the "
            "folder it lies in, or install it"
        ) from error
    except Exception as error:  # whatever a foreign module raises
        raise InvalidTarget(
            f"expected a module that can be imported, got {module_name!r}, which raised "
            f"{type(error).__name__}: {error}; correct it: `python -c 'import {module_name}'`"
        ) from error


def public_names(module: Any) -> list[str]:
    """What a module offers, at most twenty names."""
    names: Iterable[str] = getattr(module, "__all__", None) or vars(module)
    return sorted(name for name in names if not name.startswith("_"))[:20]


def is_sb3(found: Any) -> bool:
    """Whether it is an algorithm of SB3, or built on one; told without importing SB3."""
    bases = getattr(found, "__mro__", ())
    return any(base.__module__.startswith("stable_baselines3") for base in bases)


def _algorithm(target: str, found: Any, options: Mapping[str, Any]) -> Subject:
    from .sb3 import sb3

    if "env" not in options:
        raise InvalidTarget(f"expected an environment for {target}, got none: write --env ID")
    made: Subject = sb3(found, **options)
    return made


def _kind(found: Any) -> str:
    if isinstance(found, type):
        absent = [name for name in _LOOP if not callable(getattr(found, name, None))]
        return f"the class {found.__name__} without {', '.join(absent)}"
    return f"{found!r} ({type(found).__name__})"


def search_here() -> None:
    """Lets modules of the working directory be found, as `python -m` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
