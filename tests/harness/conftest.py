"""The example subjects on the path, importable as a user's are; failing scenarios kept apart."""

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent / "examples"
if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))


@pytest.fixture(autouse=True)
def scenarios_apart(tmp_path, monkeypatch):
    """A scenario that fails on purpose is no regression of ours."""
    monkeypatch.setenv("CKPT_SCENARIOS", str(tmp_path / "scenarios"))
