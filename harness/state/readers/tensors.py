"""torch: tensors, generators, modules and optimizers. Imported only once torch is."""

import ctypes
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils.hooks import RemovableHandle

from ...core.keypath import HISTORY
from ..kind import Kind
from .objects import attributes, dict_getter
from .reading import Child, Data, Facts, Memory, Reader, Reading, Unreadable, refuse

# below this size a copy is cheaper than handing the buffer to the arena
_SMALL = 1 << 14
_string_at = ctypes.string_at
_DTYPES = {  # name of each, and whether its numbers are quantized or complex
    dtype: (str(dtype), str(dtype).startswith("torch.q"), dtype.is_complex)
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype)
}
_STRIDED = torch.strided
_NO_DISPATCH = torch.Tensor.__torch_dispatch__
# older torch has names of dimensions, newer torch a dtype of the gradient
_NAMED = hasattr(torch.Tensor, "has_names")
_GRAD_DTYPE = hasattr(torch.Tensor, "grad_dtype")
_SPARSE = {
    torch.sparse_coo: ("_indices", "_values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
    torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
}


def read_tensor(obj: torch.Tensor) -> Reading:
    """Values, dtype, shape, strides, device, lazy bits, flags; gradient and hooks as children.

    Elements that a strided view skips do not count, nor does where in its memory it starts: what
    shares the memory with it is compared by distance.
    """
    if type(obj) is torch.Tensor or type(obj) is torch.nn.Parameter:
        return _tensor(obj)
    if type(obj).__torch_dispatch__ is not _NO_DISPATCH:
        raise Unreadable("keeps its values where only operations of its own find them")
    # a subclass may override every operation; none of its code runs here
    with torch._C.DisableTorchFunctionSubclass():
        return _tensor(obj)


def _tensor(obj: torch.Tensor) -> Reading:
    dtype, quantized, imaginary = _DTYPES[obj.dtype]
    if obj.layout is not _STRIDED or quantized or obj.is_nested:
        return _sparse(obj)
    leaf, grown = obj.is_leaf, obj.requires_grad
    device = "cpu" if obj.is_cpu else str(obj.device)
    storage = obj.untyped_storage()
    # what other processes write to is another place, though on one device
    where = "cpu shared" if device == "cpu" and storage.is_shared() else device
    lazy = (imaginary and obj.is_conj(), obj.is_neg())
    facts: Facts = (
        "tensor",
        dtype,
        tuple(obj.shape),
        ("strides", *obj.stride(), where, *lazy),
        (grown, leaf),
    )
    data = _data(obj, storage, device, lazy != (False, False))
    return facts, _children(obj, leaf, grown), data


def history_and_hooks(obj: torch.Tensor) -> list[Child]:
    """Gradient, last operation and hooks of a tensor, and what was set on it."""
    return _children(obj, obj.is_leaf, obj.requires_grad)


def _children(obj: torch.Tensor, leaf: bool, grown: bool) -> list[Child]:
    own = obj.__dict__
    children = attributes(own) if own else []
    if leaf:
        if (grad := obj.grad) is not None:
            children.append(("grad", grad))
        if later := obj._post_accumulate_grad_hooks:
            children.append(("_post_accumulate_grad_hooks", _in_turn(later)))
        if grown and _GRAD_DTYPE and (wanted := obj.grad_dtype) is not obj.dtype:
            children.append(("grad_dtype", wanted))
    else:
        children += _history(obj)
    if hooks := obj._backward_hooks:  # an empty one is what unpickling leaves behind
        children.append(("_backward_hooks", _in_turn(hooks)))
    if not grown and obj.is_inference():
        children.append(("<inference>", True))
    if _NAMED and obj.has_names():  # type: ignore[attr-defined]
        children.append(("names", obj.names))  # type: ignore[attr-defined]
    return children


def _in_turn(hooks: dict[int, Any]) -> dict[int, Any]:
    # torch numbers hooks by a counter of the process
    return OrderedDict(enumerate(hooks.values()))


def _history(obj: torch.Tensor) -> list[Child]:
    """The last operation and a gradient that is kept.

    Further back a graph is not walked: no checkpoint holds one, so that what was loaded is a
    leaf, and that shows.
    """
    try:
        name = obj.grad_fn and obj.grad_fn.name()
    except RuntimeError:  # a view that was changed in place while no graph was kept
        name = "broken"
    children: list[Child] = [(HISTORY, name)]
    # the gradient of a tensor that keeps none warns when read
    return [*children, ("grad", obj.grad)] if obj.retains_grad else children


def _data(obj: torch.Tensor, storage: torch.UntypedStorage, device: str, lazy: bool) -> Data | None:
    nbytes = obj.nbytes
    if not nbytes or device == "meta":
        return None
    here = obj.data_ptr()
    memory: Memory = (storage.data_ptr(), storage.nbytes(), here, device)
    if lazy or device != "cpu" or not obj.is_contiguous():
        obj = obj.detach().resolve_conj().resolve_neg().cpu().contiguous()
        return _string_at(obj.data_ptr(), nbytes), memory
    if nbytes > _SMALL:
        return memoryview((ctypes.c_char * nbytes).from_address(here)).cast("B"), memory
    return _string_at(here, nbytes), memory


def _sparse(obj: torch.Tensor) -> Reading:
    if obj.is_quantized or obj.is_nested or obj.layout not in _SPARSE:
        raise Unreadable("has a layout (quantized, nested or of a backend) not read here")
    parts = _SPARSE[obj.layout]
    facts: Facts = ("sparse", str(obj.layout), str(obj.dtype), tuple(obj.shape))
    coalesced = obj.is_coalesced() if obj.layout is torch.sparse_coo else None
    plain = obj.detach()
    # its parts are made anew at each reading: children by value, never by identity
    children = [(part, getattr(plain, part)()) for part in parts]
    flags = (obj.requires_grad, obj.is_leaf, coalesced)
    return (*facts, *flags), [*children, *_children(obj, obj.is_leaf, obj.requires_grad)], None


def _uninitialised(obj: torch.Tensor) -> Reading:
    with torch._C.DisableTorchFunctionSubclass():
        facts = (str(obj.dtype), str(obj.device), obj.requires_grad)
        return ("uninitialised", *facts), _children(obj, True, obj.requires_grad), None


def _generator(obj: torch.Generator) -> Reading:
    state = obj.get_state()
    facts = ("rng", "torch", str(obj.device))
    return facts, (), (_string_at(state.data_ptr(), state.nbytes), None)


def _spelled(obj: object) -> Reading:
    return ("spec", str(obj)), (), None


def _storage(obj: torch.UntypedStorage) -> Reading:
    size, start = obj.nbytes(), obj.data_ptr()
    if obj.device.type != "cpu":
        raise Unreadable("is memory of a device; keep a tensor of it instead")
    added = attributes(obj.__dict__)
    return ("storage", size), added, (_string_at(start, size), (start, size, start, "cpu"))


fields: Any = dict_getter(torch.nn.Module)
_PARTS = ("_parameters", "_buffers", "_modules")


def read_module(obj: torch.nn.Module) -> Reading:
    """A module as one names it: `policy.mlp.0.weight`, with the order of its parts as a fact."""
    return module_reading(fields(obj))


def module_reading(own: dict[str, Any]) -> Reading:
    """As `read_module`, from the attributes of a module, or those that are state."""
    parts: list[Any] = [own.get(name) for name in _PARTS]
    # torch before 2.5 keeps them in an OrderedDict
    plain = all(type(part) is dict or type(part) is OrderedDict for part in parts)
    if not plain or not own.keys().isdisjoint(name for part in parts for name in part):
        # parts in some other mapping, or a name used twice: spelled out, so that none hides
        return ("module_object",), _ranked(own), None
    children = [item for item in _ranked(own) if item[0] not in _PARTS]
    for part in parts:
        children.extend(part.items())
    return ("module_object", *(tuple(part) for part in parts if part is not None)), children, None


def _optimizer(obj: torch.optim.Optimizer) -> Reading:
    """An instance like any other, but for the ids of its hooks."""
    return ("object",), _ranked(obj.__dict__), None


def _ranked(own: dict[str, Any]) -> list[Child]:
    """The attributes of a module or optimizer, its hooks by their rank.

    torch keys hooks by a counter of the process: two equal modules never have the same keys, and
    only the order of registration, over all kinds of hooks together, means anything.
    """
    filled = [value for value in own.values() if type(value) is OrderedDict and value]
    if not filled:
        return attributes(own)
    ids = sorted({key for hooks in filled for key in hooks if type(key) is int})
    rank = {key: place for place, key in enumerate(ids)}
    return [
        (name, OrderedDict((rank.get(key, key), hook) for key, hook in value.items()))
        if type(value) is OrderedDict and value and "hooks" in str(name)
        else (name, value)
        for name, value in attributes(own)
    ]


def _handle(obj: RemovableHandle) -> Reading:
    # without its id, a counter of the process
    return ("handle",), [part for part in attributes(obj.__dict__) if part[0] != "id"], None


def parameter_names(walked: list[object]) -> dict[int, str]:
    """Name of every tensor held by a module, by id.

    The names start at the outermost modules, whichever attribute the walk came by: two captures
    agree on them also where attributes were set in another order.
    """
    kinds = {kind for kind in set(map(type, walked)) if issubclass(kind, torch.nn.Module)}
    modules: list[Any] = [item for item in walked if type(item) in kinds]
    nested = {id(child) for module in modules for child in module._modules.values()}
    # a traced module is a shell: the one inside is what has the names
    nested |= {id(module.__dict__.get("_actual_script_module")) for module in modules}
    names: dict[int, str] = {}
    for root in modules:
        if id(root) in nested:
            continue
        for name, tensor in _named(root):
            known = names.get(id(tensor))
            if known is None or (len(name), name) < (len(known), known):
                names[id(tensor)] = name
    return names


def _named(root: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """As `named_parameters` and `named_buffers` in one, without running code of a subclass."""
    waiting = [("", root)]
    seen = {id(root)}
    for prefix, module in waiting:
        for part in (module._parameters, module._buffers):
            yield from ((prefix + name, item) for name, item in part.items() if item is not None)
        for name, child in module._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                waiting.append((f"{prefix}{name}.", child))


OWN_KINDS = (
    Kind(name="module_object", lists_attributes=True),
    Kind(name="uninitialised"),
    Kind(name="handle"),
)

READERS: dict[type, Reader] = {
    torch.Tensor: read_tensor,
    UninitializedParameter: _uninitialised,
    UninitializedBuffer: _uninitialised,
    torch.Generator: _generator,
    torch.nn.Module: read_module,
    torch.optim.Optimizer: _optimizer,
    RemovableHandle: _handle,
    torch.UntypedStorage: _storage,
    **dict.fromkeys((torch.dtype, torch.device, torch.layout, torch.memory_format), _spelled),
    torch.autograd.graph.Node: refuse("is a part of an autograd graph"),
}
