"""A population whose members train in the workers of a Dask cluster; skipped where Dask is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.algo.populations import make_population, snapshot_of
from tests.algo.runs import different

# Dask measures what a worker holds in a thread of its own, and draws from Python's stream for it
DISTURBED = "streams.python"

distributed = pytest.importorskip("distributed")


def first_best(model: Any) -> float:
    """Members rank by their learning rate, so that every round has an exchange."""
    return -float(model.learning_rate)


# what Dask itself leaves open in a process that ends
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_members_that_move_between_dask_workers_are_those_that_stayed_here() -> None:
    """Every bit of both after three intervals, each on another worker, but Python's own stream."""
    places: list[tuple[str, ...]] = []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        workers = sorted(client.scheduler_info()["workers"])

        def on_the_other(train: Callable[[Any], Any], tasks: Iterable[Any]) -> Any:
            given, turn = list(tasks), len(places)
            chosen = [workers[(index + turn) % 2] for index in range(len(given))]
            pairs = zip(given, chosen, strict=True)
            futures = [client.submit(train, t, workers=[w], pure=False) for t, w in pairs]
            found = client.gather(futures)
            places.append(tuple(chosen))
            return found

        away = make_population(fitness=first_best).learn(96, map=on_the_other)
    assert places == [tuple(workers), tuple(reversed(workers)), tuple(workers)]
    home = make_population(fitness=first_best).learn(96)
    assert away.history == home.history
    assert any(row["copied_from"] is not None for row in home.history)
    for mine, theirs in zip(away.members, home.members, strict=True):
        found = different(snapshot_of(mine), snapshot_of(theirs))
        assert [path for path in found if path != DISTURBED] == []
