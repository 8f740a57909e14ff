"""The pytest plugin: one thread pinned before torch, results as data, a matrix at the end.

Loading it imports pytest and the standard library only. Every flag, ini option and marker
carries the prefix `ckpt`. Results travel in `item.user_properties`, the one channel that
reaches the controller of xdist and JUnit alike.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

RESULT = "ckpt.record"
"""Name of the user property that holds one record as JSON."""

MUTANTS = "ckpt.mutants"
"""Name of the user property that holds, as JSON, which mutants a test sees and does not see."""

_PROFILES = ("ckpt-dev", "ckpt-ci", "ckpt-nightly")


def pytest_addoption(parser: pytest.Parser) -> None:
    """https://docs.pytest.org/en/stable/reference/reference.html#pytest.hookspec.pytest_addoption."""
    group = parser.getgroup("ckpt", "checkpoints (resumeproof)")
    group.addoption("--ckpt-report", metavar="PATH", help="write one JSON line per scenario")
    group.addoption(
        "--ckpt-profile",
        choices=_PROFILES,
        help="Hypothesis profile of fuzz cases: how many scenarios, drawn how",
    )
    group.addoption("--ckpt-verbose", action="store_true", help="list inert differences too")
    group.addoption(
        "--ckpt-min-state-coverage",
        type=_percentage,
        metavar="N",
        help="fail where of a hundred leaves that moved fewer were tested",
    )
    group.addoption(
        "--ckpt-scenarios",
        action="store_true",
        help="one test for each scenario of a check, so that every one is judged",
    )
    group.addoption(
        "--ckpt-baseline",
        metavar="FILE",
        help="losses that are known, by the subject's name: only what is new fails",
    )
    group.addoption(
        "--ckpt-mutate",
        action="store_true",
        help="run every test that takes a subject again on mutants, loads that lose one thing "
        "each, and list those that no test would see",
    )
    group.addoption(
        "--ckpt-mutate-every",
        type=_stride,
        metavar="N",
        default=1,
        help="with --ckpt-mutate: try every N-th mutant of an operator only",
    )
    parser.addini("ckpt_baseline", "losses that are known, by the subject's name", default="")
    parser.addini("ckpt_profile", "Hypothesis profile of fuzz cases", default="ckpt-dev")


def _percentage(text: str) -> float:
    with suppress(ValueError):  # no number is told as one out of range
        if 0 <= (value := float(text)) <= 100:
            return value
    raise ArgumentTypeError(f"expected a number from 0 to 100, got {text!r}: write 95")


def _stride(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}: write 10")
    return int(text)


class CkptHooks:
    """What a conftest may implement."""

    @pytest.hookspec
    def pytest_ckpt_subjects(self, config: pytest.Config) -> Any:
        """Subjects, as a list, for every test that asks for the argument `ckpt_subject`."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """https://docs.pytest.org/en/stable/reference/reference.html#pytest.hookspec.pytest_addhooks."""
    pluginmanager.add_hookspecs(CkptHooks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes `ckpt_subject` once for each subject that a conftest offers."""
    if "ckpt_subject" not in metafunc.fixturenames:
        return
    offered = metafunc.config.hook.pytest_ckpt_subjects(config=metafunc.config)
    named = {subject.name: subject for subjects in offered for subject in subjects}
    if not named:
        raise pytest.UsageError(
            f"{metafunc.function.__name__} asks for ckpt_subject and nobody offers one: write "
            "`def pytest_ckpt_subjects(config): return [...]` in conftest.py"
        )
    params = [pytest.param(named[name], id=name) for name in sorted(named)]
    metafunc.parametrize("ckpt_subject", params)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Pins one thread while no conftest has imported torch yet: bits depend on the number."""
    _pin()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers, for `--strict-markers`, and says which settings are in force."""
    _pin()  # with `pytest_plugins` this is the first call
    config.addinivalue_line("markers", "ckpt: a check of a checkpoint")
    config.addinivalue_line(
        "markers",
        "ckpt_expect(losses): what this test's subjects are known to lose, pattern -> reason",
    )
    config.addinivalue_line("markers", "ckpt_slow: a check that takes more than a few seconds")
    profile = config.getoption("--ckpt-profile") or config.getini("ckpt_profile")
    if profile not in _PROFILES:
        raise pytest.UsageError(
            f"expected ckpt_profile to be one of {', '.join(_PROFILES)}, got {profile!r}"
        )
    path = config.getoption("--ckpt-report")
    if path and not Path(path).absolute().parent.is_dir():
        raise pytest.UsageError(
            f"expected a file in an existing folder for --ckpt-report, got {path!r}: "
            f"make {str(Path(path).parent)!r} first"
        )
    os.environ["CKPT_PROFILE"] = profile
    os.environ["CKPT_EACH_SCENARIO"] = "1" if config.getoption("--ckpt-scenarios") else ""
    os.environ["CKPT_VERBOSE"] = "1" if config.getoption("--ckpt-verbose") else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `parametrize_with_checks` made, so that `-m ckpt` selects it."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if any(type(value).__module__ == f"{__package__}.testing" for value in parameters.values()):
            item.add_marker("ckpt")


def pytest_report_header(config: pytest.Config) -> str:
    """One line: the settings that decide bits."""
    torch = sys.modules.get("torch")
    version = f" torch={torch.__version__}" if torch else ""
    return f"ckpt: threads=1 profile={os.environ['CKPT_PROFILE']}{version}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Collects the records of the checks that a test runs, failed ones included."""
    _pin()
    collected: list[Any] = []
    failure = sys.modules.get(f"{__package__}.verdicts.failure")
    try:
        with failure.collecting(collected.append) if failure else nullcontext(), _expected(item):
            result = yield
    finally:
        item.user_properties += [(RESULT, _of_test(item, r.to_plain())) for r in collected]
    if item.config.getoption("--ckpt-mutate"):
        _try_mutants(item)
    return result


def _expected(item: pytest.Item) -> AbstractContextManager[None]:
    """Lets the subjects of a test expect what its markers and the baseline of the project say."""
    testing = sys.modules.get(f"{__package__}.testing")
    path = item.config.getoption("--ckpt-baseline") or item.config.getini("ckpt_baseline")
    marked = [_losses_of(mark) for mark in item.iter_markers("ckpt_expect")]
    if testing is None or not (path or marked):
        return nullcontext()
    known: Any = (lambda _name: {}) if not path else _baseline(item.config.rootpath / path).of
    of_markers: dict[str, str] = {}
    for losses in marked:
        of_markers |= {losses: ""} if isinstance(losses, str) else losses
    context: AbstractContextManager[None] = testing.expecting_by_name(
        lambda name: {**known(name), **of_markers}
    )
    return context


def _losses_of(mark: pytest.Mark) -> Any:
    if len(mark.args) == 1 and isinstance(mark.args[0], dict | str):
        return mark.args[0]
    got = ", ".join(map(repr, mark.args)) or "nothing"
    return pytest.fail(
        f"expected ckpt_expect to be given losses, got {got}: write "
        "ckpt_expect({'model._last_obs': 'SB3 resets at every learn()'}) or ckpt_expect('sb3')",
        pytrace=False,
    )


def _baseline(path: Path) -> Any:
    return import_module(".verdicts.baseline", __package__).Baseline.read(path)


def _try_mutants(item: Any) -> None:
    """Runs a test that has passed again, once for every mutant; adds what it saw as a property."""
    own_tests = import_module(".mutation.user_tests", __package__)
    stride = item.config.getoption("--ckpt-mutate-every")
    matrix = own_tests.outcomes_of(item.obj, getattr(item, "funcargs", {}), stride)
    if matrix is not None:
        item.user_properties.append((MUTANTS, _of_test(item, own_tests.to_plain(matrix))))


def _of_test(item: pytest.Item, plain: dict[str, Any]) -> str:
    return json.dumps({**plain, "test": item.nodeid}, sort_keys=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run that has tested too little of the state of a subject. On the controller only."""
    floor = session.config.getoption("--ckpt-min-state-coverage")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if floor is None or reporter is None or hasattr(session.config, "workerinput"):
        return
    records = _reported(reporter, RESULT)
    if records and _below_floor(records, floor) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _below_floor(records: list[dict[str, Any]], floor: float) -> tuple[str, ...]:
    from_plain = import_module(".verdicts.verdict", __package__).Record.from_plain
    low = import_module(".verdicts.summary", __package__).below_floor
    lines: tuple[str, ...] = low([from_plain(record) for record in records], floor)
    return lines


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The matrix and a replay command per failure; writes the report. On the controller only."""
    records, mutants = (_reported(terminalreporter, name) for name in (RESULT, MUTANTS))
    if not records and not mutants:
        return
    failed = {report.nodeid for report in terminalreporter.stats.get("failed", ())}
    path = config.getoption("--ckpt-report")
    written = _write(Path(path), [*records, *mutants]) if path else ""
    terminalreporter.section("checkpoints")
    for line in _summary(records, mutants, failed):
        terminalreporter.write_line(line)
    floor = config.getoption("--ckpt-min-state-coverage")
    for line in _below_floor(records, floor) if records and floor is not None else ():
        terminalreporter.write_line(line, red=True)
    if written:
        terminalreporter.write_line(written)


def _write(path: Path, items: list[dict[str, Any]]) -> str:
    """Writes the report; a disk that takes none is told, and hides no result."""
    try:
        path.write_text("".join(f"{json.dumps(item, sort_keys=True)}\n" for item in items))
    except OSError as error:
        return f"no report written: {error}; name another file with --ckpt-report"
    return f"one record per scenario: {path}"


def _summary(
    records: list[dict[str, Any]], mutants: list[dict[str, Any]], failed: set[str]
) -> Iterator[str]:
    if records:
        from_plain = import_module(".verdicts.verdict", __package__).Record.from_plain
        # a test that has passed, or is an expected failure, is there to find what differs
        expected = [from_plain(record) for record in records if record["test"] not in failed]
        judged = [from_plain(record) for record in records if record["test"] in failed]
        yield from import_module(".verdicts.summary", __package__).matrix(judged, expected)
    # one command for each failed test; what a test expected to differ is none
    verdicts = {r["test"]: r["verdict"] for r in records if r["test"] in failed}
    for test, verdict in sorted(verdicts.items()):
        if verdict not in ("EXACT", "UNSUPPORTED"):
            yield f'{verdict}  replay: python -m pytest "{test}"'
    if mutants:
        yield from import_module(".mutation.user_tests", __package__).summary(mutants)


def _reported(terminalreporter: Any, wanted: str) -> list[dict[str, Any]]:
    """What the tests reported, in the order of their names, under xdist as without."""
    reports = (r for group in terminalreporter.stats.values() for r in group)
    lines = {
        (report.nodeid, value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == wanted
    }
    return [json.loads(value) for _, value in sorted(lines)]


def _pin() -> None:
    import_module(".core.threads", __package__).pin()
