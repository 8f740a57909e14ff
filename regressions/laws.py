"""The general laws that every planted bug is held against, and none of which knows a bug.

| law | what must hold |
|---|---|
| `life` | what the harness checks in a life: purity, roundtrip, resume |
| `options` | what is passed explicitly is in force: built, trained, loaded, and trained on |
| `inputs` | an optimizer stays finite on degenerate input; no gradient at all changes nothing |
| `keywords` | a keyword that nobody knows is refused by its name, wherever it is passed |
| `archive` | what is logged is no state: with a log file open it saves, loads, and holds no more |
"""

from __future__ import annotations

import dataclasses
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import torch
from stable_baselines3.common.logger import configure

from harness.compare import Diff
from harness.randomness import poison, preserved_streams
from harness.runner import run
from harness.scenario import Scenario
from harness.subjects.sb3 import Sb3Subject
from harness.trial import Trial
from harness.verdict import Verdict

# a value that nothing has without a word, and that changes every update
OPTIONS: dict[str, Any] = {
    "gamma": 0.9,
    "ent_coef": 0.03,
    "learning_rate": 0.00123,
    "optimizer_kwargs": {"lr": 0.00123},
}
# where keywords are taken: the constructor ("") and its dicts
KEYWORDS = ("", "optimizer_kwargs", "critic_kwargs", "vgs_kwargs", "kl_penalty", "policy_kwargs")
PARAMETERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "random": torch.randn_like,
    "zero": torch.zeros_like,
    "tiny": lambda like: torch.full_like(like, 1e-40),
}
# of a parameter; with the parameter's own sign its utility is negative
GRADIENTS: dict[str, Callable[[torch.Tensor], torch.Tensor | None]] = {
    "random": torch.randn_like,
    "zero": torch.zeros_like,
    "useless": lambda p: p.detach().clone(),
    "none": lambda _: None,
}


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """One generated input: which law is looked at, in which life, and what the laws draw from.

    Attributes:
        law: a name of `LAWS`.
        scenario: the life; its options are those the model is built with.
        option: a name of `OPTIONS`.
        keyword: one of `KEYWORDS`.
        parameters: a name of `PARAMETERS`.
        gradients: a name of `GRADIENTS`.
    """

    law: str
    scenario: Scenario
    option: str = "gamma"
    keyword: str = ""
    parameters: str = "random"
    gradients: str = "random"


@final
@dataclass(frozen=True, kw_only=True)
class Found:
    """A law that does not hold: by which check, where, and in words."""

    check: str
    place: str
    text: str


def look(subject: Sb3Subject, case: Case) -> tuple[Found, ...]:
    """What one case shows, first seen first; an exception of the subject's is a result too."""
    with preserved_streams():
        try:
            return tuple(LAWS[case.law](subject, case))
        except Exception as error:  # whatever a planted bug raises
            return (_raised(case.law, error),)


def _raised(check: str, error: BaseException) -> Found:
    text = f"{type(error).__name__}: {error}"
    return Found(check=check, place=f"raises {type(error).__name__}", text=text)


def _differences(check: str, diff: Diff) -> list[Found]:
    return [Found(check=check, place=str(m.keypath), text=f"{m.kind} {m}") for m in diff.mismatches]


def life(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """What the harness checks in every generated life."""
    record = run(subject, case.scenario, ("purity", "roundtrip", "resume"))
    found = [f for each in record.findings for f in _differences(each.check, each.diff)]
    if record.verdict is Verdict.ERROR:
        check, kind, _ = record.error.split(": ", 2)
        found.append(Found(check=check, place=f"raises {kind}", text=record.error))
    return found


def options(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """What the caller passes reaches more than its own record, and holds where it reaches.

    What it reaches are the leaves that it changes in a fresh build and that no training moves.
    """
    explicit = _with(case.scenario, case.option, OPTIONS[case.option])
    until = min(subject.boundaries(dataclasses.replace(explicit, length=10_000)))
    trial = Trial(subject, explicit)
    plain_fresh, plain_trained, _ = _course(trial, subject, case.scenario, until)
    fresh, trained, live = _course(trial, subject, explicit, until)
    record = f"model.{case.option}"
    moved = {m.keypath for m in trial.compare(plain_fresh, plain_trained).mismatches}
    reach = {m.keypath for m in trial.compare(plain_fresh, fresh).mismatches} - moved
    resumed = _resumed(trial, subject, explicit, live, 2 * until)
    for when, snapshot in (("trained", trained), ("loaded and trained", resumed)):
        for m in trial.compare(fresh, snapshot).mismatches:
            if m.keypath in reach:
                yield Found(check="options", place=str(m.keypath), text=f"{when}: {m}")
    effect = [str(m.keypath) for m in trial.compare(plain_trained, trained).mismatches]
    if all(place.startswith(record) for place in effect):
        yield Found(check="options", place=record, text=f"{case.option} changes no bit of training")


def _with(scenario: Scenario, name: str, value: Any) -> Scenario:
    return dataclasses.replace(scenario, options={**scenario.options, name: value})


def _course(
    trial: Trial, subject: Sb3Subject, scenario: Scenario, until: int
) -> tuple[Any, Any, Any]:
    live = trial.build(scenario)
    fresh = trial.capture(live)
    subject.train(live, until=until, visits={})
    return fresh, trial.capture(live), live


def _resumed(trial: Trial, subject: Sb3Subject, scenario: Scenario, live: Any, until: int) -> Any:
    path = trial.folder / "options.zip"
    subject.save(live, path)
    poison(scenario.seed)
    loaded = subject.load(path, scenario)
    subject.train(loaded, until=until, visits={})
    return trial.capture(loaded)


def inputs(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """Two steps of the optimizer on degenerate parameters and gradients."""
    trial = Trial(subject, case.scenario)
    live = trial.build()
    optimizer = live.policy.optimizer
    parameters = dict(live.policy.named_parameters())
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(PARAMETERS[case.parameters](parameter))
    before = trial.capture(live)
    for _ in range(2):
        for parameter in parameters.values():
            parameter.grad = GRADIENTS[case.gradients](parameter)
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if case.gradients == "none":
        yield from _differences("inputs", trial.compare(before, trial.capture(live)))
    for name, parameter in parameters.items():
        if not parameter.isfinite().all():
            place = f"model.policy.{name}"
            bad = int((~parameter.isfinite()).sum())
            yield Found(
                check="inputs", place=place, text=f"{bad} of {parameter.numel()} not finite"
            )


def keywords(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """A misspelt keyword is refused, and the message holds its name."""
    wrong = {"no_such_keyword": 1}
    place = f"{case.keyword}[no_such_keyword]" if case.keyword else "no_such_keyword"
    given = {case.keyword: wrong} if case.keyword else wrong
    merged = {**case.scenario.options, **given}
    try:
        subject.build(dataclasses.replace(case.scenario, options=merged))
    except (TypeError, ValueError) as error:
        if "no_such_keyword" in str(error):
            return
        yield _raised("keywords", error)
    else:
        yield Found(check="keywords", place=place, text="an unknown keyword is taken in silence")


def archive(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """Saved at the start with a log file open, it loads; no parameter is in the file twice."""
    live = Trial(subject, case.scenario).build()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logged.zip"
        live.set_logger(configure(folder, ["log", "csv"]))
        try:
            yield from _twice(live, _saved(subject, live, path))
            subject.load(path, case.scenario)
        finally:
            live.logger.close()


def _saved(subject: Sb3Subject, live: Any, path: Path) -> bytes:
    subject.save(live, path)
    with zipfile.ZipFile(path) as file:
        return b"\n".join(file.read(name) for name in file.namelist())


def _twice(live: Any, content: bytes) -> Iterable[Found]:
    for name, parameter in live.policy.named_parameters():
        stored = parameter.detach().numpy().tobytes()
        # short ones, and those that are all one value, may be found by chance
        if parameter.numel() >= 16 and parameter.unique().numel() > 4:
            count = content.count(stored)
            if count > 1:
                text = f"{count} times in the file: a hidden copy of the model"
                yield Found(check="archive", place=f"model.policy.{name}", text=text)


LAWS: Mapping[str, Callable[[Sb3Subject, Case], Iterable[Found]]] = MappingProxyType(
    {law.__name__: law for law in (life, options, inputs, keywords, archive)}
)
