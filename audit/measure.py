"""One algorithm, saved and loaded in one way, under the checks of the instrument."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resumeproof import Scenario, sb3
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record
from torch import nn

from .cases import CASES, Case
from .ours import exact

WAYS = ("stock", "ours")
CHECKS = ("purity", "roundtrip", "resume")
LENGTH = 64


def scenarios(subject: Any) -> list[Scenario]:
    """Saved where the first round ends, and in the middle of the run."""
    ends = subject.boundaries(Scenario(length=LENGTH, save_at=0, seed=1))
    within = [end for end in ends if 0 < end < LENGTH]
    middle = next(end for end in within if end >= LENGTH // 2)
    return [Scenario(length=LENGTH, save_at=at, seed=1) for at in sorted({within[0], middle})]


def subject_of(case: Case, way: str) -> Any:
    """The algorithm as a user has it, or with `save_run` and `resume`."""
    cls = case.cls if way == "stock" else exact(case.cls)
    return sb3(cls, env=case.env, policy=case.policy, **case.options)


def measure(name: str, way: str) -> dict[str, Any]:
    """Everything that the page says of one cell, as plain data."""
    subject = subject_of(CASES[name], way)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *first, middle = scenarios(subject)
        # of the stock class the losses of one scenario are traced to what needs them: it takes long
        traced = None if way == "ours" else False
        records = [run(subject, scenario, CHECKS, attribution=traced) for scenario in first]
        records.append(run(subject, middle, CHECKS))
        groups = {} if way == "ours" else preserved(subject, records)
    return {
        "name": name,
        "way": way,
        "verdicts": [record.verdict.value for record in records],
        "vacuous": sum(record.vacuous for record in records),
        "noise": sum(len(record.noise) for record in records),
        "raised": [str(record.raised) for record in records if record.raised],
        "findings": sorted({finding.check for record in records for finding in record.findings}),
        "coverage": list(records[-1].state_coverage or ()),
        "groups": groups,
        "seconds": round(sum(record.seconds for record in records), 1),
    }


def preserved(subject: Any, records: Iterable[Record]) -> dict[str, dict[str, list[str]]]:
    """What became of each group of state that had moved: the group, and the first leaves of it."""
    lost: dict[str, set[str]] = {"lost and needed": set(), "lost and inert": set()}
    for record in records:
        found = record.attribution
        if found is not None:
            lost["lost and needed"] |= {str(m.keypath) for m in (*found.causes, *found.contained)}
            lost["lost and inert"] |= {str(m.keypath) for m in (*found.healed, *found.inert)}
    lost["lost and inert"] -= lost["lost and needed"]
    after = _after_load(subject)
    right = after.right - lost["lost and needed"] - lost["lost and inert"]
    kinds = {
        "saved": {path for path in right if after.group_of(path) in after.stored},
        "derived": {path for path in right if after.group_of(path) not in after.stored},
        **lost,
    }
    return {kind: _grouped(paths, after) for kind, paths in kinds.items() if paths}


@dataclass(frozen=True, kw_only=True)
class AfterLoad:
    """What a load left behind.

    Attributes:
        right: the leaves that had moved, and are right.
        stored: the groups of state that the files hold.
        networks: the attributes of the model that are links into its policy.
    """

    right: set[str]
    stored: set[str]
    networks: set[str]

    def group_of(self, keypath: str) -> str:
        """The group of state that a leaf belongs to: an attribute of the model, or a stream."""
        first, _, rest = keypath.partition(".")
        if first == "streams":
            return f"stream of {rest.partition('.')[0]}"
        head = rest.partition(".")[0].partition("[")[0]
        if head == "policy" or head in self.networks:
            return "policy.optimizer" if "optimizer" in rest else "policy"
        return head


def _after_load(subject: Any) -> AfterLoad:
    scenario = scenarios(subject)[-1]
    fresh, live = subject.build(scenario), subject.build(scenario)
    subject.train(live, until=scenario.save_at, visits={})
    before, saved = (_captured(each, subject) for each in (fresh, live))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.zip"
        subject.save(live, path)
        stored = _entries(path, live)
        loaded = _captured(subject.load(path, scenario), subject)
    moved = {str(mismatch.keypath) for mismatch in compare(before, saved).mismatches}
    wrong = {str(mismatch.keypath) for mismatch in compare(saved, loaded).mismatches}
    networks = {name for name, value in vars(live).items() if isinstance(value, nn.Module)}
    return AfterLoad(right=moved - wrong, stored=stored, networks=networks)


def _captured(model: Any, subject: Any) -> Any:
    return capture(model, name="model", streams=True, exclusions=subject.exclusions)


def _entries(path: Path, model: Any) -> set[str]:
    """The groups in the zip, and in the files that SB3's other calls write beside it."""
    with zipfile.ZipFile(path) as archive:
        names = set(json.loads(archive.read("data")))
    networks, variables = model._get_torch_save_params()
    beside = {"replay_buffer"} if len(list(path.parent.iterdir())) > 1 else set()
    return names | {*networks, *variables, "policy", "policy.optimizer"} | beside


def _grouped(paths: Iterable[str], after: AfterLoad) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        groups.setdefault(after.group_of(path), []).append(path)
    return {name: _first(members) for name, members in sorted(groups.items())}


def _first(members: list[str]) -> list[str]:
    more = len(members) - 2
    return [*members[:2], *([f"and {more}"] if more > 0 else [])]
