"""The general checks that every planted bug is held against, and none of which knows a bug.

| check | what must hold |
|---|---|
| `harness` | what the harness checks in a scenario: purity, roundtrip, resume |
| `options` | what is passed explicitly is in force: built, trained, loaded, and trained on |
| `inputs` | a step stays finite on degenerate input; what has no gradient takes no part in it |
| `keywords` | a keyword that nobody knows is refused by its name, wherever it is passed |
| `overrides` | and so it is where a model is loaded |
| `archive` | what is logged is no state: with a log file open it saves, loads, and holds no more |
| `environment` | the environment that a model is built in is one, as its library checks it |
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from gymnasium.utils.env_checker import check_env
from resumeproof.core.randomness import preserved_streams
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.verdicts.runner import run
from stable_baselines3.common.vec_env import VecEnvWrapper

from regressions.cases import Case, Found, differences, raised
from regressions.checks_of_files import archive
from regressions.checks_of_keywords import KEYWORDS, keywords, overrides
from regressions.checks_of_options import OPTIONS, options
from regressions.checks_of_steps import GRADIENTS, PARAMETERS, inputs


def look(subject: Sb3Subject, case: Case) -> tuple[Found, ...]:
    """What one case shows, first seen first; an exception of the subject's is a result too."""
    with preserved_streams():
        try:
            return tuple(CHECKS[case.check](subject, case))
        except Exception as error:  # whatever a planted bug raises
            return (raised(case.check, error),)


def harness(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """What the harness checks in every generated scenario."""
    record = run(subject, case.scenario, ("purity", "roundtrip", "resume"))
    found = [f for each in record.findings for f in differences(each.check, each.diff)]
    if record.raised is not None:
        error = record.raised
        found.append(Found(check=error.check, place=f"raises {error.type}", text=str(error)))
    return found


def environment(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """Every environment of the model passes the checks of its library, wrappers and all."""
    env: Any = subject.build(case.scenario).env
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    for number, each in enumerate(env.envs):
        # the checker would build it anew from its spec, and the wrapper of SB3 is in none
        each.unwrapped.spec = None
        with warnings.catch_warnings():  # what the checker would rather see is no condition
            warnings.simplefilter("ignore")
            try:
                check_env(each, skip_render_check=True)
            except Exception as error:  # assertions for the most part, and whatever it calls
                text = f"{type(error).__name__}: {error}"
                yield Found(check="environment", place=f"model.env.envs[{number}]", text=text)


CHECKS: Mapping[str, Callable[[Sb3Subject, Case], Iterable[Found]]] = MappingProxyType(
    {
        check.__name__: check
        for check in (harness, options, inputs, keywords, overrides, archive, environment)
    }
)

__all__ = [
    "CHECKS",
    "GRADIENTS",
    "KEYWORDS",
    "OPTIONS",
    "PARAMETERS",
    "Case",
    "Found",
    "look",
]
