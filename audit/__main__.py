"""The audit: every algorithm, loaded as it is and by `resume`; some minutes.

usage: python -m audit [--write] [--only NAME ...]

Without `--write` it prints; with it the page docs/what-sb3-preserves.md is written, and the cells
as data beside this file. `--only` measures some anew and keeps the rest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .cases import CASES
from .measure import WAYS, measure
from .page import render, versions, write

CELLS = Path(__file__).parent / "cells.json"


def read_cells() -> list[dict[str, Any]]:
    """What was measured last."""
    cells: list[dict[str, Any]] = json.loads(CELLS.read_text()) if CELLS.exists() else []
    return cells


def main() -> int:
    """Measures, prints, and writes where asked; 1 where an algorithm does not resume exactly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page and the cells")
    parser.add_argument("--only", nargs="*", default=list(CASES), help="names of algorithms")
    arguments = parser.parse_args()
    known = {(cell["name"], cell["way"]): cell for cell in read_cells()}
    for name in arguments.only:
        for way in WAYS:
            cell = known[name, way] = measure(name, way)
            words = " ".join(cell["verdicts"])
            print(f"{name:14} {way:6} {words:20} {cell['seconds']:6.1f} s", flush=True)
    cells = [known[name, way] for name in CASES for way in WAYS if (name, way) in known]
    if arguments.write:
        CELLS.write_text(json.dumps(cells, indent=1) + "\n")
        write(render(cells, versions()))
    ours = [cell for cell in cells if cell["way"] == "ours"]
    return int(any(verdict != "EXACT" for cell in ours for verdict in cell["verdicts"]))


if __name__ == "__main__":
    raise SystemExit(main())
