"""Models under `torch.compile`: the original is read, what a compiler remembers is not."""

from torch._dynamo.eval_frame import OptimizedModule

from ..reading import Reader, Reading
from ..tensors import fields, module_reading

_OF_THE_COMPILER = frozenset({"dynamo_ctx", "forward", "_forward", "get_compiler_config"})


def _optimized(obj: OptimizedModule) -> Reading:
    own = fields(obj)
    return module_reading({name: own[name] for name in own if name not in _OF_THE_COMPILER})


READERS: dict[type, Reader] = {OptimizedModule: _optimized}
