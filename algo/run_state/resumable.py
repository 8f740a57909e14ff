"""A wrapper that speaks for everything inside it: what a worker of a `SubprocVecEnv` is asked."""

from __future__ import annotations

from typing import Any, final

import gymnasium as gym

from ..checkpoint import CheckpointError, MismatchedCheckpoint, decode, encode
from .environment import prepare_environment, save_environment
from .levels import Speaking
from .missing import collecting
from .streams import prepare_streams, save_streams


@final
class Resumable(Speaking):
    """Lets an environment in another process be saved, and put back, with its wrappers.

    The outermost wrapper of each environment:
    `make_vec_env(name, 4, vec_env_cls=SubprocVecEnv, wrapper_class=Resumable)`. In the process of
    the training it changes nothing.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)

    def get_state(self) -> dict[str, Any]:
        """Returns the state of the environment inside, and of this process's random streams."""
        with collecting() as missing:
            levels = save_environment(self.env)["levels"]
        return {"levels": levels, "streams": save_streams(), "missing": list(missing)}

    def refusal(self, state: dict[str, Any]) -> str | None:
        """Returns why the state does not fit this environment, or None; changes nothing."""
        try:
            self._prepare(state)
        except CheckpointError as error:
            return str(error)
        return None

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned.

        Raises:
            MismatchedCheckpoint: the environment is built otherwise.
        """
        # a copy: what is put in place would be shared with whoever holds the state
        environment, streams = self._prepare(decode(*encode(state)))
        environment()
        streams()

    def _prepare(self, state: dict[str, Any]) -> Any:
        if state["missing"]:
            raise MismatchedCheckpoint(
                f"expected the whole state of the environment, got one that lacks "
                f"{state['missing']}: it was not saved exactly"
            )
        return prepare_environment(self.env, state), prepare_streams(state["streams"])
