"""Every check of the harness on every one of our subjects, in generated scenarios.

What a check demands is said where it is defined; `python -m resumeproof list` shows them all.
"""

from __future__ import annotations

import pytest
from resumeproof.checks import CHECKS
from resumeproof.fuzzing.strategies import check_holds, profile
from resumeproof.subjects.protocol import Subject


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_check_holds(check: str, ckpt_subject: Subject) -> None:
    """In every scenario drawn."""
    check_holds(check, ckpt_subject, profile())
