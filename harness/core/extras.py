"""What is installed only on request, and the line that installs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import final

from .errors import HarnessError

EXTRA_OF: Mapping[str, str] = MappingProxyType(
    {
        "gymnasium": "sb3",
        "safetensors": "sb3",
        "stable_baselines3": "sb3",
        "hypothesis": "test",
        "pytest": "test",
        "jinja2": "report",
        "rich": "report",
    }
)
"""Package -> the extra of ours that brings it."""

INSTALL = """\
installation:
  pip install resumeproof           loops and components; needs torch and numpy only
  pip install "resumeproof[sb3]"    Stable-Baselines3 algorithms, and resumeproof.algo
  pip install "resumeproof[test]"   pytest, generated scenarios (Hypothesis), workers (xdist)
  pip install "resumeproof[report]" reports as pages and tables
  pip install "resumeproof[all]"    all of these
"""


@final
class MissingExtra(HarnessError, ImportError):
    """You see it when something is used whose packages were not installed with resumeproof.

    What to do: run the `pip install` line of the message.
    """

    def __init__(self, package: str, what: str) -> None:
        super().__init__(
            f"expected the package {package} for {what}, got none installed: "
            f'pip install "resumeproof[{EXTRA_OF[package]}]"'
        )
        self.name = package


@contextmanager
def needing_extras(what: str) -> Iterator[None]:
    """Turns the error of an import that lacks a package of an extra into one that says so.

    Args:
        what: is used, as the user calls it.

    Raises:
        MissingExtra: a package that an extra brings is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        raise MissingExtra(package, what) from error
