"""The PID controller of the KL penalty against hand-computed sequences."""

from typing import Any

import pytest
from resumeproof.algo.maths.kl_penalty import KLPenalty


def make_penalty(**changes: Any) -> KLPenalty:
    """Build a controller whose numbers are exact in binary."""
    settings = {"target": 0.25, "initial": 1.0, "kp": 2.0, "ki": 0.5, "kd": 4.0, **changes}
    return KLPenalty(**settings)


def test_update_matches_hand_computed_values() -> None:
    """Three updates with P, I and D parts computed on paper."""
    penalty = make_penalty()
    # e = 0.5, I = 0.5, no derivative: 1 + 1 + 0.25
    assert penalty.update(0.75) == 2.25
    # e = 1, I = 1.5, change 0.5: 1 + 2 + 0.75 + 2
    assert penalty.update(1.25) == 5.75
    # e = -0.125, I = 1.375, change -1.125: 1 - 0.25 + 0.6875 - 4.5, below 0
    assert penalty.update(0.125) == 0.0
    assert penalty.coefficient == 0.0


def test_update_at_the_target_keeps_the_initial_coefficient() -> None:
    """Without an error nothing moves."""
    penalty = make_penalty()
    assert [penalty.update(0.25) for _ in range(5)] == [1.0] * 5


def test_update_stays_in_the_range() -> None:
    """Whatever the KL, the coefficient is within its limits."""
    penalty = make_penalty(beta_min=0.5, beta_max=3.0)
    values = [penalty.update(kl) for kl in [0.0, 9.0, 1e6, 0.0, 0.0, 0.25, 1e300]]
    assert all(0.5 <= value <= 3.0 for value in values)
    assert {0.5, 3.0} <= set(values)


def test_integral_does_not_wind_up_at_the_upper_limit() -> None:
    """A thousand updates at the limit leave the integral where it was when it was reached."""
    penalty = make_penalty(kd=0.0, beta_max=2.0)
    penalty.update(0.5)
    # e = 0.25: raw 1 + 0.5 + 0.125 is inside, so the integral is 0.25
    before = penalty.state_dict()["integral"]
    assert before == 0.25
    for _ in range(1000):
        assert penalty.update(1.25) == 2.0
    assert penalty.state_dict()["integral"] == before
    # e = -0.125, I = 0.125: 1 - 0.25 + 0.0625, at once away from the limit
    assert penalty.update(0.125) == 0.8125


def test_integral_does_not_wind_up_at_the_lower_limit() -> None:
    """The same holds below: the first KL above the target brings the penalty back."""
    penalty = make_penalty(kp=8.0, kd=0.0)
    for _ in range(1000):
        assert penalty.update(0.0) == 0.0
    assert penalty.state_dict()["integral"] == 0.0
    # e = 0.125, I = 0.125: 1 + 1 + 0.0625
    assert penalty.update(0.375) == 2.0625


def test_integral_shrinks_while_the_coefficient_is_at_a_limit() -> None:
    """An error that leads back into the range is integrated even outside of it."""
    penalty = make_penalty(kp=0.0, ki=1.0, kd=0.0, initial=2.0, beta_max=2.0)
    penalty.load_state_dict({"coefficient": 2.0, "integral": 1.0, "previous_error": 0.0})
    assert penalty.update(0.0) == 2.0
    assert penalty.state_dict()["integral"] == 0.75


def test_integral_is_limited_in_magnitude() -> None:
    """Inside the range the summed errors stop at their own limit."""
    penalty = make_penalty(kp=0.0, kd=0.0, integral_limit=0.5)
    for _ in range(10):
        penalty.update(0.5)
    assert penalty.state_dict()["integral"] == 0.5


@pytest.mark.parametrize("kl", [float("nan"), float("inf"), float("-inf")])
def test_update_refuses_a_kl_that_is_not_finite(kl: float) -> None:
    """The error shows the value and the state is unchanged."""
    penalty = make_penalty()
    penalty.update(0.5)
    before = penalty.state_dict()
    with pytest.raises(ValueError, match=f"expected a finite KL, got kl={kl}"):
        penalty.update(kl)
    assert penalty.state_dict() == before


def test_state_dict_of_a_fresh_controller_has_no_previous_error() -> None:
    """Before the first update the derivative has nothing to refer to, and that is kept."""
    state = make_penalty().state_dict()
    assert state == {"coefficient": 1.0, "integral": 0.0, "previous_error": None}
    loaded = make_penalty()
    loaded.update(0.5)
    loaded.load_state_dict(state)
    assert loaded.state_dict() == state


def test_load_state_dict_keeps_to_the_limits_of_the_configuration() -> None:
    """Narrower limits given now win over the numbers of the file."""
    penalty = make_penalty(beta_max=2.0, integral_limit=0.25)
    penalty.load_state_dict({"coefficient": 9.0, "integral": -4.0, "previous_error": 0.5})
    assert penalty.state_dict() == {"coefficient": 2.0, "integral": -0.25, "previous_error": 0.5}
