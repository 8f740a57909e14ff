"""Capture of what torch holds: parameters by their names, hooks by their order, shared memory."""

import numpy as np
import torch
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare


def test_parameter_names_do_not_depend_on_the_order_of_attributes():
    """Optimizer state is keyed alike, whichever way the walk came to the parameters."""

    class Agent:
        def __init__(self, names):
            net = torch.nn.ModuleDict({"actor": torch.nn.Linear(1, 1)})
            torch.nn.init.ones_(net["actor"].weight)
            torch.nn.init.ones_(net["actor"].bias)
            adam = torch.optim.Adam(net.parameters())
            net["actor"](torch.ones(1, 1)).sum().backward()
            adam.step()
            held = {"net": net, "actor": net["actor"], "adam": adam}
            for name in names:
                setattr(self, name, held[name])

    one, two = Agent(["net", "actor", "adam"]), Agent(["adam", "actor", "net"])
    snapshot = capture(one)
    assert not compare(snapshot, capture(two)).mismatches
    assert "adam.state['actor.weight'].exp_avg" in map(str, snapshot)


def test_hooks_are_known_by_their_order_not_by_their_number():
    """Torch numbers hooks by a counter of the process: equal modules still compare equal."""

    def make(*hooks):
        net = torch.nn.Identity()
        for hook in hooks:
            net.register_forward_hook(hook, with_kwargs=hook is max)
        return capture(net)

    assert make(print, max) == make(print, max)
    assert make(print, max) != make(max, print)


def test_memory_shared_between_torch_and_numpy_is_seen():
    """A tensor and the array it was made from are one piece of memory."""
    array = np.zeros(4, np.float32)
    live = {"array": array, "tensor": torch.from_numpy(array)[1:], "other": np.zeros(4)}
    assert capture(live).shared_memory == ((KeyPath(("array",)), KeyPath(("tensor",))),)
