"""The step of UPGD and AdaptiveUPGD against torch's Adam and the per-tensor loop, side by side.

Process CPU time on one thread; the subjects of a round run one after another, and a ratio is the
median of the per-round ratios. Then the parts of a step of UPGD: the noise, the utilities, and the
update that is left. Last, what a large step takes of the thread that trains, with its noise drawn
in the step and ahead of it, in a thread of its own: that saves time where a second core is free.

Goals over Adam: 0.5 at 9k, 1.5 at 1M and 1.0 at 50M parameters. ``python benchmarks/upgd.py``.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from resumeproof.algo.optim import _upgd_ahead, _upgd_flat
from resumeproof.algo.optim._upgd_kernels import accumulate_utility, draw_noise, split_rows
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD

LR, WEIGHT_DECAY, BETA_UTILITY, SIGMA, BETAS, EPS = 1e-3, 1e-3, 0.999, 1e-3, (0.9, 0.999), 1e-5

# name: (shapes, steps a round, rounds, goal: step over Adam's)
SIZES = {
    "9k/12": ([(64, 4), (64,), (64, 64), (64,), (2, 64), (2,)] * 2, 50, 15, 0.5),
    "1M/20": ([(320, 320), (320,)] * 9 + [(320, 250), (320,)], 4, 9, 1.5),
    "50M/8": ([(3535, 3535), (3535,)] * 4, 1, 3, 1.0),
}


class Loop:
    """The published form: a Python loop over parameters, twice, one operation after another."""

    def __init__(self, params: Sequence[Tensor], *, adaptive: bool) -> None:
        self.params, self.adaptive, self.steps = params, adaptive, 0
        self.utilities = [torch.zeros_like(p) for p in params]
        self.exp_avgs = [torch.zeros_like(p) for p in params] if adaptive else []
        self.exp_avg_sqs = [torch.zeros_like(p) for p in params] if adaptive else []

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter."""
        self.steps += 1
        peak = torch.tensor(-torch.inf)
        for p, utility in zip(self.params, self.utilities, strict=True):
            utility.mul_(BETA_UTILITY).add_(-p.grad * p, alpha=1 - BETA_UTILITY)
            peak = torch.maximum(peak, utility.max())
        correction = 1 - BETA_UTILITY**self.steps
        for index, p in enumerate(self.params):
            noise = torch.randn_like(p) * SIGMA
            gate = torch.sigmoid_(self.utilities[index] / correction / (peak / correction))
            p.mul_(1 - LR * WEIGHT_DECAY)
            if self.adaptive:
                p.add_((self.direct(index) + noise) * (1 - gate), alpha=-2 * LR)
            else:
                p.add_((p.grad + noise) * (1 - gate), alpha=-LR)

    def direct(self, index: int) -> Tensor:
        """Adam's direction of one parameter."""
        grad, first, second = self.params[index].grad, self.exp_avgs[index], self.exp_avg_sqs[index]
        first.mul_(BETAS[0]).add_(grad, alpha=1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
        exp_avg = first / (1 - BETAS[0] ** self.steps)
        exp_avg_sq = second / (1 - BETAS[1] ** self.steps)
        return exp_avg / (exp_avg_sq.sqrt() + EPS)


def build(shapes: Sequence[tuple[int, ...]]) -> dict[str, Callable[[], object]]:
    """The subjects, each with parameters of its own; the gradients are shared."""
    torch.manual_seed(0)
    grads = [torch.randn(shape) * 1e-2 for shape in shapes]

    def make() -> list[torch.nn.Parameter]:
        params = [torch.nn.Parameter(torch.randn(shape) * 0.1) for shape in shapes]
        for p, grad in zip(params, grads, strict=True):
            p.grad = grad
        return params

    return {
        "Adam": torch.optim.Adam(make(), lr=LR, foreach=True).step,
        "UPGD loop": Loop(make(), adaptive=False).step,
        "UPGD": UPGD(make(), lr=LR).step,
        "AdaptiveUPGD loop": Loop(make(), adaptive=True).step,
        "AdaptiveUPGD": AdaptiveUPGD(make(), lr=LR).step,
    }


def measure(
    subjects: dict[str, Callable[[], object]], steps: int, rounds: int
) -> list[dict[str, float]]:
    """CPU seconds per step of each subject, round by round; the first round is not counted."""
    times = []
    for _ in range(rounds + 1):
        row = {}
        for name, step in subjects.items():
            start = time.process_time()
            for _ in range(steps):
                step()
            row[name] = (time.process_time() - start) / steps
        times.append(row)
    return times[1:]


def measure_parts(shapes: Sequence[tuple[int, ...]], steps: int, rounds: int) -> dict[str, float]:
    """CPU seconds of the noise, of the utilities and of a whole step of UPGD, medians."""
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape) * 0.1) for shape in shapes]
    for p in params:
        p.grad = torch.randn_like(p) * 1e-2
    optimizer, generator = UPGD(params, lr=LR), torch.Generator()
    rows = [(p.detach(), p.grad, torch.zeros_like(p)) for p in params]
    if _upgd_flat.fits(rows, [1] * len(rows)):
        flat = _upgd_flat.room_for(optimizer, 9, rows)
        noise: Callable[[], object] = lambda: _upgd_flat.draw_noise(flat, SIGMA, generator)  # noqa: E731
        utility: Callable[[], object] = lambda: _upgd_flat.accumulate_utility(flat, 0.9)  # noqa: E731
    else:
        blocks = split_rows(rows)
        noise = lambda: [draw_noise(b.params, SIGMA, generator) for b in blocks]  # noqa: E731
        utility = lambda: [accumulate_utility(b, 0.9) for b in blocks]  # noqa: E731
    with torch.no_grad():
        times = measure({"noise": noise, "utility": utility, "step": optimizer.step}, steps, rounds)
    return {name: statistics.median(row[name] for row in times) for name in times[0]}


def measure_ahead(shapes: Sequence[tuple[int, ...]], kind: type, least: int) -> float:
    """CPU time of the thread that trains, for a step over one of Adam's, with pauses to draw in."""
    _upgd_ahead.LEAST = least
    params = [torch.nn.Parameter(torch.randn(shape) * 0.1) for shape in shapes]
    twins = [torch.nn.Parameter(p.detach().clone()) for p in params]
    for p, twin in zip(params, twins, strict=True):
        p.grad = twin.grad = torch.randn_like(p) * 1e-2
    steps = [kind(params, lr=LR, seed=0).step, torch.optim.Adam(twins, foreach=True).step]
    ratios = []
    for _ in range(6):
        taken = []
        for step in steps:
            start = time.thread_time()
            step()
            taken.append(time.thread_time() - start)
        ratios.append(taken[0] / taken[1])
        time.sleep(10 * taken[1])
    return statistics.median(ratios[1:])


def main() -> None:
    """Prints one row for each size and optimizer, the parts, and what drawing ahead brings."""
    torch.set_num_threads(1)
    ahead, _upgd_ahead.LEAST = _upgd_ahead.LEAST, 10**12  # CPU time would count the thread, too
    print(f"{'size':8}{'optimizer':15}{'us/step':>10}{'x Adam':>8}{'x loop':>8}{'goal':>8}")
    for size, (shapes, steps, rounds, goal) in SIZES.items():
        times = measure(build(shapes), steps, rounds)
        for name in ("UPGD", "AdaptiveUPGD"):
            own = statistics.median(row[name] for row in times)
            adam = statistics.median(row[name] / row["Adam"] for row in times)
            loop = statistics.median(row[name] / row[f"{name} loop"] for row in times)
            print(
                f"{size:8}{name:15}{own * 1e6:10.0f}{adam:8.2f}{loop:8.2f}{goal:8.2f}", flush=True
            )
        parts = measure_parts(shapes, steps, rounds)
        rest = parts["step"] - parts["noise"] - parts["utility"]
        shares = {"noise": parts["noise"], "utility": parts["utility"], "update": rest}
        told = ", ".join(f"{name} {part / parts['step']:.0%}" for name, part in shares.items())
        print(f"{size:8}of UPGD: {told}", flush=True)
    for size in ("1M/20", "50M/8"):
        for kind in (UPGD, AdaptiveUPGD):
            found = [measure_ahead(SIZES[size][0], kind, least) for least in (10**12, ahead)]
            print(
                f"{size:8}{kind.__name__:15} x Adam, CPU of the thread that trains: noise in the "
                f"step {found[0]:.2f}, drawn ahead {found[1]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
