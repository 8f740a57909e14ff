"""Whether what resumeproof says of a row is so: what it says against what the experiment found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RIGHT, WRONG, REFUSAL = "right", "wrong", "refusal"
# which fact a check is about; what no fact is about cannot be confirmed
_FACT_OF = {
    **{name: name for name in ("purity", "idempotence", "isolation", "strictness", "resume")},
    **dict.fromkeys(("roundtrip", "completeness", "fresh_process", "component"), "resume"),
}
_MUST_HOLD = ("repeats", "resume", "purity")


def judge(
    verdict: str,
    checks: Sequence[str],
    facts: Mapping[str, str],
    only: Sequence[str] = tuple(_FACT_OF),
) -> tuple[str, str]:
    """Returns right, wrong or refusal, and why.

    Args:
        verdict: what resumeproof says.
        checks: those of its checks that do not hold.
        facts: what the experiment found, by fact where it fails; "" where it holds.
        only: the checks that may fail; of stock SB3, which restores no environment, `resume`.
    """
    if "raised" in facts:
        return WRONG, f"the experiment raised: {facts['raised']}"
    broken = [name for name in _MUST_HOLD if facts[name]]
    if verdict == "EXACT":
        return (WRONG, f"{broken[0]}: {facts[broken[0]]}") if broken else (RIGHT, "")
    if verdict == "FLAKY":
        return (RIGHT, facts["repeats"]) if facts["repeats"] else (WRONG, "two runs agree")
    if verdict in ("DIFFERS", "LOST_WORK"):
        return _of_checks(checks, {name: facts.get(_FACT_OF[name], "") for name in only})
    return REFUSAL, ""


def _of_checks(checks: Sequence[str], seen: Mapping[str, str]) -> tuple[str, str]:
    unconfirmed = [name for name in checks if not seen.get(name)]
    if unconfirmed or not checks:
        return WRONG, f"not so: {', '.join(unconfirmed)}"
    return RIGHT, f"{_FACT_OF[checks[0]]}: {seen[checks[0]]}"
