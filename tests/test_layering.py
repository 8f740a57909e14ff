"""Who may import whom: read from the source, and once from a running interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for part in ("harness", "algo") for path in (ROOT / part).rglob("*.py"))
NO_TORCH = ("snapshot", "compare", "lockstep", "mismatch", "statistics", "texts", "keypath")
NO_TORCH += ("exclusions", "report", "errors", "scenario")


def imported(path):
    """Full names of all modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def packages(path):
    """Top-level names of what a file imports."""
    return {name.partition(".")[0] for name in imported(path)}


def name_of(path):
    """A file as seen from the project's root."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_harness_and_algo_do_not_know_each_other(path):
    """The instrument never imports what it measures, nor the reverse."""
    other = "algo" if name_of(path).startswith("harness") else "harness"
    assert other not in packages(path)


@pytest.mark.parametrize("path", [p for p in SOURCES if "harness" in p.parts], ids=name_of)
def test_frameworks_stay_in_their_files(path):
    """In the harness SB3 is imported only by its subject, Hypothesis only by the strategies."""
    name = name_of(path)
    if not name.startswith("harness/subjects/sb3"):
        assert "stable_baselines3" not in packages(path)
    if name != "harness/strategies.py":
        assert "hypothesis" not in packages(path)


@pytest.mark.parametrize("module", NO_TORCH)
def test_data_and_comparison_need_no_torch(module):
    """Snapshots can be compared and reported where torch is not installed."""
    path = ROOT / "harness" / f"{module}.py"
    if path.exists():
        assert "torch" not in packages(path)


def test_leaves_import_torch_only_on_demand():
    """Readers of everything else serve programs without torch."""
    leaves = (ROOT / "harness" / "leaves").glob("*.py")
    users = {path.name for path in leaves if "torch" in packages(path)}
    assert users == {"tensors.py", "writers.py"}


def test_plugin_imports_pytest_and_the_standard_library_only():
    """Loading the plugin costs a test run nothing and pins threads before torch is there."""
    path = ROOT / "harness" / "plugin.py"
    top = ast.parse(path.read_text()).body
    names = {
        alias.name.partition(".")[0]
        for node in top
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module.partition(".")[0] for node in top if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names) | {"pytest", "_pytest"}


def test_capture_of_plain_objects_loads_no_torch():
    """A program without torch can be captured and compared, and stays without it."""
    code = """
import sys
import harness
assert 'numpy' not in sys.modules, 'import harness'
import random, numpy as np
from harness.capture import capture, capture_streams
from harness.compare import compare
root = {'a': np.arange(3), 'b': [1, {2}], 'g': np.random.default_rng(0), 'r': random.Random(1)}
assert not compare(capture(root, streams=True), capture(root, streams=True))
assert not {'torch', 'gymnasium', 'stable_baselines3'} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
