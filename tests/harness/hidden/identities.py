"""Facts of tables that know objects by their `id()`, or weakly. Rows as in `test_hidden_facts`."""

import weakref
from types import SimpleNamespace

import torch
from torch import nn

from tests.harness.hidden.rows import item


class Node:
    """An object that can be weakly referenced and hashed."""

    def __init__(self, number):
        self.number = number


def nodes(index):
    """Makes three objects and a table of them."""

    def made():
        held = [Node(number) for number in range(3)]
        return SimpleNamespace(held=held, index=index(held))

    return made


def layers(index):
    """Makes a module and a table of its parameters."""

    def made():
        net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        for parameter in net.parameters():
            nn.init.ones_(parameter)
        return SimpleNamespace(net=net, index=index(list(net.parameters())))

    return made


def renewed(live):
    """One of the objects is another one, which the table does not know."""
    KEPT.append(live.held[0])
    live.held[0] = Node(0)


def swapped(live):
    """The objects stand in another order, and the table still knows each."""
    live.held.reverse()
    for number, node in enumerate(live.held):
        node.number = number


KEPT = []
TABLES = {
    "dict": lambda held: {id(node): place for place, node in enumerate(held)},
    "dict of states": lambda held: {id(node): [place] for place, node in enumerate(held)},
    "list": lambda held: [id(node) for node in held],
    "set": lambda held: {id(node) for node in held},
    "tuples": lambda held: {(id(node), "step"): 0 for node in held},
    "tuple of two": lambda held: {(id(held[0]), id(held[1])): 0},
    "attribute": lambda held: SimpleNamespace(first=id(held[0])),
    "values": lambda held: {"first": id(held[0])},
    "nested": lambda held: {id(held[0]): {id(held[1]): 0}},
    "weak set": weakref.WeakSet,
    "weak keys": lambda held: weakref.WeakKeyDictionary({node: [0] for node in held}),
    "weak values": lambda held: weakref.WeakValueDictionary(enumerate(held)),
}
FACTS = {
    **{f"{name} of stale objects": (nodes(table), renewed) for name, table in TABLES.items()},
    **{
        f"{name} in another order": (nodes(table), swapped)
        for name, table in TABLES.items()
        if name not in ("set", "weak set", "tuples", "weak values", "weak keys")
    },
    "state of a parameter": (
        layers(lambda held: {id(part): torch.zeros(2) for part in held}),
        lambda live: next(iter(live.index.values())).add_(1),
    ),
    "key of a parameter": (
        layers(lambda held: {id(part): 0 for part in held[:1]}),
        lambda live: live.index.update({id(live.net[1].weight): live.index.popitem()[1]}),
    ),
    "number beside an id": (nodes(lambda held: [id(held[0]), 1]), lambda it: item(1, 2)(it.index)),
    "number in place of an id": (
        nodes(lambda held: [id(held[0])]),
        lambda it: item(0, 1)(it.index),
    ),
    "object that only its table holds": (
        lambda: {id(node): node for node in map(Node, range(3))},
        lambda live: setattr(next(iter(live.values())), "number", 5),
    ),
}
NOT_STATE = {
    **{
        f"ids of the process, {name}": (nodes(table), lambda live: KEPT.append(live))
        for name, table in TABLES.items()
    },
    "ids of parameters": (
        layers(lambda held: {id(part): 0 for part in held}),
        lambda live: KEPT.append(live),
    ),
}
