"""One thread for every library: the order of a sum, and so its bits, depends on their number."""

import os
import sys

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def pin() -> None:
    """Pins one thread; best before torch is imported, and effective on torch after it."""
    for name in VARIABLES:
        os.environ[name] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
