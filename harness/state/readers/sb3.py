"""Tables a run of Stable-Baselines3 writes for its reader: the file is no state. On demand."""

from typing import Any

from stable_baselines3.common.logger import CSVOutputFormat

from .objects import attributes
from .reading import Reader, Reading


def _csv(obj: Any) -> Reading:
    # it reads its own file back, from the start, only to add a column
    return ("object",), [part for part in attributes(obj.__dict__) if part[0] != "file"], None


READERS: dict[type, Reader] = {CSVOutputFormat: _csv}
