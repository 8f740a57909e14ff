"""The step of UPGD and AdaptiveUPGD against torch's Adam and the per-tensor loop, side by side.

Process CPU time on one thread; the subjects of a round run one after another, and a ratio is the
median of the per-round ratios. Run it with ``python benchmarks/upgd.py``.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD

LR, WEIGHT_DECAY, BETA_UTILITY, SIGMA, BETAS, EPS = 1e-3, 1e-3, 0.999, 1e-3, (0.9, 0.999), 1e-5

# name: (shapes, steps a round, rounds, goal: step over per-tensor loop)
SIZES = {
    "9k/12": ([(64, 4), (64,), (64, 64), (64,), (2, 64), (2,)] * 2, 50, 15, 0.55),
    "1M/20": ([(320, 320), (320,)] * 9 + [(320, 250), (320,)], 4, 11, 0.75),
    "50M/8": ([(3535, 3535), (3535,)] * 4, 1, 5, 0.55),
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


def main() -> None:
    """Print one row for each size and optimizer."""
    torch.set_num_threads(1)
    print(
        f"{'size':8}{'optimizer':15}{'us/step':>10}{'x Adam':>8}{'x loop':>8}{'goal':>8}  verdict"
    )
    for size, (shapes, steps, rounds, goal) in SIZES.items():
        times = measure(build(shapes), steps, rounds)
        for name in ("UPGD", "AdaptiveUPGD"):
            own = statistics.median(row[name] for row in times)
            adam = statistics.median(row[name] / row["Adam"] for row in times)
            loop = statistics.median(row[name] / row[f"{name} loop"] for row in times)
            verdict = "reached" if loop <= goal else "missed"
            print(
                f"{size:8}{name:15}{own * 1e6:10.0f}{adam:8.2f}{loop:8.2f}{goal:8.2f}  {verdict}",
                flush=True,
            )


if __name__ == "__main__":
    main()
