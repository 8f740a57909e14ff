"""The instrument: finds the state a checkpoint forgot.

Names are imported when first used, so that `import resumeproof` needs neither torch nor numpy.
Functions that share their module's name (`capture`, `compare`) are imported from the module.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Aspect": "checks.check",
    "Check": "checks.check",
    "Adapter": "subjects.adapter",
    "Capabilities": "subjects.capabilities",
    "CheckpointMismatch": "verdicts.failure",
    "Diff": "state.compare",
    "Exclusion": "core.exclusions",
    "Finding": "trial.finding",
    "HarnessError": "core.errors",
    "InvalidSubject": "core.errors",
    "KeyPath": "core.keypath",
    "Kind": "state.kind",
    "Leaf": "state.snapshot",
    "InvalidExpectedLoss": "core.expected",
    "Mismatch": "state.compare",
    "MismatchKind": "state.compare",
    "NoLongerLost": "core.expected",
    "NotApplicable": "core.errors",
    "Operator": "mutation.operator",
    "Record": "verdicts.verdict",
    "Scenario": "core.scenario",
    "Snapshot": "state.snapshot",
    "Streams": "core.randomness",
    "UncapturableLeaf": "core.errors",
    "Unsupported": "core.errors",
    "UnusedExclusion": "core.errors",
    "Verdict": "verdicts.verdict",
    "capture_roots": "state.capture",
    "capture_streams": "state.capture",
    "check_resume": "testing",
    "component": "subjects.component",
    "fuzz_case": "fuzzing.strategies",
    "loop": "subjects.loop",
    "parametrize_with_checks": "testing",
    "register_check": "checks",
    "register_adapter": "subjects.adapters",
    "register_leaf": "state.readers",
    "register_operator": "mutation.operators",
    "sb3": "subjects.sb3",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """The public name, from the module that holds it.

    Raises:
        AttributeError: the package has no such name.
        MissingExtra: it needs a package that is not installed.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")
    with import_module(".core.extras", __name__).needing_extras(f"{__name__}.{name}"):
        return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    """Every public name, imported or not yet."""
    return __all__
