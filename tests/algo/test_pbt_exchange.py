"""The exchange between two members: everything learned or nothing, and the run stays."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.pbt.member import RefusedExchange
from resumeproof.algo.saving.persistable import LEARNED
from resumeproof.algo.saving.registry import RUN_PARTS
from stable_baselines3.common.callbacks import BaseCallback

from tests.algo.small import make_env, make_model
from tests.algo.test_pbt import bits_of, make, make_population, trained
from tests.algo.test_resume import different


@pytest.mark.parametrize("optimizer", ["copy", "reset"])
def test_exploit_changes_what_is_learned_and_leaves_the_run(optimizer: str) -> None:
    """Parts marked as learned become the donor's; buffers, counters and environment stay."""
    population = trained(optimizer=optimizer)
    loser, donor = population.members
    before, given = bits_of(loser), bits_of(donor)
    population.exploit(loser, donor)
    after = bits_of(loser)
    kept = {"policy.optimizer"} if optimizer == "reset" else set()
    assert set(different(given, after)) & set(LEARNED) == kept
    streams = {"streams"} if optimizer == "reset" else set()  # the new optimizer's seed
    assert set(different(before, after)) & set(RUN_PARTS) == {"episodes"} | streams
    assert bits_of(donor) == given
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
@pytest.mark.parametrize("part", LEARNED)
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
    before = [bits_of(member) for member in population.members]
    drawn = str(population.generator.bit_generator.state)
    with pytest.raises(RefusedExchange, match=f"cannot take '{part}' of member"):
        next(turns)
    assert [bits_of(member) for member in population.members] == before
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
