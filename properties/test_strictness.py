"""A damaged checkpoint is a clear error, and the target stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from resumeproof.fuzzing.strategies import law_holds, profile
from resumeproof.subjects.protocol import Subject

from properties.components import LENIENT


def test_strictness(
    ckpt_subject: Subject,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Truncated, flipped, incomplete, reshaped: an error, or the very state of the intact one."""
    chosen = profile()
    if ckpt_subject.name in LENIENT:
        monkeypatch.setenv("CKPT_SCENARIOS", str(tmp_path))  # known, so not to be remembered
        request.applymarker(pytest.mark.xfail(reason=LENIENT[ckpt_subject.name], strict=True))
        chosen = settings(chosen, phases=(Phase.generate,))  # nobody reads what it shrinks to
    law_holds("strictness", ckpt_subject, chosen)
