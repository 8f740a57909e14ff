"""How the experiment drives an algorithm of Stable-Baselines3: as its documentation says."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from stable_baselines3.common.env_util import make_vec_env

from .bits import Bits, bits_of, seed_all
from .row import Row

_STEPS = 16


@final
@dataclass(frozen=True, kw_only=True)
class Sb3Driver:
    """A step of it is a call of `learn()`."""

    row: Row
    folder: Path

    def _environment(self, seed: int) -> Any:
        env = self.row.options["env"]
        return env() if callable(env) else make_vec_env(env, seed=seed)

    def build(self, seed: int) -> Any:
        """Returns a model in an environment of its own."""
        seed_all(seed)
        # SB3 writes into the policy_kwargs that it is given
        given = copy.deepcopy({k: v for k, v in self.row.options.items() if k != "env"})
        policy = given.pop("policy", "MlpPolicy")
        return self.row.make(policy, self._environment(seed), seed=seed, device="cpu", **given)

    def step(self, model: Any, index: int) -> None:
        """Learns on."""
        model.learn(_STEPS, reset_num_timesteps=model.num_timesteps == 0)

    def save(self, model: Any) -> Path:
        """Saves the model, and its replay buffer where it has one."""
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "model.zip"
        model.save(path)
        if getattr(model, "replay_buffer", None) is not None:
            model.save_replay_buffer(path.with_suffix(".pkl"))
        return path

    def load(self, model: Any, saved: Path) -> Any:
        """Returns a model of the file in another environment."""
        loaded = self.row.make.load(saved, env=self._environment(7), device="cpu")
        if saved.with_suffix(".pkl").exists():
            loaded.load_replay_buffer(saved.with_suffix(".pkl"))
        return loaded

    def look(self, model: Any) -> Bits:
        """Returns the parameters and the count of steps."""
        return bits_of([model.get_parameters(), model.num_timesteps])
