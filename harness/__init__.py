"""The instrument: finds the state a checkpoint forgot.

Names are imported when first used, so that `import harness` needs neither torch nor numpy.
Functions that share their module's name (`capture`, `compare`) are imported from the module.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "CheckpointMismatch": "testing",
    "Diff": "compare",
    "Exclusion": "exclusions",
    "HarnessError": "errors",
    "InvalidSubject": "errors",
    "KeyPath": "keypath",
    "Leaf": "snapshot",
    "Mismatch": "compare",
    "MismatchKind": "compare",
    "Record": "verdict",
    "Scenario": "scenario",
    "Snapshot": "snapshot",
    "Streams": "randomness",
    "UncapturableLeaf": "errors",
    "UnusedExclusion": "errors",
    "Verdict": "verdict",
    "capture_roots": "capture",
    "capture_streams": "capture",
    "check_resume": "testing",
    "component": "subjects.component",
    "fuzz_case": "strategies",
    "loop": "subjects.loop",
    "parametrize_with_checks": "testing",
    "register_leaf": "leaves",
    "sb3": "subjects.sb3",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """The public name, from the module that holds it.

    Raises:
        AttributeError: the package has no such name.
    """
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(f"harness.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Every public name, imported or not yet."""
    return __all__
