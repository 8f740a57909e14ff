"""The first operation of torch in which two identical runs differ: where to look for what does."""

from __future__ import annotations

import sys
from importlib import import_module

from ..core.randomness import preserved_streams
from ..trial.session import Stop
from ..trial.trial import Trial
from .attribution import Operation


def first_operation(trial: Trial) -> Operation | None:
    """Returns the first operation in which two more runs of a scenario differ; None for none.

    It is looked for with a mode of torch's dispatcher. Where torch is not loaded, or refuses to be
    watched, nothing is known.
    """
    if "torch" not in sys.modules:
        return None
    watching = import_module(".watching", __package__)
    first = watching.Recorded()
    second = watching.Recorded(first.calls)
    with preserved_streams():
        try:
            for recorded in (first, second):
                live = trial.session.build()
                with recorded:
                    trial.session.advance(live, 0, trial.scenario.length)
        except Stop:
            found: Operation | None = second.found
            return found
        except Exception:  # whatever does not take being watched: nothing is known
            return None
    return None
