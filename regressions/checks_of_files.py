"""The check of archives: what is logged is no state; a file holds what the model holds, once."""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resumeproof.algo.checkpoint import CheckpointError, read
from resumeproof.state.capture import capture
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.trial.trial import Trial
from stable_baselines3.common.logger import configure

from regressions.cases import Case, Found
from regressions.checks_of_options import with_options

# so wide that numbers outweigh the words around them
WIDE: dict[str, Any] = {"policy_kwargs": {"net_arch": [256, 256]}}
_SHOWN = 4


def archive(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """Trained to the save point with a log file open, it saves, holds no more, and loads."""
    wide = with_options(case.scenario, WIDE)
    trial = Trial(subject, wide)
    live = trial.session.build()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logged.zip"
        live.set_logger(configure(folder, ["log", "csv"]))
        try:
            trial.session.advance(live, 0, wide.save_at)
            subject.save(live, path)
            yield from _twice(live, path)
            yield from _heavier(trial, live, path)
            subject.load(path, wide)
        finally:
            live.logger.close()


def _twice(live: Any, path: Path) -> Iterable[Found]:
    """The parameters whose very bytes are in the file more than once."""
    with zipfile.ZipFile(path) as file:
        content = b"\n".join(file.read(name) for name in file.namelist())
    for name, parameter in live.policy.named_parameters():
        stored = parameter.detach().numpy().tobytes()
        # short ones, and those that are all one value, may be found by chance
        if parameter.numel() >= 16 and parameter.unique().numel() > 4:
            count = content.count(stored)
            if count > 1:
                text = f"{count} times in the file: a hidden copy of the model"
                yield Found(check="archive", place=f"model.policy.{name}", text=text)


def _heavier(trial: Trial, live: Any, path: Path) -> Iterable[Found]:
    """In whatever form a copy hides: the file is larger than all that the live model holds."""
    parameters = sum(p.numel() * p.element_size() for p in live.policy.parameters())
    numbers = len(trial.session.capture(live).arena)
    with zipfile.ZipFile(path) as file:
        size = sum(entry.file_size for entry in file.infolist())
    # words take less than half a model of this width; a model, even compressed, takes more
    if size >= numbers + parameters // 2:
        listed = ", ".join(f"{name} {weight:,}" for name, weight in weights(path))
        text = f"{size:,} bytes for {numbers:,} of live numbers; the heaviest are {listed}"
        yield Found(check="archive", place="the file", text=text)


def weights(path: Path) -> list[tuple[str, int]]:
    """What takes most bytes of the file, and how many: keys of its tree, or entries of the zip."""
    try:
        content = capture(read(path)[1], name="file")
    except CheckpointError:  # not ours, or ours inside another archive
        with zipfile.ZipFile(path) as file:
            return Counter({e.filename: e.file_size for e in file.infolist()}).most_common(_SHOWN)
    held: Counter[str] = Counter()
    for place in content.places:
        held[".".join(map(_text, content.keypath(place).segments[1:4]))] += _size(content, place)
    return held.most_common(_SHOWN)


def _text(segment: Any) -> str:
    return str(segment[0]) if isinstance(segment, tuple) else str(segment)


def _size(content: Snapshot, place: int) -> int:
    value = content.value(place)
    return len(value) if isinstance(value, bytes | str) else len(content.payload(place))
