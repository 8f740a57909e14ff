"""Callbacks inside callbacks: saved from anywhere in the tree, the rest of the step is called.

Contract:
- whoever had not been called when one saved the run is called on resume, once;
- a callback that another one holds keeps its state; an object that nobody can read is an error.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest
import torch
from resumeproof.algo import InexactCheckpoint
from resumeproof.algo.checkpoint import UnsupportedValue
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnNoModelImprovement,
)

from tests.algo.runs import SaveAt, different, resume, snapshot
from tests.algo.small import make_env, make_model


class Once(BaseCallback):
    """Saves the run the first time it is called."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _on_step(self) -> bool:
        if not self.path.exists():
            self.model.save(self.path)
        return True


class Seen(BaseCallback):
    """Notes when it was called; draws when training starts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _on_training_start(self) -> None:
        self.seen.append(float(torch.rand(1)))

    def _on_step(self) -> bool:
        self.seen.append(self.num_timesteps)
        return True


class Moving(BaseCallback, ABC):
    """Moves the optimizer by a number that its subclass counts."""

    @abstractmethod
    def count(self) -> int:
        """How often it has been called."""

    def _on_step(self) -> bool:
        self.model.policy.optimizer.param_groups[0]["sigma"] = 1e-3 * self.count()
        return True


def test_the_rest_of_a_list_inside_an_event_is_called(tmp_path: Path) -> None:
    """Saved by the second of three callbacks that an event calls: the third one follows."""

    def tree() -> tuple[list[Seen], list[BaseCallback]]:
        seen = [Seen(), Seen(), Seen()]
        inner = CallbackList([seen[0], Once(tmp_path / "run.zip"), seen[1]])
        return seen, [EveryNTimesteps(9, inner), seen[2]]

    seen, passed = tree()
    whole = make_model().learn(48, callback=passed)
    again, passed = tree()
    resumed = resume(tmp_path / "run.zip", make_env(), 48, passed)
    assert different(snapshot(whole), snapshot(resumed)) == []
    assert [s.seen for s in seen] == [s.seen for s in again]


@pytest.mark.parametrize("saved_by", ["the evaluation", "its callback"])
def test_resuming_from_the_best_model_tells_the_callbacks_of_the_evaluation(
    saved_by: str, tmp_path: Path
) -> None:
    """`callback_on_new_best` and `callback_after_eval` hear of the evaluation that saved."""
    first = tmp_path / "first.zip"

    class KeepFirst(BaseCallback):
        def _on_step(self) -> bool:
            best = tmp_path / "best_model.zip"
            if saved_by == "the evaluation" and best.exists() and not first.exists():
                shutil.copy(best, first)
            return True

    def tree() -> tuple[Any, ...]:
        stop, seen = StopTrainingOnNoModelImprovement(3), Seen()
        inner = [Once(first), seen] if saved_by == "its callback" else [seen]
        evaluation = EvalCallback(
            make_env(), CallbackList(inner), stop, n_eval_episodes=1, eval_freq=8, verbose=0,
            best_model_save_path=str(tmp_path),
        )  # fmt: skip
        return stop, seen, evaluation

    stop, seen, evaluation = tree()
    whole = make_model().learn(120, callback=[evaluation, KeepFirst()])
    again = tree()
    resumed = resume(first, make_env(), 120, [again[2], KeepFirst()])
    assert different(snapshot(whole), snapshot(resumed)) == []
    assert seen.seen == again[1].seen
    assert (stop.n_calls, stop.no_improvement_evals) == (
        again[0].n_calls,
        again[0].no_improvement_evals,
    )


def test_run_saved_while_training_starts_resumes_exactly(tmp_path: Path) -> None:
    """Callbacks after the one that saved start once, with the streams of the run."""

    class SaveAtStart(BaseCallback):
        def _on_training_start(self) -> None:
            if not (tmp_path / "run.zip").exists():
                self.model.save(tmp_path / "run.zip")

        def _on_step(self) -> bool:
            return True

    before, after = [Seen(), Seen()], [Seen(), Seen()]
    whole = make_model().learn(48, callback=[before[0], SaveAtStart(), before[1]])
    passed = [after[0], SaveAtStart(), after[1]]
    resumed = resume(tmp_path / "run.zip", make_env(), 48, passed)
    assert different(snapshot(whole), snapshot(resumed)) == []
    assert [s.seen for s in before] == [s.seen for s in after]


def test_callback_that_another_one_holds_keeps_its_state(tmp_path: Path) -> None:
    """Under whatever name; so does data under a name that Stable-Baselines3 uses for callbacks."""

    class Holder(Moving):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.callbacks = Seen(), {"called": 0}

        def count(self) -> int:
            self.inner.seen.append(1)
            self.callbacks["called"] += 1
            return len(self.inner.seen) + self.callbacks["called"]

    path = tmp_path / "run.zip"
    whole = make_model().learn(64, callback=[Holder(), SaveAt(20, path)])
    resumed = resume(path, make_env(), 64, [Holder(), SaveAt(99, path)])
    assert different(snapshot(whole), snapshot(resumed)) == []


def test_object_given_to_a_callback_is_told_unless_it_is_claimed(tmp_path: Path) -> None:
    """Whether it changes cannot be seen, so the class has to say that it may be lost."""

    class Tracker:
        called = 0

    class Tracked(Moving):
        def __init__(self, tracker: Tracker) -> None:
            super().__init__()
            self.tracker = tracker

        def count(self) -> int:
            self.tracker.called += 1
            return self.tracker.called

    class SaveExactly(SaveAt):
        def _on_step(self) -> bool:
            if self.num_timesteps == self.at:
                self.model.save(self.path, exact=True)  # type: ignore[call-arg]
            return True

    line = r'Tracker.*\{"tracker": ephemeral\("why"\)\}'
    passed = [Tracked(Tracker()), SaveExactly(20, tmp_path / "run.zip")]
    with pytest.warns(InexactCheckpoint, match=line), pytest.raises(UnsupportedValue, match=line):
        make_model().learn(32, callback=passed)
