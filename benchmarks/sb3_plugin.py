"""A pytest plugin that puts DistributionalPPO in the place of PPO and notes what each test says.

For `benchmarks.sb3_suite`. Only tests of PPO are kept: those that are given the class, by itself or
in a mapping, and those that are given no algorithm and name it in their source.
"""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
import stable_baselines3
from resumeproof.algo import DistributionalPPO
from stable_baselines3.common.base_class import BaseAlgorithm

stable_baselines3.PPO = DistributionalPPO  # before a test module imports it
NAMES = ("ppo", "a2c", "dqn", "sac", "td3", "ddpg")


def _is_of_ppo(item: pytest.Item) -> bool:
    given = list((getattr(item, "callspec", None) and item.callspec.params.values()) or ())
    classes = [v for v in given if inspect.isclass(v) and issubclass(v, BaseAlgorithm)]
    named = [v for v in given if isinstance(v, str) and v.lower() in NAMES]
    if classes or named:
        return DistributionalPPO in classes or "ppo" in [name.lower() for name in named]
    return "PPO(" in inspect.getsource(item.function)  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests of other algorithms out."""
    chosen = [item for item in items if _is_of_ppo(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_runtest_logreport(report: Any) -> None:
    """Appends a line for each test: what it is, what came of it, and the error."""
    if report.when == "call" or report.skipped or (report.when == "setup" and report.failed):
        error = str(report.longrepr.reprcrash.message) if report.failed else ""
        line = {"test": report.nodeid, "outcome": report.outcome, "error": error[:300]}
        with Path(os.environ["SB3_SUITE_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
