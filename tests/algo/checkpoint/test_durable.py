"""The disk under the checkpoint file: what the simulator assumes, held on the real one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from resumeproof.algo.checkpoint import atomic_write, write
from resumeproof.algo.checkpoint.file.directory import write_latest


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The flushes and renames that really reach the operating system, in order."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        fsync(descriptor)
        mode = os.fstat(descriptor).st_mode
        seen.append("flush directory" if stat.S_ISDIR(mode) else "flush file")

    def rename(source: Any, target: Any) -> None:
        replace(source, target)
        seen.append("rename")

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    return seen


DURABLE = ["flush file", "rename", "flush directory"]


def test_checkpoint_is_flushed_renamed_and_its_name_flushed(
    calls: list[str], tmp_path: Path
) -> None:
    """In this order, or a crash after write() returned could lose it."""
    write(tmp_path / "run.zip", {"a": 1}, kind="test")
    assert calls == DURABLE


def test_every_atomic_write_is_durable(calls: list[str], tmp_path: Path) -> None:
    """Any file, and the pointer to the latest one."""
    atomic_write(tmp_path / "file", lambda file: file.write(b"content"))
    write_latest(tmp_path, "run.zip")
    assert calls == DURABLE * 2
