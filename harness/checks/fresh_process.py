"""Checks of a load in another interpreter, with other hashes and in another folder."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..core.errors import NotApplicable
from ..core.scenario import Scenario
from ..state.mismatch import Diff
from ..state.snapshot import Snapshot
from ..subjects.adapters import adapters
from ..subjects.protocol import Subject
from ..trial.expected import Expected
from ..trial.finding import Finding
from ..trial.runs import Save, temporary_folder
from ..trial.session import Session
from ..trial.trial import Trial
from .check import RESUMED, Aspect, Check, Cost

_HASH_SEEDS = ("4321", "1234")
_PATIENCE = 300.0  # seconds
_COMPILER = "torch._dynamo"


def fresh_process(trial: Trial, method: str = "forkserver") -> Finding | None:
    """A run that comes back in another interpreter is the one that was saved, and goes on so.

    Args:
        trial: as for every check.
        method: "forkserver", which starts in a moment once torch is loaded there, or "spawn".

    Raises:
        NotApplicable: the script that was started has no `if __name__ == "__main__":`, the subject
            cannot be sent to another process, or none can be built there; says which part.
    """
    save, _ = trial.saving
    task = _pickled(trial, save.path)
    _require_guard(trial.subject.name)
    folder = temporary_folder(trial)  # of this process, which outlives the other one
    answer, value = _run_elsewhere(task, str(folder), method)
    if answer == "raised":
        raise value
    loaded, at = value
    return _judged(trial, save, loaded, at)


def _judged(
    trial: Trial, save: Save, loaded: Snapshot, at: Mapping[int, Snapshot]
) -> Finding | None:
    """Returns what was lost there and matters: a pid differs there, and reaches nothing."""
    diff = trial.compare(save.after, loaded)
    if diff and trial.capabilities.strict:
        return Finding(step=save.step, diff=diff)
    outcome = trial.control.follow_once(loaded, at)
    matters = (m for m in diff.mismatches if outcome.spreading or m.keypath in outcome.contained)
    # where a stream stands means nothing, as long as what is drawn from it reaches nothing
    lost = [m for m in matters if outcome.spreading or not trial.control.is_stream(m)]
    if lost:
        return Finding(step=save.step, diff=Diff(mismatches=tuple(lost)))
    return trial.future(at, loads=False) if outcome.spreading else None


def start_early(subject: Subject) -> None:
    """Starts the process that others are forked from, so that it imports while checks are run."""
    with suppress(Exception):  # whatever is wrong, the check says it
        _require_guard(subject.name)
        pickle.dumps(subject)
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_preloaded())
        with _other_hashes():
            forkserver.ensure_running()


FRESH_PROCESS = Check(
    name="fresh_process",
    run=fresh_process,
    prepare=start_early,
    looks_at=RESUMED | Aspect.ELSEWHERE,
    next_step="save what another interpreter does not have: values on classes, in modules and "
    "caches and in environment variables, and orders that come from hashes",
    cost=Cost.HIGH,
    spares_library=True,
)


def _require_guard(name: str) -> None:
    """Another process imports the script that was started: without a guard it starts it again.

    Raises:
        NotApplicable: that script has no guard.
    """
    path = Path(getattr(sys.modules.get("__main__"), "__file__", None) or "")
    if path.suffix == ".py" and path.is_file() and "__main__" not in path.read_text("utf-8"):
        raise NotApplicable(
            f"expected a script that another process can import, got {str(path)!r}, which would "
            f'run {name} again there: write its calls below `if __name__ == "__main__":`'
        )


def _pickled(trial: Trial, path: Path) -> bytes:
    try:
        return pickle.dumps((trial.subject, trial.scenario, path, _torch_settings()))
    except Exception as error:  # functions may refuse in any way
        raise NotApplicable(
            f"{trial.subject.name} cannot be sent to another process ({error}): define its "
            "functions and classes with `def` and `class` at the top of a module that can be "
            "imported, not as lambdas or inside a function"
        ) from error


def _run_elsewhere(task: bytes, folder: str, method: str) -> tuple[str, Any]:
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(_preloaded())
    ours, theirs = context.Pipe(duplex=False)
    with _other_hashes():
        process = context.Process(target=_resume, args=(task, folder, theirs), daemon=True)
        process.start()
    theirs.close()
    return _answer(process, ours)


@contextmanager
def _other_hashes() -> Iterator[None]:
    """An interpreter that is started within the block has other hashes than this one."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = _HASH_SEEDS[before == _HASH_SEEDS[0]]
    try:
        yield
    finally:
        os.environ.pop("PYTHONHASHSEED")
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before


def _answer(process: Any, ours: Connection) -> tuple[str, Any]:
    try:
        if not ours.poll(_PATIENCE):
            raise TimeoutError(f"no answer from the other process within {_PATIENCE:g} seconds")
        kind, value = pickle.loads(ours.recv_bytes())
        return str(kind), value
    except EOFError as error:
        raise RuntimeError("the other process ended without an answer") from error
    except BaseException:  # nobody waits for its answer any more
        process.kill()
        raise
    finally:
        ours.close()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _preloaded() -> list[str]:
    """What the process that the others are forked from imports, once, before it is needed."""
    wanted = ("torch", *(name for adapter in adapters() for name in adapter.preload))
    loaded = [name for name in wanted if name in sys.modules]
    # the first optimizer of a process imports it, which takes as long as all the rest
    compiler = [_COMPILER] if "torch" in loaded else []
    return [Session.__module__, *loaded, *compiler]


def _torch_settings() -> tuple[int, bool] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()


def _resume(task: bytes, folder: str, theirs: Connection) -> None:
    """In the other process: loads, goes on to the end, and sends back what it saw."""
    if not Path(folder).is_dir():  # whoever asked was interrupted, and waits no more
        return
    os.chdir(folder)
    tempfile.tempdir = folder  # what is left here, where this process is killed, goes with it
    try:
        answer = pickle.dumps(("done", _resumed(task)))
    except Exception as error:
        answer = _portable(error)
    theirs.send_bytes(answer)
    os.chdir("/")


def _resumed(task: bytes) -> tuple[Snapshot, Mapping[int, Snapshot]]:
    subject: Subject
    scenario: Scenario
    subject, scenario, path, settings = _unpickled(task)
    if settings is not None:
        import torch

        torch.set_num_threads(settings[0])
        torch.use_deterministic_algorithms(settings[1])
    session = Session(subject, scenario)
    try:
        live = Expected(session).load(path)
    except Exception:  # raised on, unless this process is to blame for it
        _require_a_run(session)
        raise
    return session.capture(live), session.finish(live, scenario.save_at)


def _require_a_run(session: Session) -> None:
    """A process in which no run can even be built says nothing of a load.

    Raises:
        NotApplicable: none can.
    """
    try:
        session.build()
    except Exception as error:
        raise NotApplicable(
            f"no run of {session.subject.name} can be built in another process "
            f"({type(error).__name__}: {error}): import what it needs, such as what registers its "
            "environments, in the module that makes it"
        ) from error


def _unpickled(task: bytes) -> Any:
    try:
        return pickle.loads(task)
    except (ImportError, AttributeError) as error:
        raise NotApplicable(
            f"the subject cannot be imported in another process ({type(error).__name__}: {error}): "
            "put its classes and functions into a module that can be imported from any folder"
        ) from error


def _portable(error: Exception) -> bytes:
    try:
        answer = pickle.dumps(("raised", error))
        pickle.loads(answer)
    except Exception:  # an exception that does not survive the journey: its text does
        answer = pickle.dumps(("raised", RuntimeError(f"{type(error).__name__}: {error}")))
    return answer
