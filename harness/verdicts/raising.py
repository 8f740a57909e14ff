"""What a foreign exception says, and which line of whose code raised it."""

from __future__ import annotations

import re
import traceback

from ..core.errors import StepFailed
from ..core.frames import is_foreign


def text_of(error: BaseException) -> str:
    """Returns the message with its notes, without addresses and folders of this very run."""
    text = "; ".join([str(error), *getattr(error, "__notes__", ())])
    text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x...", text)
    return re.sub(r"[^\s'\"]*resumeproof-[^\s/'\"]*", "(checkpoint folder)", text)


def place_of(error: BaseException) -> str:
    """Returns the innermost place in the user's code that raised, otherwise the outermost foreign.

    Nothing where only the harness was running. The standard library is nobody's fault.
    """
    raised = error.cause if isinstance(error, StepFailed) else error
    frames = traceback.extract_tb(raised.__traceback__)
    foreign = [frame for frame in frames if is_foreign(frame.filename)]
    if not foreign:
        return ""
    own = [frame for frame in foreign if "site-packages" not in frame.filename]
    chosen = own[-1] if own else foreign[0]
    return f"{chosen.name}, {chosen.filename}:{chosen.lineno}"
