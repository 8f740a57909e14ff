"""Models of TorchScript: their state is in C++, which tells it by name."""

import re
from typing import Any

import torch

from ..reading import Child, Reader, Reading
from ..tensors import fields

# torch numbers the classes it makes by a counter of the process
_MANGLED = re.compile(r"\.?___torch_mangle_\d+")
_C: Any = torch._C  # its types are published in part
_ACTUAL = "_actual_script_module"


def _module(obj: torch.jit.ScriptModule) -> Reading:
    """Parameters, buffers, attributes and parts by name; its code is code."""
    own = fields(obj)
    if _ACTUAL in own:  # an instance of a class of Python, or what was traced
        return ("script module", ""), ((_ACTUAL, own[_ACTUAL]),), None
    held = own["_c"]
    children: list[Child] = [*_C.ParameterDict(held).items(), *_C.BufferDict(held).items()]
    known = {name for name, _ in children}
    children += [(name, held.getattr(name)) for name in _attributes(held) if name not in known]
    children += own["_modules"].items()
    name = _MANGLED.sub("", held._type().qualified_name())
    return ("script module", name), children, None


def _attributes(held: Any) -> list[str]:
    kind = _C.ConcreteModuleType.from_jit_type(held._type())
    return sorted(kind.get_attributes())


def _function(obj: Any) -> Reading:
    return ("builtin", _MANGLED.sub("", obj.qualified_name), _MANGLED.sub("", obj.code)), (), None


READERS: dict[type, Reader] = {
    torch.jit.ScriptModule: _module,
    torch._C.ScriptFunction: _function,
}
