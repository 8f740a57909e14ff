"""Where a run of Stable-Baselines3 writes for its reader: that is no state. Imported on demand."""

from typing import Any

from stable_baselines3.common.logger import CSVOutputFormat, Logger

from ..kind import Kind
from .objects import attributes
from .reading import Reader, Reading


def _csv(obj: Any) -> Reading:
    # it reads its own file back, from the start, only to add a column
    return ("object",), [part for part in attributes(obj.__dict__) if part[0] != "file"], None


def _logger(_obj: Logger) -> Reading:
    # every call of learn() makes another one; whoever holds one, it is output
    return ("output",), (), None


OWN_KINDS = (Kind(name="output", identity=False, any_class=True, output=True),)

READERS: dict[type, Reader] = {CSVOutputFormat: _csv, Logger: _logger}
