"""Who may import whom: floors of rooms, read from the source, and once from a running interpreter.

A room imports from itself and from lower floors. Strings count: what `import_module` is given,
what is looked up in `sys.modules`, and module names in the tables of readers.
"""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    # rooms in braces stand side by side: neither knows the other
    "harness": (
        {"core"},
        {"state"},
        {"files", "transplant"},
        {"subjects"},
        {"trial"},
        {"causes", "checks"},
        {"verdicts"},
        {"testing"},
        {"mutation", "fuzzing"},
        {"cli", "plugin"},
        {"__main__"},
    ),
    "algo": (
        {"maths", "checkpoint"},
        {"optim", "networks"},
        {"run_state"},
        {"saving"},
        {"ppo", "stock"},
        {"pbt"},
    ),
}
FRAMEWORKS = {
    # a package, and the only files and folders of the harness that may name it
    "stable_baselines3": {"subjects/sb3/", "state/readers/sb3.py"},
    "sb3_contrib": {"subjects/sb3/"},
    "gymnasium": {"subjects/sb3/"},
    "hypothesis": {"fuzzing/strategies.py", "fuzzing/cases.py"},
}
# modules that must serve where torch is not installed
WITHOUT_TORCH = ("core", "state/snapshot.py", "state/compare.py", "state/diff.py")
WITHOUT_TORCH += ("state/mismatch.py", "state/wording.py", "verdicts/report.py")


def sources(top):
    """Every source file of a package."""
    return sorted((ROOT / top).rglob("*.py"))


def module_of(path):
    """A file as a dotted name below its package; a package's `__init__` is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(top):
    """The dotted names of all files of a package."""
    return {module_of(path) for path in sources(top)}


def absolute(path, level, module):
    """The dotted name of a relative import, as a tuple from the package's folder."""
    package = path.relative_to(ROOT).parent.parts
    above = package[: len(package) - level + 1]
    return (*above, *(module.split(".") if module else ()))


def relative_imports(path):
    """The files of its own package that a file imports, by statement or by string."""
    known = modules(path.relative_to(ROOT).parts[0])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = absolute(path, node.level, node.module)
            for alias in node.names:
                inner = (*base, alias.name)
                yield inner if inner in known else base
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if text.startswith(".") and text.strip(".").replace(".", "").isidentifier():
                level = len(text) - len(text.lstrip("."))
                target = absolute(path, level, text.lstrip("."))
                if target in known:
                    yield target


def foreign(path):
    """Top-level packages that a file imports, or names in a string as a module of theirs."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            if getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
                names.add(str(node.args[0].value))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.modules":
            names.add(ast.unparse(node.slice).strip("'"))
    return {name.partition(".")[0] for name in names if name}


def name_of(path):
    """A file as seen from the project's root."""
    return path.relative_to(ROOT).as_posix()


def floor_of(module):
    """The number of the floor a module is on, from below; the package itself is on top."""
    floors = FLOORS[module[0]]
    room = module[1] if len(module) > 1 else None
    if room is None:
        return len(floors)
    return next(number for number, rooms in enumerate(floors) if room in rooms)


@pytest.mark.parametrize("top", FLOORS)
def test_every_room_is_on_a_floor(top):
    """A folder or file that nobody placed has no rule."""
    rooms = {module[1] for module in modules(top) if len(module) > 1}
    assert rooms - set().union(*FLOORS[top]) == set()
    assert set().union(*FLOORS[top]) - rooms == set()


@pytest.mark.parametrize("path", sources("harness") + sources("algo"), ids=name_of)
def test_a_room_imports_from_lower_floors_only(path):
    """Itself, and what is below."""
    here = module_of(path)
    for there in set(relative_imports(path)):
        same_room = here[:2] == there[:2]
        assert same_room or floor_of(there) < floor_of(here), f"{here} imports {there}"


@pytest.mark.parametrize("top", FLOORS)
def test_no_file_imports_itself_in_a_circle(top):
    """Neither between rooms nor inside one; a package's `__init__` counts as a file."""
    graph = {module_of(path): set(relative_imports(path)) for path in sources(top)}
    for module, there in graph.items():
        there.discard(module)
    order = tuple(TopologicalSorter(graph).static_order())  # raises CycleError, with the circle
    assert len(order) == len(graph)


@pytest.mark.parametrize("path", sources("harness") + sources("algo"), ids=name_of)
def test_packages_do_not_know_their_outer_name_nor_each_other(path):
    """Inside, imports are relative; the instrument never imports what it measures, nor back."""
    assert not foreign(path) & {"harness", "algo", "resumeproof"}
    tops = {there[0] for there in relative_imports(path)}
    assert tops <= {module_of(path)[0]}


@pytest.mark.parametrize("path", sources("harness"), ids=name_of)
def test_frameworks_stay_in_their_files(path):
    """A framework is named by the files that serve it, and by no other."""
    inside = path.relative_to(ROOT / "harness").as_posix()
    named = {package for package in foreign(path) if package in FRAMEWORKS}
    assert all(inside.startswith(tuple(FRAMEWORKS[package])) for package in named)


@pytest.mark.parametrize("place", WITHOUT_TORCH)
def test_data_and_comparison_need_no_torch(place):
    """Snapshots can be compared and reported where torch is not installed."""
    path = ROOT / "harness" / place
    files = [path] if path.suffix else sorted(path.glob("*.py"))
    assert files
    imports = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert "torch" not in ast.unparse(ast.Module(body=imports, type_ignores=[]))


def test_plugin_imports_pytest_and_the_standard_library_only():
    """Loading the plugin costs a test run nothing and pins threads before torch is there."""
    top = ast.parse((ROOT / "harness" / "plugin.py").read_text()).body
    names = {
        alias.name.partition(".")[0]
        for node in top
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        (node.module or ".").partition(".")[0] for node in top if type(node) is ast.ImportFrom
    }
    assert names <= set(sys.stdlib_module_names) | {"pytest", "_pytest"}


@pytest.mark.parametrize("folder", sorted({p.parent for t in FLOORS for p in sources(t)}))
def test_a_folder_has_at_most_twelve_modules_and_says_what_it_is(folder):
    """Its `__init__` says in three lines what lives there, what comes in, what it may import."""
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 12
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    assert len(text.splitlines()) >= 3


def test_capture_of_plain_objects_loads_no_torch():
    """A program without torch can be captured and compared, and stays without it."""
    code = """
import sys
import resumeproof
assert 'numpy' not in sys.modules, 'import resumeproof'
import random, numpy as np
from resumeproof.state.capture import capture, capture_streams
from resumeproof.state.compare import compare
root = {'a': np.arange(3), 'b': [1, {2}], 'g': np.random.default_rng(0), 'r': random.Random(1)}
assert not compare(capture(root, streams=True), capture(root, streams=True))
assert not {'torch', 'gymnasium', 'stable_baselines3'} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("top", ["tests", "properties", "regressions", "benchmarks"])
def test_no_test_module_is_imported(top):
    """What tests share lives in modules that hold no test: a test may move without a thought."""
    shared = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(top)
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert shared == []


def imported(node):
    """The dotted names that a statement imports, the names taken from a module included."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def test_floors_are_in_order():
    """No room is named twice."""
    for floors in FLOORS.values():
        assert all(not lower & upper for lower, upper in pairwise(floors))
