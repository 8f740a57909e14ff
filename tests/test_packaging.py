"""The wheel: what is in it, whose names it takes, and what it needs for which use."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path

import pytest
from resumeproof.core.extras import EXTRA_OF

from tests.installed import ROOT, Environment, build_wheel, closure, make_environment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {"harness": "resumeproof", "algo": "resumeproof/algo"}
TRAINER = """
class Trainer:
    def __init__(self, seed=0):
        self.count, self.mean = 0, 0.0

    def step(self):
        self.count += 1
        self.mean += (0.5 * self.count - self.mean) / self.count

    def save(self):
        return dict(vars(self))

    def load(self, state):
        if state.keys() != vars(self).keys():
            raise KeyError(f"expected {sorted(vars(self))}, got {sorted(state)}")
        vars(self).update(state)
"""
TEST = """
import algo
import harness
from resumeproof import check_resume, fuzz_case, loop, parametrize_with_checks
from resumeproof.algo import DistributionalPPO

from trainer import Trainer

mine = loop(make=Trainer, step=Trainer.step, save=Trainer.save, load=Trainer.load)
TestGenerated = fuzz_case(mine)


def test_names_are_the_projects_own():
    assert (algo.OWNER, harness.OWNER) == ("the project", "the project")
    assert DistributionalPPO.__module__ == "resumeproof.algo.ppo.distributional_ppo"


def test_resume():
    check_resume(mine, checks=["purity", "roundtrip", "resume"])


@parametrize_with_checks([mine])
def test_checkpoint(subject, check):
    check(subject)
"""
IMPORTS = """
import importlib, json
import resumeproof

def said(act):
    try:
        act()
    except ImportError as error:
        return str(error)

print(json.dumps({
    "resumeproof.algo": said(lambda: importlib.import_module("resumeproof.algo")),
    "resumeproof.sb3": said(lambda: resumeproof.sb3),
    "resumeproof.fuzz_case": said(lambda: resumeproof.fuzz_case),
    "parametrize_with_checks": said(lambda: resumeproof.parametrize_with_checks([])),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install resumeproof` gives."""
    return make_environment(tmp_path_factory.mktemp("core"), wheel)


@pytest.fixture(scope="module")
def everything(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install "resumeproof[all]"` gives."""
    return make_environment(tmp_path_factory.mktemp("all"), wheel, "all")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has packages `harness` and `algo` of its own, and no packaging."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('OWNER = "the project"\n')
    (tmp_path / "trainer.py").write_text(TRAINER)
    (tmp_path / "test_own.py").write_text(TEST)
    return tmp_path


def test_packages_are_the_folders() -> None:
    """Every folder with a module in it is listed, by the name it is installed under."""
    listed = PROJECT["tool"]["setuptools"]["packages"]
    folders = {
        ".".join([*outer.split("/"), *path.parent.relative_to(ROOT / top).parts])
        for top, outer in FOLDERS.items()
        for path in (ROOT / top).rglob("*.py")
    }
    assert sorted(listed) == sorted(folders)


def test_wheel_holds_both_folders_under_one_name_and_nothing_else(wheel: Path) -> None:
    """No tests, no properties: every file of the folders, and the metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"{outer}/{path.relative_to(ROOT / top).as_posix()}"
        for top, outer in FOLDERS.items()
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected
    assert {f"{outer}/py.typed" for outer in FOLDERS.values()} <= names


def test_extras_in_messages_are_those_of_the_project() -> None:
    """A package is said to come with the extra that requires it."""
    extras = PROJECT["project"]["optional-dependencies"]
    ours = [f'{line}; extra == "{name}"' for name, lines in extras.items() for line in lines]
    for package, extra in EXTRA_OF.items():
        assert package in {name.replace("-", "_") for name in closure(ours, [extra])}
    assert {"sb3", "test", "report"} == set(EXTRA_OF.values())


def test_project_with_folders_of_our_names_runs_its_tests(
    project: Path, everything: Environment
) -> None:
    """Its pytest starts with our plugin active, and both see what is theirs."""
    done = everything.run("python", "-m", "pytest", "-q", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ckpt: threads=1" in everything.run("python", "-m", "pytest", "--co", cwd=project).stdout
    assert "scenarios EXACT" in done.stdout


def test_command_line_works_beside_folders_of_our_names(
    project: Path, everything: Environment
) -> None:
    """As a script and as a module, on the project's trainer and on our algorithm."""
    loops = ("check", "trainer:Trainer", "--checks", "roundtrip,resume")
    ours = ("check", "resumeproof.algo:DistributionalPPO", "--env", "CartPole-v1")
    ours += ("-s", "n_steps=16", "-s", "batch_size=16", "--length", "32", "--checks", "roundtrip")
    for command in (("resumeproof", *loops), ("python", "-m", "resumeproof", *ours)):
        done = everything.run(*command, cwd=project)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "EXACT" in done.stdout


def test_core_checks_a_loop_with_torch_and_numpy_alone(project: Path, core: Environment) -> None:
    """Every check, another process included; of the extras nothing is there to be imported."""
    absent = core.run("python", "-c", "import gymnasium", cwd=project)
    assert "ModuleNotFoundError" in absent.stderr
    done = core.run("resumeproof", "check", "trainer:Trainer", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 scenarios EXACT" in done.stdout


def test_missing_extra_says_how_to_install_it(project: Path, core: Environment) -> None:
    """The very line for pip, wherever something is asked for that needs more than the core."""
    done = core.run("python", "-c", IMPORTS, cwd=project)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for name, extra in {
        "resumeproof.algo": "sb3",
        "resumeproof.sb3": "sb3",
        "resumeproof.fuzz_case": "test",
        "parametrize_with_checks": "test",
    }.items():
        assert name in said[name]
        assert said[name].endswith(f'pip install "resumeproof[{extra}]"'), said[name]


@pytest.mark.parametrize(
    "target", ["stable_baselines3:PPO", "resumeproof.algo:DistributionalPPO", "resumeproof:sb3"]
)
def test_target_that_needs_an_extra_says_how_to_install_it(
    target: str, project: Path, core: Environment
) -> None:
    """On the command line: one line, exit status 2, no traceback."""
    done = core.run("resumeproof", "check", target, "--env", "CartPole-v1", cwd=project)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().endswith('pip install "resumeproof[sb3]"'), done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_help_say_what_is_installed_and_how_to_get_more(
    project: Path, core: Environment
) -> None:
    """The version is the project's; every extra is in the help."""
    version = core.run("resumeproof", "--version", cwd=project).stdout
    assert version == f"resumeproof {PROJECT['project']['version']}\n"
    text = core.run("resumeproof", "--help", cwd=project).stdout
    for extra in ("sb3", "test", "report", "all"):
        assert f'pip install "resumeproof[{extra}]"' in text
