"""A mode of torch's dispatcher that notes what each operation was given, and what it gave."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, final

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..core.frames import is_foreign
from ..trial.session import Stop
from .attribution import Operation

_PLAIN = (bool, int, float, complex, str)
Call: TypeAlias = tuple[str, bytes, bytes]
"""Name of an operation, what it was given and what it gave, the last two as digests."""


@final
class Recorded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operations within its block, or ends it at the first that differs from notes.

    Args:
        expected: the notes of an earlier run; None to take some.

    Attributes:
        calls: the notes.
        found: the first operation that differs from those expected.
    """

    def __init__(self, expected: Sequence[Call] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.expected = expected
        self.calls: list[Call] = []
        self.found: Operation | None = None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls the operation, and notes it.

        Raises:
            Stop: it differs from what is expected.
        """
        given = _digest((args, dict(kwargs or {})))
        result = func(*args, **(kwargs or {}))
        call = str(func), given, _digest(result)
        if self.expected is not None:
            self._require_same(call)
        self.calls.append(call)
        return result

    def _require_same(self, call: Call) -> None:
        number = len(self.calls)
        expected = (self.expected or ())[number : number + 1]
        if expected and expected[0] == call:
            return
        given = not expected or expected[0][:2] != call[:2]
        self.found = Operation(name=call[0], call=number + 1, given=given, where=_where())
        raise Stop


def _digest(values: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for value in tree_leaves(values):
        for part in _parts(value):
            digest.update(part)
    return digest.digest()


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, _PLAIN):
        yield repr(value).encode()
    elif isinstance(value, torch.Tensor) and value.layout is torch.strided and value.numel():
        yield repr((value.dtype, value.shape)).encode()
        with torch.utils._python_dispatch._disable_current_modes():
            plain = value.detach().resolve_conj().resolve_neg().contiguous().cpu()
            yield plain.reshape(-1).view(torch.uint8).numpy().tobytes()


def _where() -> str:
    """The innermost place of the user's code that is running, otherwise the innermost foreign."""
    frame: Any = sys._getframe(1)
    first = ""
    while frame is not None:
        code = frame.f_code
        if is_foreign(code.co_filename):
            place = f"{code.co_name}, {code.co_filename}:{frame.f_lineno}"
            if "site-packages" not in code.co_filename:
                return place
            first = first or place
        frame = frame.f_back
    return first
