"""On a machine with a GPU: the same promises there, and between there and the CPU.

Unverified: no machine of this project has a GPU, so that most of this has only ever been skipped.
What needs none, a file from such a machine on one without, runs everywhere.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from resumeproof.algo import (
    UPGD,
    AdaptiveUPGD,
    DistributionalPPO,
    MismatchedCheckpoint,
    VarianceGradientScaler,
)
from resumeproof.algo.checkpoint import write
from resumeproof.algo.checkpoint.file import container
from resumeproof.algo.saving.tree import run_tree
from torch.nn import Parameter

from tests.algo.runs import SaveAt, poison
from tests.algo.small import make_env, make_model

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
CASES: dict[str, dict[str, Any]] = {
    "quantile": {},
    "categorical": {"critic": "categorical", "critic_kwargs": {"n_atoms": 7}},
    "upgd-gsde": {"optimizer": "upgd", "learning_rate": 0.1, "use_sde": True, "sde_sample_freq": 4},
    "adam": {"optimizer": "adam", "vgs": False, "vgs_kwargs": None},
}


@pytest.fixture
def _deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same kernels with the same order of sums in both runs."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def bits(model: Any) -> dict[str, Any]:
    """Everything learned, every moment and every stream, on the CPU."""
    parts = copy.deepcopy(model.get_parameters())
    found: dict[str, Any] = {}
    for path, leaf in leaves(parts):
        found[path] = leaf.cpu() if isinstance(leaf, torch.Tensor) else leaf
    found |= {f"cuda/{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    found["torch"] = torch.get_rng_state()
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested containers, by its path."""
    if isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


def require_equal(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Equal paths, and equal leaves to the bit."""
    assert set(left) == set(right)
    for path, leaf in left.items():
        same = torch.equal if isinstance(leaf, torch.Tensor) else lambda a, b: a == b
        assert same(leaf, right[path]), path


@needs_gpu
@pytest.mark.usefixtures("_deterministic")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("save_at", [16, 21, 40])
def test_run_on_a_gpu_resumes_exactly_at_any_step(case: str, save_at: int, tmp_path: Path) -> None:
    """Weights, moments, and the streams of both devices are those of the run that went on."""
    options = CASES[case]
    model = make_model(make_env("Pendulum-v1"), device="cuda", **options)
    model.learn(64, SaveAt(save_at, tmp_path / "run"))
    expected = bits(model)
    poison()
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env("Pendulum-v1"), device="cuda")
    assert next(loaded.policy.parameters()).device.type == "cuda"
    loaded.learn(loaded.remaining_timesteps, reset_num_timesteps=False)
    require_equal(expected, bits(loaded))


@needs_gpu
@pytest.mark.usefixtures("_deterministic")
@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_on_a_gpu_goes_on_exactly(make_copy: Callable[[Any], Any]) -> None:
    """Both from the same streams."""
    model = make_model(make_env("Pendulum-v1"), device="cuda").learn(32)
    other = make_copy(model)
    found = []
    for run in (model, other):
        torch.manual_seed(5)
        run.learn(32, reset_num_timesteps=False)
        found.append(bits(run))
    require_equal(*found)


@needs_gpu
@pytest.mark.parametrize(("saved_on", "loaded_on"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_checkpoint_of_one_device_loads_on_another(
    saved_on: str, loaded_on: str, tmp_path: Path
) -> None:
    """The weights are the same bits there, and training goes on."""
    model = make_model(device=saved_on).learn(24)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device=loaded_on)
    for mine, theirs in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert theirs.device.type == loaded_on
        assert torch.equal(mine.cpu(), theirs.cpu())
    loaded.learn(24, reset_num_timesteps=False)
    assert loaded.num_timesteps == 64


@needs_gpu
@pytest.mark.parametrize("kind", [UPGD, AdaptiveUPGD])
def test_kernels_on_a_gpu_follow_those_on_the_cpu(kind: Any) -> None:
    """Without noise, for the operations round alike but for the last bits."""
    generator = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=generator) for shape in ((5, 3), (7,), ())]
    runs = {}
    for device in ("cpu", "cuda"):
        params = [Parameter(value.to(device)) for value in start]
        optimizer = kind(params, lr=0.01, sigma=0.0, seed=3)
        draws = torch.Generator().manual_seed(2)
        for _ in range(20):
            for p in params:
                p.grad = torch.randn(p.shape, generator=draws).to(device)
            optimizer.step()
        runs[device] = [p.detach().cpu() for p in params]
    torch.testing.assert_close(runs["cpu"], runs["cuda"], rtol=1e-4, atol=1e-5)


@needs_gpu
@pytest.mark.parametrize("kind", [UPGD, AdaptiveUPGD])
def test_noise_on_a_gpu_has_a_stream_of_its_own_that_resumes(kind: Any) -> None:
    """It moves with the optimizer, not with torch, and comes back with the state."""
    params = [Parameter(torch.ones(8, device="cuda"))]
    optimizer = kind(params, seed=3, sigma=1.0)

    def step() -> torch.Tensor:
        params[0].grad = torch.ones_like(params[0])
        optimizer.step()
        return params[0].detach().clone()

    step()
    state, weights, device_state = optimizer.state_dict(), params[0].detach().clone(), None
    state = copy.deepcopy(state)
    device_state = torch.cuda.get_rng_state()
    expected = step()
    assert torch.equal(device_state, torch.cuda.get_rng_state())
    optimizer.load_state_dict(state)
    with torch.no_grad():
        params[0].copy_(weights)
    assert torch.equal(step(), expected)


@needs_gpu
def test_scaler_on_a_gpu_keeps_its_averages_there() -> None:
    """And its factor is a number of this process."""
    params = {"w": Parameter(torch.ones(4, device="cuda"))}
    scaler = VarianceGradientScaler(params.items(), torch.optim.Adam(params.values()))
    for sign in (1.0, -1.0):
        params["w"].grad = torch.full((4,), sign, device="cuda")
        assert scaler.step(0.5) == 1.0
    assert scaler.state_dict()["parameters"]["w"]["exp_avg"].device.type == "cuda"


@pytest.fixture
def of_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint as a machine with a GPU would write it; made here by renaming devices."""
    tree = run_tree(make_model().learn(24))
    generators = tree["parts"]["policy.optimizer"]["own"]["generator"]
    generators["cuda:0"] = torch.zeros(16, dtype=torch.uint8)
    tree["parts"]["streams"]["cuda"] = [torch.zeros(16, dtype=torch.uint8)]
    encode = container.encode

    def on_gpu(value: Any) -> Any:
        if isinstance(value, list):
            return [on_gpu(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {
            key: {**inner, "device": "cuda:0"} if key == "$tensor" else on_gpu(inner)
            for key, inner in value.items()
        }

    def encode_there(*args: Any, **kwargs: Any) -> Any:
        value, blocks = encode(*args, **kwargs)
        return on_gpu(value), blocks

    with monkeypatch.context() as patch:
        patch.setattr(container, "encode", encode_there)
        write(tmp_path / "run.zip", tree, kind="DistributionalPPO")
    return tmp_path / "run.zip"


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device must be missing")
def test_model_of_a_gpu_is_not_lost_on_a_machine_without(of_gpu: Path) -> None:
    """It predicts, and trains on afresh; only the exact resume is refused, with the ways out."""
    model = DistributionalPPO.load(of_gpu, device="cpu")
    assert model.predict(make_env().reset(), deterministic=True)[0].shape == (1,)
    afresh = DistributionalPPO.load(of_gpu, env=make_env(), device="cpu", force_reset=True)
    assert afresh.learn(16, reset_num_timesteps=False).num_timesteps == 48
    afresh.set_parameters(of_gpu)
    with pytest.raises(MismatchedCheckpoint, match=r"drew on 1 CUDA devices .*force_reset=True"):
        model.set_env(make_env())
