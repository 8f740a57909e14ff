"""Saving survives failures and crashes: the old checkpoint or the new one, never neither.

The crash test replays a save on a model of a file system. What a crash may do there: lose any
bytes written since the file's last fsync, and any of the names created, renamed or removed since
the directory's last fsync, in any combination.
"""

from __future__ import annotations

import errno
import io
import itertools
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from resumeproof.algo.checkpoint import NoCheckpoint, atomic_write, find_latest, read, retain, write
from resumeproof.algo.checkpoint import write_latest as point_to
from resumeproof.algo.checkpoint.file.atomic import DISK, PARTIAL_SUFFIX, Sink

Op = tuple[Any, ...]


@dataclass
class Recorder:
    """The disk, recording each operation, and failing the one with the number `fail_at`."""

    fail_at: int | None = None
    error: BaseException | None = None
    short: bool = False
    trace: list[Op] = field(default_factory=list)

    def _note(self, *op: Any) -> None:
        self.trace.append(op)
        if self.error is not None and len(self.trace) - 1 == self.fail_at:
            raise self.error

    def create(self, path: Path) -> int:
        """Create for real, then note it."""
        descriptor = DISK.create(path)
        try:
            self._note("create", path.name, descriptor)
        except BaseException:
            DISK.close(descriptor)
            DISK.remove(path)
            raise
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write all of `data`, or half of it."""
        part = data[: max(1, len(data) // 2)] if self.short else data
        self._note("write", descriptor, bytes(part))
        return DISK.write(descriptor, part)

    def sync(self, descriptor: int) -> None:
        """Only note it: the model decides what is durable."""
        self._note("sync", descriptor)

    def close(self, descriptor: int) -> None:
        """Close for real, then note it."""
        DISK.close(descriptor)
        self._note("close", descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Note it, then rename for real."""
        self._note("replace", source.name, target.name)
        DISK.replace(source, target)

    def sync_directory(self, path: Path) -> None:
        """Only note it."""
        self._note("sync_directory")

    def remove(self, path: Path) -> None:
        """Note it, then delete for real."""
        self._note("remove", path.name)
        DISK.remove(path)


def checkpoint(number: int) -> bytes:
    """Return the bytes of a checkpoint that holds `number`."""
    file = io.BytesIO()
    write(file, {"number": number, "array": np.full(4, number)}, kind="Example")
    return file.getvalue()


def save(directory: Path, number: int, name: str, keep: int, operations: Any) -> None:
    """Save a checkpoint as a run does: the file, the pointer, the retention."""
    data = checkpoint(number)

    def content(file: Sink) -> None:
        for start in range(0, len(data), 100):  # many writes, so that crashes fall between
            file.write(data[start : start + 100])

    atomic_write(directory / name, content, operations=operations)
    point_to(directory, name, operations=operations)
    retain(directory, keep=keep, operations=operations)


def number_in(path: Path) -> int:
    """Return the number that the checkpoint holds."""
    return int(read(path)[1]["number"])


def test_file_appears_whole_and_durable(tmp_path: Path) -> None:
    """The operations are those of the contract, in its order, and short writes are continued."""
    recorder = Recorder(short=True)
    atomic_write(tmp_path / "a.zip", lambda file: file.write(b"abcdef"), operations=recorder)
    assert (tmp_path / "a.zip").read_bytes() == b"abcdef"
    kinds = [op[0] for op, _ in itertools.groupby(recorder.trace, key=lambda op: (op[0],))]
    assert kinds == ["create", "write", "sync", "close", "replace", "sync_directory"]
    assert recorder.trace[0][1].startswith(".a.zip.")
    assert recorder.trace[0][1].endswith(PARTIAL_SUFFIX)


def test_file_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    """A checkpoint is as readable to others as the user's umask says."""
    atomic_write(tmp_path / "a.zip", lambda file: file.write(b""))
    (tmp_path / "b").touch()
    assert (tmp_path / "a.zip").stat().st_mode == (tmp_path / "b").stat().st_mode


def failures() -> list[tuple[int, BaseException]]:
    """Return every operation of one atomic write with every error that may strike there."""
    with TemporaryDirectory() as name:
        recorder = Recorder()
        atomic_write(Path(name) / "a", partial(_two_writes), operations=recorder)
    errors = [OSError(errno.ENOSPC, "no space"), OSError(errno.EIO, "input/output")]
    return list(itertools.product(range(len(recorder.trace)), [*errors, KeyboardInterrupt()]))


def _two_writes(file: Sink) -> None:
    file.write(b"new ")
    file.write(b"content")


@pytest.mark.parametrize(("place", "error"), failures())
def test_failed_operation_leaves_the_old_file(
    place: int, error: BaseException, tmp_path: Path
) -> None:
    """Whatever fails is reported, the file is the old one until renamed, nothing else stays."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    recorder = Recorder(fail_at=place, error=error)
    with pytest.raises(type(error)) as caught:
        atomic_write(path, _two_writes, operations=recorder)
    assert caught.value is error
    renamed = recorder.trace[-1][0] == "sync_directory"
    assert path.read_bytes() == (b"new content" if renamed else b"old")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_failed_removal_does_not_hide_the_first_error(tmp_path: Path) -> None:
    """When the temporary file cannot be removed either, the first error is the one reported."""

    @dataclass
    class Stuck(Recorder):
        def remove(self, path: Path) -> None:
            raise OSError(errno.EROFS, "read-only")

    stuck = Stuck(fail_at=1, error=OSError(errno.ENOSPC, "no space"))
    with pytest.raises(OSError, match="no space"):
        atomic_write(tmp_path / "a.zip", _two_writes, operations=stuck)
    assert [entry.suffix for entry in tmp_path.iterdir()] == [PARTIAL_SUFFIX]


@dataclass
class Model:
    """A file system that knows what is on the disk and what a crash may still lose."""

    names: dict[str, int]
    durable: dict[int, bytes]
    written: dict[int, bytes]
    pending: list[tuple[tuple[str, int | None], ...]] = field(default_factory=list)
    descriptors: dict[int, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Path) -> Model:
        """Return a model whose disk holds the files of `directory`."""
        files = sorted(directory.iterdir())
        content = {number: path.read_bytes() for number, path in enumerate(files)}
        names = {path.name: number for number, path in enumerate(files)}
        return cls(names=names, durable=content, written=dict(content), live=dict(names))

    def apply(self, op: Op) -> None:
        """Do one recorded operation."""
        getattr(self, f"_{op[0]}")(*op[1:])

    def _create(self, name: str, descriptor: int) -> None:
        number = len(self.written)
        self.durable[number] = self.written[number] = b""
        self.descriptors[descriptor] = self.live[name] = number
        self.pending.append(((name, number),))

    def _write(self, descriptor: int, data: bytes) -> None:
        self.written[self.descriptors[descriptor]] += data

    def _sync(self, descriptor: int) -> None:
        number = self.descriptors[descriptor]
        self.durable[number] = self.written[number]

    def _close(self, descriptor: int) -> None:
        del self.descriptors[descriptor]

    def _replace(self, source: str, target: str) -> None:
        number = self.live.pop(source)
        self.live[target] = number
        self.pending.append(((target, number), (source, None)))

    def _remove(self, name: str) -> None:
        del self.live[name]
        self.pending.append(((name, None),))

    def _sync_directory(self) -> None:
        self.names, self.pending = dict(self.live), []

    def crashes(self) -> Iterator[dict[str, bytes]]:
        """Yield every directory that a crash at this moment may leave behind."""
        for kept in itertools.product((True, False), repeat=len(self.pending)):
            names = dict(self.names)
            for change in itertools.compress(self.pending, kept):
                for name, number in change:
                    if number is None:
                        names.pop(name, None)
                    else:
                        names[name] = number
            numbers = sorted(set(names.values()))
            for contents in itertools.product(*(self._contents(number) for number in numbers)):
                by_number = dict(zip(numbers, contents, strict=True))
                yield {name: by_number[number] for name, number in names.items()}

    def _contents(self, number: int) -> set[bytes]:
        """Return what may be on the disk: synced, written, a part of it, its length in zeros."""
        durable, written = self.durable[number], self.written[number]
        new = written[len(durable) :]
        half = new[: len(new) // 2]
        return {durable, written, durable + half, durable + half.ljust(len(new), b"\0")}


def recover(files: dict[str, bytes]) -> int:
    """Return the number in the checkpoint that `find_latest` chooses in such a directory."""
    with TemporaryDirectory() as name:
        for file, content in files.items():
            (Path(name) / file).write_bytes(content)
        return number_in(find_latest(name))


HISTORIES: dict[str, tuple[list[str], str]] = {
    "first save over one file": (["run.zip"], "run.zip"),
    "new name": (["1.zip", "2.zip"], "3.zip"),
    "new name after many": (["1.zip", "2.zip", "3.zip", "4.zip"], "5.zip"),
    "over the older one": (["1.zip", "2.zip"], "1.zip"),
}


@pytest.mark.parametrize(("before", "name"), HISTORIES.values(), ids=HISTORIES)
def test_every_crash_leaves_a_promised_checkpoint(
    before: list[str], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a crash at any operation, the last acknowledged checkpoint or the new one loads."""
    caplog.set_level(logging.CRITICAL)
    for number, old in enumerate(before, start=1):
        save(tmp_path, number, old, 9, DISK)
        os.utime(tmp_path / old, ns=(number, number))
    model, recorder = Model.of(tmp_path), Recorder()
    acknowledged, new = len(before), len(before) + 1
    save(tmp_path, new, name, 2, recorder)
    seen: set[int] = set()
    states: set[tuple[tuple[str, bytes], ...]] = set()
    for op in [None, *recorder.trace]:
        if op is not None:
            model.apply(op)
        states.update(tuple(sorted(files.items())) for files in model.crashes())
    for state in states:
        seen.add(recover(dict(state)))
    final = {recover(files) for files in model.crashes()}
    assert seen == {acknowledged, new}, f"{len(states)} crash states recovered to {seen}"
    assert final == {new}
    assert len(states) > 20


def test_crash_model_finds_a_missing_sync(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The model is no formality: without the fsync of the file, some crash loses everything."""
    caplog.set_level(logging.CRITICAL)
    save(tmp_path, 1, "run.zip", 2, DISK)
    model, recorder = Model.of(tmp_path), Recorder()
    save(tmp_path, 2, "run.zip", 2, recorder)
    lost = 0
    for op in recorder.trace:
        if op[0] != "sync":
            model.apply(op)
        for files in model.crashes():
            try:
                recover(files)
            except NoCheckpoint:
                lost += 1
    assert lost > 0


def test_latest_is_the_one_pointed_to(tmp_path: Path) -> None:
    """The pointer decides, whatever the times of the files; without it the newest file does."""
    for number in (1, 2, 3):
        (tmp_path / f"{number}.zip").write_bytes(checkpoint(number))
        os.utime(tmp_path / f"{number}.zip", ns=(number, number))
    assert find_latest(tmp_path).name == "3.zip"
    point_to(tmp_path, "2.zip")
    assert find_latest(str(tmp_path)) == tmp_path / "2.zip"
    for content in (b"9.zip\n", b"\xff\xff", b"../2.zip\n", b""):
        (tmp_path / "latest").write_bytes(content)
        assert find_latest(tmp_path).name == "3.zip"


def test_damaged_latest_is_skipped_with_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged newest checkpoint is named in a warning, and the one before it is found."""
    for number in (1, 2):
        save(tmp_path, number, f"{number}.zip", 2, DISK)
    (tmp_path / "2.zip").write_bytes(checkpoint(2)[:-1])
    assert find_latest(tmp_path).name == "1.zip"
    assert "2.zip: DamagedCheckpoint: expected" in caplog.text


def test_no_checkpoint_lists_what_was_tried(tmp_path: Path) -> None:
    """A directory without a sound checkpoint is an error that says why each one failed."""
    with pytest.raises(NoCheckpoint, match=r"no .zip file; check the directory"):
        find_latest(tmp_path)
    (tmp_path / "1.zip").write_bytes(b"x")
    with pytest.raises(NoCheckpoint, match=r"got 1.zip: ForeignCheckpoint: expected"):
        find_latest(tmp_path)


def test_retention_keeps_the_newest_sound_ones(tmp_path: Path) -> None:
    """Damaged files do not count as kept, and files of others are never deleted."""
    for number in range(1, 6):
        (tmp_path / f"{number}.zip").write_bytes(checkpoint(number))
    (tmp_path / "4.zip").write_bytes(checkpoint(4)[1:])
    (tmp_path / "0.zip").write_bytes(b"a stock zip, say")
    for number in range(6):
        os.utime(tmp_path / f"{number}.zip", ns=(number, number))
    recorder = Recorder()
    assert {path.name for path in retain(tmp_path, operations=recorder)} == {"1.zip", "2.zip"}
    assert {path.name for path in tmp_path.iterdir()} == {"0.zip", "3.zip", "4.zip", "5.zip"}
    assert [op[0] for op in recorder.trace] == ["sync_directory", "remove", "remove"]


def test_retention_by_prefix_leaves_what_another_run_has_written(tmp_path: Path) -> None:
    """Whose prefix begins with this one, and the user's own copies of a checkpoint."""
    own = [f"run_{number}_steps.zip" for number in (10, 20, 30)]
    others = ["run_2_10_steps.zip", "run_best.zip", "run_10_steps_copy.zip", "rune_10_steps.zip"]
    for number, name in enumerate([*others, *own]):
        (tmp_path / name).write_bytes(checkpoint(number))
        os.utime(tmp_path / name, ns=(number, number))
    assert {path.name for path in retain(tmp_path, prefix="run")} == {own[0]}
    assert {path.name for path in tmp_path.iterdir()} == {*others, *own[1:]}


BAD_ARGUMENTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "one kept": (lambda path: retain(path, keep=1), r"expected keep >= 2, got keep=1"),
    "path": (lambda path: point_to(path, "a/b.zip"), r"plain name .* got name='a/b.zip'"),
    "parent": (lambda path: point_to(path, "..\\b.zip"), r"plain name"),
    "suffix": (lambda path: point_to(path, "b.pth"), r"plain name of a .zip file"),
}


@pytest.mark.parametrize(("call", "text"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_bad_argument_is_named(call: Callable[[Path], object], text: str, tmp_path: Path) -> None:
    """An argument that would break the promise is refused with its value."""
    with pytest.raises(ValueError, match=text):
        call(tmp_path)
