"""Files that are not checkpoints of this project: told apart before anything is read from them."""

from __future__ import annotations

import io
import zipfile

from ..encoding.memory import Bytes
from ..errors import DamagedCheckpoint, ForeignCheckpoint
from .archive import MARK, SEAL_SIZE

STOCK_ENTRIES = {"data", "policy.pth"}
"""What every zip of Stable-Baselines3 holds."""


def diagnose(data: Bytes) -> None:
    """Returns when the file ends like a checkpoint of this project; the rest is still unverified.

    Raises:
        ForeignCheckpoint: it never was one.
        DamagedCheckpoint: it was one.
    """
    comment = data[-len(MARK) - SEAL_SIZE :][: len(MARK)].tobytes()
    if comment == MARK:
        return
    head = data[:64].tobytes()
    names = _entry_names(data)
    if names >= STOCK_ENTRIES:
        raise ForeignCheckpoint(
            "expected a checkpoint of resumeproof, got a zip of Stable-Baselines3, which holds "
            "pickled code: if you trust it, use "
            "DistributionalPPO.from_sb3_zip(path, trust_pickle=True)."
        )
    if b"manifest.json" in head or MARK in data[-4096:].tobytes():
        raise DamagedCheckpoint(
            f"expected {MARK!r} and a seal at the end of the file, got {comment!r}: the file is "
            "cut off or altered; load another checkpoint."
        )
    what = f"a zip of {sorted(names)[:4]}" if names else f"a file that begins {head[:8]!r}"
    raise ForeignCheckpoint(f"expected a checkpoint of resumeproof, got {what}; check the path.")


def _entry_names(data: Bytes) -> set[str]:
    """Returns the names in the zip, without reading any entry; none where it is not a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data.data)) as archive:
            return set(archive.namelist())
    # A file that is no zip may fail in any way that its bytes suggest.
    except Exception:
        return set()
