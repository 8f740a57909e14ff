"""One model as a user makes it: environment, policy, seed; on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from .environment import OPTIONS, make_environment, reseed_drawn
from .options import own_parameters, parameters_of
from .policies import policy_for, with_classes


def build_model(
    algorithm: type[BaseAlgorithm], options: Mapping[str, Any], seed: int
) -> BaseAlgorithm:
    """A fresh model in a fresh environment."""
    env = algorithm._wrap_env(make_environment(options))
    given = {k: v for k, v in options.items() if k not in OPTIONS}
    # SB3 writes into the policy_kwargs it is given
    arguments = {"device": "cpu", **copy.deepcopy(with_classes(given)), "seed": seed, "env": env}
    if "policy" not in arguments and _takes_policy(algorithm):
        arguments["policy"] = policy_for(algorithm, env)
    known = parameters_of(algorithm)
    model = algorithm(**{k: v for k, v in arguments.items() if k in known or k in given})
    if "seed" not in known:
        model.set_random_seed(seed)
    reseed_drawn(model.env or env, seed)
    return model


def _takes_policy(algorithm: type) -> bool:
    """Not where the class names the environment that it takes, and no policy: it has its own."""
    own = own_parameters(algorithm)
    return "policy" in own or "env" not in own
