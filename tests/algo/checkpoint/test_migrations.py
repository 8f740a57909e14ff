"""Files of old formats: each one that was ever written loads, by the steps that came after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from resumeproof.algo.checkpoint import read
from resumeproof.algo.checkpoint.file import migrations as migrations_module

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("format-*.zip"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_golden_file_of_every_format_loads(golden: Path) -> None:
    """The committed files of old formats load to the tree that was saved then."""
    manifest, tree = read(golden)
    assert f"format-{manifest['version']}" == golden.stem
    assert manifest["kind"] == "Golden"
    assert tree.pop("nan").hex() == "nan"
    array, tensor, generator = tree.pop("array"), tree.pop("tensor"), tree.pop("generator")
    np.testing.assert_array_equal(array, np.array([[1, 2], [3, 4]], np.int16), strict=True)
    assert (tensor.dtype, tensor.tolist()) == (torch.bfloat16, [0.5, -2.0])
    assert generator.bit_generator.state == np.random.PCG64(3).state
    assert tree == {
        "steps": 2**70,
        "pairs": {(1, "a"): b"x", None: -0.0},
        "shared": [[1, 2], [1, 2]],
    }
    assert tree["shared"][0] is tree["shared"][1]


def test_every_old_version_has_a_migration() -> None:
    """Each version before the present one has its step, and a golden file."""
    present = migrations_module.FORMAT_VERSION
    assert set(migrations_module.MIGRATIONS) == set(range(1, present))
    golden = {f"format-{version}.zip" for version in range(1, present + 1)}
    assert golden == {path.name for path in GOLDEN}


def test_migrations_run_in_order() -> None:
    """A tree of an old version goes through every step after it, and no other."""
    steps = {1: lambda tree: [*tree, "1 to 2"], 2: lambda tree: [*tree, "2 to 3"]}
    assert migrations_module.migrate([], 1, steps=steps, target=3) == ["1 to 2", "2 to 3"]
    assert migrations_module.migrate([], 2, steps=steps, target=3) == ["2 to 3"]
