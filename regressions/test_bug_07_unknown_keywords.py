"""Bug 7: tests passed arguments that do not exist. Pinned here: such a keyword is refused by name.

Planted is what hides it from everybody: what is unknown is dropped in silence.
"""

from __future__ import annotations

from typing import Any, final

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.kl_penalty import KLPenalty
from resumeproof.algo.networks.critics import CRITICS
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from resumeproof.algo.saving.configuration import argument_names, keywords_of, optimizer_class
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.torch_layers import FlattenExtractor

from properties.space import CHOICES, VARIANTS
from regressions.checks import KEYWORDS, Case, Found, look
from regressions.checks_of_keywords import UNKNOWN
from regressions.checks_of_options import with_options
from regressions.planted import TWO_CYCLES, ours


def known(given: dict[str, Any]) -> dict[str, list[str]]:
    """The keywords of every dict among the arguments, by the name of the dict."""
    return {
        "optimizer_kwargs": keywords_of(optimizer_class(given.get("optimizer", "adaptive_upgd"))),
        "critic_kwargs": keywords_of(CRITICS[given.get("critic", "quantile")]),
        "vgs_kwargs": keywords_of(VarianceGradientScaler),
        "kl_penalty": keywords_of(KLPenalty),
        "rollout_buffer_kwargs": keywords_of(RolloutBuffer),
        "policy_kwargs": keywords_of(DistributionalPPO.policy_aliases["MlpPolicy"]),
        "features_extractor_kwargs": keywords_of(FlattenExtractor),
    }


def without_unknown(given: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What is left of arguments when those are dropped that nobody knows, at every depth."""
    inner = known(given)
    return {
        name: without_unknown(value, inner[name])
        if isinstance(value, dict) and name in inner
        else value
        for name, value in given.items()
        if name in names
    }


@final
class Lenient(DistributionalPPO):
    """Drops what it does not know: in the constructor, in its dicts, and in `load`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **without_unknown(kwargs, [*self._keywords(), "env"]))

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with what is known of what was passed."""
        names = [*argument_names(cls), "env", "device"]
        return super().load(*args, **without_unknown(kwargs, names))


PLANTED = {"#7 unknown keywords are dropped": Lenient}
AT = pytest.mark.parametrize("check", ["keywords", "overrides"])
WHERE = pytest.mark.parametrize("where", KEYWORDS, ids=lambda where: where or "constructor")
# with one component changed or switched off, its keywords are checked as before
OTHERS: list[dict[str, Any]] = [
    {name: value}
    for name, values in {**CHOICES, **VARIANTS}.items()
    if name in ("optimizer", "critics", "scaler", "kl_penalty")
    for value in values
]


def passed(
    algorithm: type[DistributionalPPO], check: str, where: str, other: dict[str, Any]
) -> tuple[Found, ...]:
    """What the check shows of an unknown keyword, passed there."""
    return look(
        ours(algorithm), Case(check=check, keyword=where, scenario=with_options(TWO_CYCLES, other))
    )


@AT
@WHERE
def test_planted_bug_is_found(where: str, check: str) -> None:
    """Nothing was raised, so somebody's option is not in force."""
    assert passed(Lenient, check, where, {})


@AT
@WHERE
def test_report_names_the_argument(where: str, check: str) -> None:
    """The dicts it was passed in, and its name."""
    (found,) = passed(Lenient, check, where, {})
    outer, *inner = [*filter(None, where.split(".")), UNKNOWN]
    assert found.place == outer + "".join(f"[{name}]" for name in inner)
    assert found.text == "an unknown keyword is taken in silence"


@AT
@WHERE
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_shipped_code_refuses_it_by_name(other: dict[str, Any], where: str, check: str) -> None:
    """In the constructor and in `load`, and in every dict that they take."""
    assert passed(DistributionalPPO, check, where, other) == ()
