"""`make field`: runs what is not in reports/field.jsonl yet, and writes docs/field.md."""

from __future__ import annotations

import argparse

from .campaign import LINES, kept, run_group
from .groups import GROUPS
from .table import write


def main() -> None:
    """Runs the groups one after another."""
    parser = argparse.ArgumentParser(prog="python -m field", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, help="one group")
    parser.add_argument("--row", default="", help="only rows whose name contains this")
    parser.add_argument("--again", action="store_true", help="rows that are done, too")
    parser.add_argument("--table", action="store_true", help="write the table, and run nothing")
    asked = parser.parse_args()
    LINES.parent.mkdir(exist_ok=True)
    for group in [] if asked.table else [asked.only] if asked.only else GROUPS:
        done = set() if asked.again else {line["row"] for line in kept() if line["group"] == group}
        run_group(group, done, asked.row)
    write(kept())


if __name__ == "__main__":
    main()
