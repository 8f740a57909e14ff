"""Tables a run writes for its reader: the file is no state. Imported on demand."""

import sys
from typing import Any

from harness.leaves.objects import attributes
from harness.leaves.reading import Reader, Reading


def _csv(obj: Any) -> Reading:
    # it reads its own file back, from the start, only to add a column
    return ("object",), [part for part in attributes(obj.__dict__) if part[0] != "file"], None


READERS: dict[type, Reader] = {
    # not imported: the program has it, or this module is not read
    sys.modules["stable_baselines3.common.logger"].CSVOutputFormat: _csv,
}
