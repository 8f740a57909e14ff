"""The command that compares two files."""

from __future__ import annotations

import argparse
import sys


def run_diff(parsed: argparse.Namespace) -> int:
    """Compares two checkpoint files."""
    from ..files.entries import compare_files

    diffs = compare_files(parsed.expected, parsed.got)
    for entry, diff in diffs.items():
        sys.stdout.write(f"{entry}: {f'{diff.count} differ' if diff else 'equal'}\n")
        for mismatch in diff.mismatches:
            sys.stdout.write(f"  {mismatch}\n")
        if left := diff.count - len(diff.mismatches):
            sys.stdout.write(f"  ({left} more)\n")
    return int(any(diffs.values()))
