"""What is true of a row, found out by running it, saving it and running on; no resumeproof here.

| fact | holds if |
|---|---|
| `repeats` | two runs that nobody saved agree at every step |
| `resume` | what comes from a checkpoint goes on as the run that never stopped, at every step |
| `purity` | saving changes nothing that comes after |
| `idempotence` | what is saved right after a load is what was loaded |
| `isolation` | a run and the state that it has loaded have no memory in common |
| `strictness` | less than the whole state, or half a file, is refused, or loads as the whole |
"""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from .bits import Bits, bits_of, first_difference, memory_of, seed_all
from .driving import Driver, PlainDriver, driver_of
from .row import Row

_OTHER_SEED = 7
_MOST_ENTRIES = 60
Facts = dict[str, str]
"""By fact where it was first seen not to hold; "" where it holds."""


def experiment(row: Row) -> Facts:
    """Returns what holds of the row, found by running it."""
    with tempfile.TemporaryDirectory() as folder:
        driver = driver_of(row, Path(folder))
        points = sorted({max(row.steps * part // 24, 1) for part in (4, 8, 13)})
        whole = _course(driver, driver.build(0), 0, row.steps)
        again = _course(driver, driver.build(0), 0, row.steps)
        facts = {"repeats": _first(whole, again), "resume": "", "purity": ""}
        for point in points:
            # into a fresh run, and into one that has come further
            for used in (0, point + 2):
                saved, seen = _saved(driver, point, row.steps)
                facts["purity"] = facts["purity"] or _first(whole, seen)
                other = driver.build(_OTHER_SEED)
                _course(driver, other, 0, used)
                resumed = driver.load(other, saved)
                at = _course(driver, resumed, point, row.steps)
                facts["resume"] = facts["resume"] or _first(whole, at)
        if isinstance(driver, PlainDriver):
            facts |= _of_states(driver, points[-1])
        return facts


def _course(driver: Driver, run: Any, done: int, until: int) -> dict[int, Bits]:
    """Trains on; returns what a user sees after each step."""
    seen = {}
    for index in range(done, until):
        shown = driver.step(run, index)
        seen[index + 1] = {**driver.look(run), **bits_of({"shown": shown})}
    return seen


def _saved(driver: Driver, point: int, steps: int) -> tuple[Any, dict[int, Bits]]:
    """Returns a checkpoint, and what the run that was saved has shown to its end."""
    run = driver.build(0)
    seen = _course(driver, run, 0, point)
    saved = driver.save(run)
    return saved, seen | _course(driver, run, point, steps)


def _first(whole: Mapping[int, Bits], seen: Mapping[int, Bits]) -> str:
    """Where the second run first leaves the first one."""
    for step, bits in seen.items():
        if way := first_difference(whole[step], bits):
            return f"step {step}: {way}"
    return ""


def _of_states(driver: PlainDriver, point: int) -> Facts:
    run, other = driver.build(0), driver.build(_OTHER_SEED)
    _course(driver, run, 0, point)
    saved = driver.save(run)
    loaded = driver.load(other, saved)
    again = driver.save(loaded)
    facts = {"idempotence": first_difference(_content(saved), _content(again))}
    if isinstance(path := driver.state(run), Path):
        return {**facts, "strictness": _takes_halves(driver, path)}
    # a load may take entries out of the state it is given: each question gets one of its own
    shares, takes = _shares(driver, driver.state(run)), _takes(driver, driver.state(run))
    return {**facts, "isolation": shares, "strictness": takes}


def _content(saved: bytes) -> Bits:
    state, _ = pickle.loads(saved)
    if not isinstance(state, Path):
        return bits_of(state)
    files = sorted(path for path in state.parent.rglob("*") if path.is_file())
    return bits_of({str(path.relative_to(state.parent)): _read(path) for path in files})


def _read(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=False)
    except Exception:  # no file of torch's
        return path.read_bytes()


def _shares(driver: PlainDriver, state: Any) -> str:
    """Where a state changes as the run that has loaded it trains on, or its memory is the run's."""
    before = bits_of(state)
    other = driver.restore(driver.build(_OTHER_SEED), state)
    held = memory_of([driver.state(other), other])
    common = {way: at for way, at in memory_of(state).items() if at in held.values()}
    _course(driver, other, 0, 3)
    return first_difference(before, bits_of(state)) or next(iter(common), "")


def _takes(driver: PlainDriver, state: Any) -> str:
    """The first entry without which a state is loaded in silence, and that shows."""
    whole = _soon(driver, driver.restore(_trained(driver), copy.deepcopy(state)))
    for way in list(_entries(state))[:_MOST_ENTRIES]:
        less = copy.deepcopy(state)
        at = less
        for key in way[:-1]:
            at = at[key]
        del at[way[-1]]
        try:
            run = driver.restore(_trained(driver), less)
        except Exception:  # it is refused
            continue
        if first_difference(whole, _soon(driver, run)):
            return f"without {way}"
    return ""


def _takes_halves(driver: PlainDriver, path: Path) -> str:
    """The first file of which half is loaded in silence, so that the run goes on otherwise."""
    whole = _soon(driver, driver.restore(_trained(driver), path), reseed=False)
    for file in sorted(item for item in path.parent.rglob("*") if item.is_file()):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        seed_all(2)
        try:
            loaded = driver.restore(_trained(driver), path)
        except Exception:  # it is refused
            continue
        finally:
            file.write_bytes(content)
        if first_difference(whole, _soon(driver, loaded, reseed=False)):
            return f"half of {file.name}"
    return ""


def _soon(driver: PlainDriver, run: Any, reseed: bool = True) -> Bits:
    """What a run shows at once, and three steps later; from the same streams unless told not to."""
    now = driver.look(run)
    if reseed:
        seed_all(1)
    try:
        return {**now, "soon": tuple(_course(driver, run, 5, 8)[8].items())}
    except Exception as error:  # it goes no further: that is another future
        return {**now, "soon": type(error).__name__}


def _entries(state: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every entry of every dict in a state."""
    if isinstance(state, dict | list | tuple):
        for key, value in state.items() if isinstance(state, dict) else enumerate(state):
            if isinstance(state, dict):
                yield (*way, key)
            yield from _entries(value, (*way, key))


def _trained(driver: PlainDriver) -> Any:
    run = driver.build(_OTHER_SEED)
    _course(driver, run, 0, 5)
    return run
