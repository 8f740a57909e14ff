"""Adaptive coefficient of the KL penalty: a PID controller on the distance from a target KL."""

import math
from collections.abc import Mapping
from typing import Any, final

from .validation import (
    NOT_NEGATIVE,
    POSITIVE,
    Interval,
    is_number,
    require,
    require_keys,
    require_number,
)

_KEYS = ("coefficient", "integral", "previous_error")


@final
class KLPenalty:
    """The penalty coefficient grows while the KL exceeds its target and shrinks below it.

    With e = kl - target, e' the error of the update before (the derivative is 0 at the first
    update) and I the sum of the errors, limited to ``[-integral_limit, integral_limit]``::

        raw = initial + kp * e + ki * I + kd * (e - e')
        coefficient = min(max(raw, beta_min), beta_max)

    The form is additive, not multiplicative, so that a coefficient of exactly 0 (no penalty) can
    be reached and left again, and so that only the ends of the range are not linear.
    Anti-windup is conditional integration: an error that would push a raw value further outside
    the range is not added to I, so that the coefficient leaves a bound at the first update whose
    error has the other sign and is large enough for the linear controller.

    The defaults suit advantages of unit variance: a KL of twice the target moves the coefficient
    by 0.1 at once and by a further 0.02 at every update that it lasts, and the integral alone
    can cover the whole range.

    Args:
        target: KL at which the error is 0, in nats.
        initial: Coefficient before the first update.
        kp: Gain of the error.
        ki: Gain of the summed errors.
        kd: Gain of the change of the error.
        beta_min: Smallest coefficient.
        beta_max: Largest coefficient.
        integral_limit: Largest magnitude of the summed errors, in nats.

    Raises:
        ValueError: If an argument is not finite or outside its range.

    Source: K. J. Astrom and T. Hagglund, PID Controllers, 2nd ed. 1995, sections 3.2 and 3.5;
        the role of the coefficient is that of Schulman et al. 2017
        (https://arxiv.org/abs/1707.06347), eq. 8.
    """

    def __init__(
        self,
        target: float = 0.02,
        *,
        initial: float = 0.2,
        kp: float = 5.0,
        ki: float = 1.0,
        kd: float = 1.0,
        beta_min: float = 0.0,
        beta_max: float = 10.0,
        integral_limit: float = 10.0,
    ) -> None:
        self.target = require_number("target", target, POSITIVE)
        self.kp, self.ki, self.kd = (
            require_number(name, gain, NOT_NEGATIVE)
            for name, gain in (("kp", kp), ("ki", ki), ("kd", kd))
        )
        self.beta_min = require_number("beta_min", beta_min, NOT_NEGATIVE)
        above = Interval(low=self.beta_min, open_low=True)
        self.beta_max = require_number("beta_max", beta_max, above)
        reachable = Interval(low=self.beta_min, high=self.beta_max)
        self.initial = require_number("initial", initial, reachable)
        self.integral_limit = require_number("integral_limit", integral_limit, POSITIVE)
        self.coefficient = self.initial
        self._integral = 0.0
        self._previous_error: float | None = None

    def update(self, kl: float) -> float:
        """Feed the KL of one update and return the coefficient of the next.

        Args:
            kl: Measured KL between the old and the new policy, in nats.

        Returns:
            The new ``coefficient``.

        Raises:
            ValueError: If ``kl`` is not finite; the state is then unchanged.
        """
        kl = float(kl)
        if not math.isfinite(kl):
            raise ValueError(
                f"expected a finite KL, got kl={kl!r}; the policy update before it diverged"
            )
        error = kl - self.target
        change = 0.0 if self._previous_error is None else error - self._previous_error
        linear = self.initial + self.kp * error + self.kd * change
        summed = self._limit_integral(self._integral + error)
        raw = linear + self.ki * summed
        winds_up = (raw > self.beta_max and error > 0.0) or (raw < self.beta_min and error < 0.0)
        if winds_up:
            raw = linear + self.ki * self._integral
        else:
            self._integral = summed
        self._previous_error = error
        self.coefficient = self._limit_coefficient(raw)
        return self.coefficient

    def _limit_integral(self, value: float) -> float:
        return min(max(value, -self.integral_limit), self.integral_limit)

    def _limit_coefficient(self, value: float) -> float:
        return min(max(value, self.beta_min), self.beta_max)

    def state_dict(self) -> dict[str, float | None]:
        """Returns the whole state as plain numbers; ``previous_error`` is None before an update."""
        return {
            "coefficient": self.coefficient,
            "integral": self._integral,
            "previous_error": self._previous_error,
        }

    def check_state_dict(self, state: Mapping[str, Any]) -> None:
        """Accepts only a state that ``load_state_dict`` can apply; nothing is changed.

        Raises:
            ValueError: If a key is missing or unknown (all are listed) or a value is not a
                finite float.
        """
        require_keys("a KLPenalty state", state, _KEYS)
        for key in _KEYS:
            value = state[key]
            first = key == "previous_error" and value is None
            fits = first or (isinstance(value, float) and is_number(value))
            require(fits, f"{key} of a KLPenalty state", value, "a finite float")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replaces the state after validating all of it.

        The gains and limits are configuration, not state: where this controller's limits are
        narrower than those of the one that saved, they win and the loaded numbers are clamped.

        Raises:
            ValueError: As ``check_state_dict``; the state is then unchanged.
        """
        self.check_state_dict(state)
        self.coefficient = self._limit_coefficient(state["coefficient"])
        self._integral = self._limit_integral(state["integral"])
        self._previous_error = state["previous_error"]
