"""What of any run of Stable-Baselines3 is no state, and why."""

from ...core.exclusions import Exclusion

_CLOCK = "wall clock: seconds since a start that differs from run to run"

WALL_CLOCK = (
    Exclusion(pattern="model.start_time", reason=_CLOCK),
    Exclusion(
        pattern="model._num_timesteps_at_start",
        reason="where the current learn() began, for frames per second only",
    ),
    Exclusion(pattern="**.t_start", reason=_CLOCK),
    Exclusion(pattern="**.episode_times", reason=_CLOCK),
    Exclusion(pattern="**['episode']['t']", reason=_CLOCK),
    Exclusion(pattern="model.ep_info_buffer[*]['t']", reason=_CLOCK),
)
# of RecordEpisodeStatistics, by its names from Gymnasium 0.29 on: an environment may be without it
OF_WRAPPERS = tuple(
    Exclusion(pattern=pattern, reason=_CLOCK)
    for pattern in ("**.episode_start_time", "**.episode_start_times", "**.time_queue")
)
OF_CALLBACKS = tuple(
    Exclusion(pattern=pattern, reason="variables of the call of learn() that a callback was in")
    for pattern in ("callback**.locals", "callback**.globals")
)
