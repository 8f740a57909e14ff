"""The exchange between two members: everything learned or nothing, and the run stays."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.pbt.member import RefusedExchange
from resumeproof.algo.saving.registry import PARTS
from stable_baselines3.common.callbacks import BaseCallback

from tests.algo.populations import make, make_population, snapshot_of, trained
from tests.algo.runs import different
from tests.algo.small import make_env, make_model

# where a model keeps what it has learned, what a population chose for it, and its episodes
LEARNED = ("model.policy.optimizer", "model.policy", "model.vgs", "model.kl_penalty")
LEARNED += ("model.return_normalizer",)
CHOSEN = ("model.learning_rate", "model.lr_schedule", "model.ent_coef")
EPISODES = ("model.ep_info_buffer",)


@pytest.mark.parametrize("optimizer", ["copy", "reset"])
def test_exploit_changes_what_is_learned_and_leaves_the_run(optimizer: str) -> None:
    """Parts marked as learned become the donor's; buffers, counters and environment stay."""
    population = trained(optimizer=optimizer)
    loser, donor = population.members
    before, given = snapshot_of(loser), snapshot_of(donor)
    population.exploit(loser, donor)
    after = snapshot_of(loser)
    other = [p for p in different(given, after) if p.startswith((*LEARNED, *EPISODES))]
    fresh = ("model.policy.optimizer",) if optimizer == "reset" else ()
    assert [place for place in other if not place.startswith(fresh)] == []
    assert bool(other) == bool(fresh)
    moved = different(before, after)
    drawn = ("streams.",) if optimizer == "reset" else ()  # the new optimizer's seed
    assert [p for p in moved if not p.startswith((*LEARNED, *CHOSEN, *EPISODES, *drawn))] == []
    assert all(any(p.startswith(place) for p in moved) for place in (*EPISODES, *drawn))
    assert different(given, snapshot_of(donor)) == []
    assert loser.hyperparameters == donor.hyperparameters
    assert loser.hyperparameters is not donor.hyperparameters


def test_reset_optimizer_is_a_fresh_one_with_the_donors_rates() -> None:
    """No moments, no steps, and a noise stream of its own."""
    population = trained(optimizer="reset")
    loser, donor = population.members
    identity = loser.model.policy.optimizer
    population.exploit(loser, donor)
    mine, theirs = loser.model.policy.optimizer, donor.model.policy.optimizer
    assert mine is identity
    assert len(theirs.state) > 0
    assert len(mine.state) == 0
    rates = [group["lr"] for group in mine.param_groups]
    assert rates == [group["lr"] for group in theirs.param_groups]
    noise = [o.state_dict()["generator"]["cpu"].tolist() for o in (mine, theirs)]
    fresh = make(loser.seed).policy.optimizer.state_dict()["generator"]["cpu"].tolist()
    assert noise[0] not in (noise[1], fresh)


ODD: dict[str, dict[str, Any]] = {
    "policy": {"policy_kwargs": {"net_arch": [9]}},
    "policy.optimizer": {"optimizer": "adam"},
    "vgs": {"vgs": False, "vgs_kwargs": None},
    "kl_penalty": {"kl_penalty": False},
    "return_normalizer": {"normalize_returns": False},
}


@pytest.mark.parametrize("optimizer", ["copy", "reset"])
@pytest.mark.parametrize("part", [part.name for part in PARTS if part.learned])
def test_refused_exchange_names_the_part_and_changes_nothing(part: str, optimizer: str) -> None:
    """Of another architecture, optimizer or component: no leaf, no stream, no history moves."""
    made: list[int] = []

    def make_odd(seed: int) -> DistributionalPPO:
        made.append(seed)
        options = ODD[part] if len(made) == 2 else {}
        return make_model(make_env("Pendulum-v1"), seed=seed, **options)

    # a tournament draws its pairs before the exchange is refused
    population = make_population(make_odd, optimizer=optimizer, selection="tournament")
    turns = population.intervals(96)
    next(turns), next(turns)
    before = [snapshot_of(member) for member in population.members]
    drawn = str(population.generator.bit_generator.state)
    with pytest.raises(RefusedExchange, match=f"cannot take '{part}' of member"):
        next(turns)
    assert [snapshot_of(member) for member in population.members] == before
    assert str(population.generator.bit_generator.state) == drawn
    assert [member.history for member in population.members] == [[], []]


def test_exploit_in_the_middle_of_a_rollout_is_refused() -> None:
    """The rest of it would be of another policy; a member cannot copy itself either."""

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 20

    population = make_population().learn(96, lambda _: Stop())
    first, second = population.members
    with pytest.raises(ValueError, match="between rollouts, got 'collecting'"):
        population.exploit(first, second)
    with pytest.raises(ValueError, match="expected two members"):
        population.exploit(second, second)
