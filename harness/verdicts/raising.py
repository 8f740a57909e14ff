"""What a foreign exception says, and which line of whose code raised it."""

from __future__ import annotations

import re
import traceback

from ..core.errors import HarnessError, InvalidSubject, StepFailed
from ..core.frames import is_foreign
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..subjects.protocol import Subject


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


def require_built(subject: Subject, scenario: Scenario) -> None:
    """The subject can be built; what cannot has no checkpoint that could be to blame.

    Raises:
        InvalidSubject: building it raised; shows what, and what to correct.
    """
    with preserved_streams():
        try:
            subject.build(scenario)
        except HarnessError:
            raise
        except Exception as error:  # whatever a foreign constructor raises
            raise InvalidSubject(
                f"expected {subject.name} to be built, got {type(error).__name__}: "
                f"{text_of(error)}: correct what it is made of: the arguments of sb3(...), "
                "component(...) or loop(...)"
            ) from None
