"""A population that is saved, loaded, killed and changed in any order, beside a twin that is not.

Both train, exchange and explore alike. Only one of them meets checkpoints: whatever differs
between them is what a checkpoint, a clone or an evaluation has done.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from resumeproof.algo import LogUniform, Population
from resumeproof.algo.pbt.hyperparameters import put_all
from resumeproof.algo.pbt.selection import SELECTIONS
from resumeproof.algo.pbt.settings import OPTIMIZERS
from resumeproof.core.randomness import poison
from resumeproof.state.compare import compare

from properties.bits import pin_bits
from properties.populations import OF_MEMBERS, common, learned, make, make_used, picture

TOTAL, INTERVAL = 128, 16
MEMBERS = st.integers(0, 1)
RATES = st.sampled_from((1e-4, 3e-3))


def load(path: Path) -> Population:
    """As a user comes back: into models that another seed has trained, with all streams moved."""
    poison(11)
    return Population.load(path, make_used)


def resave(source: Path, target: Path) -> None:
    """What another interpreter does with a file: loads it and saves what it got."""
    load(source).save(target)


@cache
def _elsewhere() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=pin_bits)


class Interleavings(RuleBasedStateMachine):
    """See the module; `come_back` is what a planted fault replaces."""

    come_back: Callable[[Path], Population] = staticmethod(load)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.files = 0
        self.clone: Population | None = None
        self.rates: dict[int, float] = {}

    @initialize(
        optimizer=st.sampled_from(sorted(OPTIMIZERS)), selection=st.sampled_from(sorted(SELECTIONS))
    )
    def build(self, optimizer: str, selection: str) -> None:
        """Two populations of the same seed."""
        settings: dict[str, Any] = {
            "size": 2,
            "seed": 5,
            "interval": INTERVAL,
            "optimizer": optimizer,
            "selection": selection,
            "explore": {"learning_rate": LogUniform(1e-4, 1e-2)},
        }
        self.live, self.twin = Population(make, **settings), Population(make, **settings)
        self._remember_rates()

    @rule()
    def train(self) -> None:
        """The next member trains for an interval; exchanges happen at the end of a round."""
        for population in (self.live, self.twin):
            next(population.intervals(TOTAL), None)
        self._remember_rates()

    @rule(cycles=st.integers(1, 3))
    def save_and_load(self, cycles: int) -> None:
        """Comes back in this process, several times over."""
        for _ in range(cycles):
            self.live = self.come_back(self._saved())

    @rule()
    def pass_through_another_process(self) -> None:
        """Another interpreter loads and saves; what it wrote is loaded here."""
        source = self._saved()
        target = source.with_name("elsewhere.zip")
        _elsewhere().submit(resave, source, target).result()
        self.live = self.come_back(target)

    @rule()
    def train_and_be_killed(self) -> None:
        """What was trained after the save is lost, and comes again the same."""
        path = self._saved()
        next(self.live.intervals(TOTAL), None)
        self.live = self.come_back(path)

    @rule(index=MEMBERS)
    def set_parameters(self, index: int) -> None:
        """A stranger's parameters come into the live model, and its own again."""
        model = self.live.members[index].model
        stranger, saved = make_used(77).get_parameters(), model.get_parameters()
        model.set_parameters(stranger)
        model.set_parameters(saved)

    @rule(index=MEMBERS)
    def evaluate(self, index: int) -> None:
        """Predicting moves nothing but the mode of the network, which every rollout sets."""
        member = self.live.members[index]
        mode = member.model.policy.training
        member.measure(lambda model: float(model.predict(np.zeros(3, np.float32))[0][0]))
        member.model.policy.set_training_mode(mode)

    @rule(index=MEMBERS, rate=RATES)
    def set_learning_rate(self, index: int, rate: float) -> None:
        """A caller's own choice, on top of what the population chose."""
        for population in (self.live, self.twin):
            member = population.members[index]
            member.hyperparameters = {**member.hyperparameters, "learning_rate": rate}
            put_all(member.model, {"learning_rate": rate})
        self.rates[index] = rate

    @rule(loser=MEMBERS)
    def exploit(self, loser: int) -> None:
        """One member takes what the other has learned."""
        for population in (self.live, self.twin):
            population.exploit(population.members[loser], population.members[1 - loser])
        self._remember_rates()

    @rule(index=MEMBERS)
    def explore(self, index: int) -> None:
        """A member gets hyper-parameters that the population draws."""
        for population in (self.live, self.twin):
            population.explore(population.members[index])
        self._remember_rates()

    @rule()
    def make_clone(self) -> None:
        """Another population from the same file lives beside the one that wrote it."""
        self.clone = self.come_back(self._saved())

    @precondition(lambda self: self.clone is not None)
    @rule()
    def train_clone(self) -> None:
        """It trains on its own: neither the one it came from nor the twin may move."""
        assert self.clone is not None
        next(self.clone.intervals(TOTAL), None)

    @invariant()
    def every_leaf_is_that_of_the_twin(self) -> None:
        """Values, kinds and aliases of the whole population."""
        mismatches = compare(picture(self.twin), picture(self.live), OF_MEMBERS).mismatches
        assert mismatches == (), "\n".join(map(str, mismatches[:5]))

    @invariant()
    def nobody_shares_what_is_learned(self) -> None:
        """No storage is common to two members, in one population or in a clone."""
        populations = [p for p in (self.live, self.clone) if p is not None]
        members = [m for population in populations for m in population.members]
        for number, one in enumerate(members):
            for other in members[number + 1 :]:
                shared = common(learned(one), learned(other))
                assert shared == set(), f"shared by two members: {sorted(shared)[:5]}"

    @invariant()
    def what_was_chosen_is_in_use(self) -> None:
        """The rate last set, by a caller or by the population, is that of every group."""
        for member in self.live.members:
            rate = self.rates[member.index]
            used = {group["lr"] for group in member.model.policy.optimizer.param_groups}
            assert used == {rate}, f"member {member.index}: expected rate {rate}, got {used}"
            assert member.model.learning_rate == rate

    def teardown(self) -> None:
        """Removes the files."""
        shutil.rmtree(self.folder)

    def _saved(self) -> Path:
        self.files += 1
        path = self.folder / f"{self.files}.zip"
        self.live.save(path)
        return path

    def _remember_rates(self) -> None:
        # of the twin, which never met a checkpoint
        self.rates = {m.index: m.hyperparameters["learning_rate"] for m in self.twin.members}
