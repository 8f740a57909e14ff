"""Files from before the project had one import name: what they name is found where it is today."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from resumeproof import cli
from resumeproof.core.former_names import current_target
from resumeproof.subjects.by_name import read_cases

# written by `python -m harness check algo:DistributionalPPO --env CartPole-v1 ... --json FILE`
LINE = (
    '{"attribution": null, "compared": 790, "error": "", "findings": [], "format": 1, '
    '"moved": null, "moved_later": null, "notes": [], "options": {"batch_size": 16, '
    '"env": "CartPole-v1", "n_steps": 16}, "scenario": {"cycles": 1, "format": 1, "gap": 0, '
    '"into": "used", "length": 32, "medium": "file", "options": {}, "save_at": 20, '
    '"save_point": "given", "seed": 0}, "seconds": 3.366, "subject": "sb3:DistributionalPPO", '
    '"target": "algo:DistributionalPPO", "used": ["**.episode_times", "**.t_start", '
    '"model._logger", "model._loop.callback_states", "model._loop.callbacks", "model._loop.log", '
    '"model._loop.transition", "model._num_timesteps_at_start", "model.ep_info_buffer[*][\'t\']", '
    '"model.start_time"], "vacuous": false, "verdict": "EXACT"}\n'
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A report of the old version's command line."""
    path = tmp_path / "old.json"
    path.write_text(LINE)
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules are found first, as the working directory of a user."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] in ("algo", "harness")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_old_file_replays(old: Path, tmp_path: Path) -> None:
    """It is EXACT as it was, and what is written of it has the name of today."""
    again = tmp_path / "again.json"
    assert cli.main(["replay", str(old), "--checks", "roundtrip", "--json", str(again)]) == 0
    record = json.loads(again.read_text())
    assert (record["verdict"], record["target"]) == ("EXACT", "resumeproof.algo:DistributionalPPO")
    assert record["scenario"] == json.loads(LINE)["scenario"]


@pytest.mark.parametrize(
    ("former", "current"),
    [
        ("algo:DistributionalPPO", "resumeproof.algo:DistributionalPPO"),
        ("algo.normalizer:ReturnNormalizer", "resumeproof.algo.maths.normalizer:ReturnNormalizer"),
        ("harness.loop:LoopSubject", "resumeproof.subjects.loop:LoopSubject"),
        ("harness:sb3", "resumeproof:sb3"),
        ("algo.no_such_module:X", "algo.no_such_module:X"),
        ("algorithms:PPO", "algorithms:PPO"),
        ("stable_baselines3:PPO", "stable_baselines3:PPO"),
    ],
)
def test_former_name_leads_to_where_the_module_is(former: str, current: str) -> None:
    """Into whichever room it moved; other names are nobody's business."""
    assert current_target(former) == current


@pytest.mark.parametrize("module", ["algo", "algo.mine", "harness"])
def test_module_of_the_user_is_the_users(module: str, elsewhere: Path) -> None:
    """A package of that name, which has the module, is meant, and no other."""
    folder = elsewhere / module.partition(".")[0]
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "mine.py").touch()
    assert current_target(f"{module}:Trainer") == f"{module}:Trainer"


def test_user_package_without_the_module_leaves_it_ours(elsewhere: Path) -> None:
    """A folder of that name with nothing in it is in nobody's way, nor one without the module."""
    (elsewhere / "algo").mkdir()
    assert current_target("algo:DistributionalPPO") == "resumeproof.algo:DistributionalPPO"
    (elsewhere / "harness").mkdir()
    (elsewhere / "harness" / "__init__.py").touch()
    assert current_target("harness.loop:LoopSubject") == "resumeproof.subjects.loop:LoopSubject"


def test_user_package_that_raises_is_the_users(elsewhere: Path) -> None:
    """It is there: what it raises is theirs to see."""
    (elsewhere / "algo").mkdir()
    (elsewhere / "algo" / "__init__.py").write_text("raise RuntimeError('no GPU')\n")
    assert current_target("algo.normalizer:X") == "algo.normalizer:X"


def test_target_that_is_given_is_taken_as_it_is(old: Path) -> None:
    """Only what a file says is translated."""
    (case,) = read_cases(old, target="algo:Other")
    assert case.target == "algo:Other"
