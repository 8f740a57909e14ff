"""tqdm's bars: what one shows is no state, what it goes through is. Imported on demand."""

from tqdm.std import tqdm

from ..objects import attributes
from ..reading import Reader, Reading

# whatever else hangs on a bar, a later version of tqdm or a user has put there: it is read
_COUNTS = {"n", "total", "initial", "last_print_n", "last_print_t", "start_t", "pos"}
_RATES = {"_ema_dn", "_ema_dt", "_ema_miniters", "_time", "smoothing"}
_WHEN = {"delay", "dynamic_miniters", "maxinterval", "mininterval", "miniters", "disable", "leave"}
_TEXTS = {"ascii", "bar_format", "colour", "desc", "postfix", "unit", "unit_divisor", "unit_scale"}
_SCREEN = {"dynamic_ncols", "fp", "gui", "lock_args", "ncols", "nrows", "sp"}
_SHOWN = _COUNTS | _RATES | _WHEN | _TEXTS | _SCREEN


def _bar(obj: object) -> Reading:
    # made anew for every epoch or kept, it counts for a reader: a run keeps a count of its own
    held = [item for item in attributes(obj.__dict__) if item[0] not in _SHOWN]
    return ("object",), held, None


READERS: dict[type, Reader] = {tqdm: _bar}
