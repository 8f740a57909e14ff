"""Scenarios that failed, stored as JSON: replayed ever after, by tests and the command line."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..core.errors import InvalidTarget
from ..subjects.by_name import Case, read_cases
from ..subjects.protocol import Subject
from ..verdicts.verdict import Record

FOLDER = Path("regressions/scenarios")
_SHOWN = 5


@final
@dataclass(frozen=True, kw_only=True)
class Stored:
    """A scenario that failed, and the check that saw it.

    Attributes:
        path: the file.
        check: its name.
        case: subject and scenario.
    """

    path: Path
    check: str
    case: Case


def folder() -> Path:
    """Where failing scenarios go: `CKPT_SCENARIOS`, or `regressions/scenarios` from here."""
    return Path(os.environ.get("CKPT_SCENARIOS") or FOLDER)


def store(subject: Subject, check: str, record: Record) -> Path:
    """Writes a scenario that failed; the same scenario of the same subject has the same file.

    Args:
        subject: found by name where a loaded module holds it; otherwise the file says how it was
            called, and `replay` will ask for the rest.
        check: the name of the one that failed.
        record: what it showed.
    """
    target = target_of(subject) or subject.name
    case = Case(target=target, scenario=record.scenario).to_dict()
    digest = hashlib.blake2b(json.dumps([case, check], sort_keys=True).encode(), digest_size=4)
    path = folder() / f"{digest.hexdigest()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**case, "check": check, "showed": _showed(record)}
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return path


def read(where: Path) -> Iterator[Stored]:
    """The stored scenarios of a folder, in the order of their names; none if there is no folder.

    Raises:
        InvalidTarget: a file is no stored scenario, or does not say which check it failed.
    """
    for path in sorted(where.glob("*.json")):
        content = json.loads(path.read_text())
        check = content.get("check", content.get("law"))  # as it was called in older files
        if not isinstance(check, str):
            raise InvalidTarget(f"expected the name of a check as check in {path}, got {check!r}")
        (case,) = read_cases(path)
        yield Stored(path=path, check=check, case=case)


def target_of(subject: Subject) -> str | None:
    """`module:name` of a subject that some loaded module holds; None if none does."""
    for module_name, module in sorted(sys.modules.items()):
        if module_name == "__main__" or module_name.startswith("_"):
            continue
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is subject:
                return f"{module_name}:{name}"
    return None


def _showed(record: Record) -> dict[str, Any]:
    """What a person wants to know of it; nothing reads it back."""
    findings = [
        {
            "check": finding.check,
            "step": finding.step,
            "mismatches": [str(m) for m in finding.diff.mismatches[:_SHOWN]],
        }
        for finding in record.findings
    ]
    return {"verdict": record.verdict.value, "error": record.error, "findings": findings}
