"""What rides along in `learn()`: the user's callback under test, and the harness's visitor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from ...core.errors import InvalidSubject
from ..calls import require_arity
from ..importing import load_object
from ..protocol import Visits

Factory: TypeAlias = Callable[[], BaseCallback | list[BaseCallback]]
_WRITE = "write callback=lambda: MyCallback(...), which makes one for every run"


@final
@dataclass(kw_only=True)
class Driven:
    """A model, and the callback that every call of its `learn()` gets."""

    model: BaseAlgorithm
    callback: BaseCallback | list[BaseCallback]


def require_factory(callback: Any) -> Factory | None:
    """The same, if it makes a callback anew for every run.

    Raises:
        InvalidSubject: it is a callback, or needs arguments.
    """
    if callback is None:
        return None
    if isinstance(callback, str):
        callback = load_object(callback)
    if isinstance(callback, BaseCallback | list | tuple):
        raise InvalidSubject(
            f"expected callback= to be a function that makes the callback, got {callback!r}, which "
            f"all runs would share: {_WRITE}"
        )
    return require_arity("callback", callback, (0,), _WRITE)


def model_of(live: Any) -> BaseAlgorithm:
    """The model of a run."""
    model: BaseAlgorithm = live.model if isinstance(live, Driven) else live
    return model


def riding(live: Any, visitor: BaseCallback) -> list[BaseCallback]:
    """All callbacks of a call of `learn()`; the visitor sees what the user's has done."""
    if not isinstance(live, Driven):
        return [visitor]
    own = live.callback if isinstance(live.callback, list) else [live.callback]
    return [*own, visitor]


def visitor_at_steps(live: Any, visits: Visits) -> BaseCallback:
    """Hands the run to functions at given numbers of environment steps.

    It keeps nothing in attributes: an algorithm that saves its callbacks finds no state here.
    """

    @final
    class Visitor(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps in visits:
                visits[self.num_timesteps](live)
            return True

    return Visitor()


def visitor_between_updates(live: Any, visits: Visits) -> BaseCallback:
    """Hands the run to functions between two updates, once the given steps are done or passed.

    For what stops at an episode's end, at a number of steps that nobody knows before.
    """
    pending = sorted(visits)

    def visit(model: BaseAlgorithm) -> None:
        while pending and pending[0] <= model.num_timesteps:
            visits[pending.pop(0)](live)

    @final
    class Visitor(BaseCallback):
        def _on_rollout_start(self) -> None:
            visit(self.model)

        def _on_step(self) -> bool:
            return True

        def _on_training_end(self) -> None:
            visit(self.model)

    return Visitor()
