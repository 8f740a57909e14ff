"""Names that files from before the project had one import name still hold.

What was `harness` is this package, what was `algo` is `algo` in it; the modules of both have moved
into rooms since. A module of the user's that has such a name is the user's.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_OURS = __name__.removesuffix(".core.former_names")
_PACKAGES = {"harness": _OURS, "algo": f"{_OURS}.algo"}


def current_target(target: str) -> str:
    """Returns a stored `module:name` under the name its module has today.

    What is no former name of ours, or belongs to the user, is returned as it is.
    """
    module, colon, name = target.partition(":")
    top, _, inner = module.partition(".")
    if top not in _PACKAGES:
        return target
    folder = _folder_of(_PACKAGES[top])
    if folder is None or _is_of_the_user(module, folder):
        return target
    found = _moved(inner, folder)
    return target if found is None else f"{'.'.join([_PACKAGES[top], *found])}{colon}{name}"


def _folder_of(package: str) -> Path | None:
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent


def _is_of_the_user(module: str, ours: Path) -> bool:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # its package is none, or has no such module
        return False
    except Exception:  # whatever a foreign package raises: then it is there
        return True
    if spec is None or spec.origin is None:
        return False
    return not Path(spec.origin).resolve().is_relative_to(ours)


def _moved(inner: str, folder: Path) -> tuple[str, ...] | None:
    """Returns where a module lies below the package: where it did, or the only one of its name."""
    if not inner:
        return ()
    way = tuple(inner.split("."))
    if folder.joinpath(*way).with_suffix(".py").exists():
        return way
    named = [path.relative_to(folder) for path in folder.rglob(f"{way[-1]}.py")]
    return named[0].with_suffix("").parts if len(named) == 1 else None
