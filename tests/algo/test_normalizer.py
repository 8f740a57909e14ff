"""The running statistics of returns against numpy on all of the data at once."""

import math

import numpy as np
import pytest
import torch
from resumeproof.algo.maths.normalizer import ReturnNormalizer, conversion

NEVER = 1e300  # no old return fades


def test_update_matches_numpy_on_the_concatenated_data() -> None:
    """Batches of any shape and size merge to the mean and variance of their union."""
    rng = np.random.default_rng(0)
    batches = [rng.normal(3.0, 7.0, shape) for shape in [(1,), (16, 4), (5,), (2, 3, 4), (128, 1)]]
    normalizer = ReturnNormalizer(half_life=NEVER)
    for batch in batches:
        normalizer.update(batch)
    everything = np.concatenate([batch.ravel() for batch in batches])
    assert normalizer.count == everything.size
    assert normalizer.mean == pytest.approx(everything.mean(), rel=1e-12)
    assert normalizer.var == pytest.approx(everything.var(), rel=1e-12)


def test_update_is_accurate_for_a_large_offset() -> None:
    """A variance of order one survives a mean of a hundred million."""
    data = np.random.default_rng(1).normal(1e8, 1.0, 4096)
    normalizer = ReturnNormalizer(half_life=NEVER)
    for batch in np.split(data, 64):
        normalizer.update(batch)
    assert normalizer.var == pytest.approx(data.var(), rel=1e-6)


def test_first_update_replaces_the_initial_statistics() -> None:
    """The identity that holds before any data has no weight afterwards."""
    normalizer = ReturnNormalizer()
    normalizer.update([5.0])
    assert normalizer.state_dict() == {"mean": 5.0, "var": 0.0, "count": 1, "weight": 1.0}


def test_normalizer_is_the_identity_before_the_first_update() -> None:
    """Both directions return every bit unchanged, in single and in double precision."""
    normalizer = ReturnNormalizer()
    for dtype in (torch.float32, torch.float64):
        values = torch.tensor([-1.5, 0.1, 1e-30, 3e7], dtype=dtype)
        assert torch.equal(normalizer.normalize(values), values)
        assert torch.equal(normalizer.denormalize(values), values)
    assert normalizer.state_dict() == {"mean": 0.0, "var": 1.0, "count": 0, "weight": 0.0}


def test_normalize_gives_zero_mean_and_unit_variance() -> None:
    """The data that was seen is standardised."""
    data = np.random.default_rng(2).normal(-40.0, 12.0, 500)
    normalizer = ReturnNormalizer()
    normalizer.update(data)
    normal = normalizer.normalize(torch.from_numpy(data))
    assert normal.mean().item() == pytest.approx(0.0, abs=1e-12)
    assert normal.var(correction=0).item() == pytest.approx(1.0, rel=1e-9)


def test_denormalize_undoes_normalize_for_tensors_and_arrays() -> None:
    """The round trip keeps values, type, shape and dtype."""
    normalizer = ReturnNormalizer()
    normalizer.update(np.array([[1.0, 2.0], [4.0, 9.0]]))
    tensor = torch.tensor([[0.5], [-3.0]])
    back = normalizer.denormalize(normalizer.normalize(tensor))
    torch.testing.assert_close(back, tensor)
    array = tensor.numpy()
    array_back = normalizer.denormalize(normalizer.normalize(array))
    np.testing.assert_allclose(array_back, array, rtol=1e-6)
    assert array_back.dtype == np.float32


def test_normalize_is_finite_for_constant_returns() -> None:
    """A variance of zero divides by the root of epsilon."""
    normalizer = ReturnNormalizer(epsilon=1e-4)
    normalizer.update(np.full(10, 7.0))
    assert normalizer.std == 0.01
    assert normalizer.normalize(torch.tensor([7.0])).item() == 0.0


def test_update_refuses_returns_that_are_not_finite() -> None:
    """The message says how many, and the statistics are unchanged."""
    normalizer = ReturnNormalizer()
    normalizer.update([1.0, 2.0])
    before = normalizer.state_dict()
    with pytest.raises(ValueError, match="expected finite returns, got 2 of 4 that are not"):
        normalizer.update([1.0, float("nan"), float("inf"), 2.0])
    assert normalizer.state_dict() == before


def test_update_refuses_an_empty_array() -> None:
    """There is no mean of nothing."""
    with pytest.raises(ValueError, match="expected at least 1 return, got an empty array"):
        ReturnNormalizer().update(np.zeros((0, 3)))


def test_old_returns_fade_with_the_half_life() -> None:
    """Mean and variance are numpy's with weights that halve every so many returns."""
    rng = np.random.default_rng(4)
    batches = [rng.normal(offset, 2.0, 10) for offset in (0.0, 50.0, -3.0)]
    normalizer = ReturnNormalizer(half_life=10)
    for batch in batches:
        normalizer.update(batch)
    data, weights = np.concatenate(batches), np.repeat([0.25, 0.5, 1.0], 10)
    mean = np.average(data, weights=weights)
    assert normalizer.mean == pytest.approx(mean)
    assert normalizer.var == pytest.approx(np.average((data - mean) ** 2, weights=weights))
    for _ in range(100):
        normalizer.update(batches[0])
    assert normalizer.mean == pytest.approx(batches[0].mean())


def test_conversion_keeps_what_an_output_means() -> None:
    """As a return it is the same before and after the units moved."""
    normalizer, output = ReturnNormalizer(), 0.7
    meant = [normalizer.denormalize(np.array([output]))[0]]
    for batch in ([5.0, 9.0], [-300.0, 2.0, 7.0], [1e6]):
        before = normalizer.units
        normalizer.update(batch)
        scale, shift = conversion(before, normalizer.units)
        output = output * scale + shift
        meant.append(normalizer.denormalize(np.array([output]))[0])
    assert all(math.isclose(value, 0.7, rel_tol=1e-6) for value in meant)
