"""Facts of functions, methods, iterators and references. Rows as in `test_hidden_facts`."""

import collections
import functools
import operator
import sys
import types
import weakref
from types import SimpleNamespace

import numpy as np

from tests.harness.hidden.rows import EXTRA, attribute, doing, other, sub


class Plain:
    """An object that can be hashed and weakly referenced."""

    def add(self, *numbers):
        """Any number of numbers."""

    one = functools.partialmethod(add, 1)

    @functools.lru_cache(maxsize=4)  # noqa: B019 (that it outlives the instance is the point)
    def remembered(self):
        """A method with a memory of the process."""


def function(default=1, *, keyword=2):
    """A function with a cell and a default of each kind."""
    cell = [0]

    def inner(first=default, *, second=keyword):
        return cell, first, second

    return inner


def grown(live):
    """What the cell of such a function holds has changed."""
    live.__closure__[0].cell_contents.append(1)


def body(text):
    """Makes functions of one name, each with a body of its own."""
    return lambda: eval(f"lambda x=0, *rest: {text}")


def cached(*calls, size=8):
    """Makes a function that remembers answers it could not give again."""

    def made():
        answers = dict(calls)

        @functools.lru_cache(maxsize=size)
        def draw(*at, **options):
            return answers.pop(at[0])

        for call, _ in calls:
            draw(call, key=1)
        return draw

    return made


def namespaced(value):
    """Makes a function whose globals are no module's."""

    def made():
        space = {"__name__": "nowhere", "held": [value], "unused": object()}
        exec("def look():\n    return [held for _ in held]", space)
        return space["look"]

    return made


def stateful():
    """A function that holds nothing but an attribute."""
    return with_attribute(lambda: lambda: 0)()


def twice(make):
    """Makes two names of one object; see `parted`."""
    return lambda: [make()] * 2


def parted(make):
    """Two names of two equal objects."""
    return other(lambda: [make(), make()])


def with_attribute(make):
    """Makes the same with an attribute."""

    def made():
        live = make()
        live.extra = 1
        return live

    return made


def weak(make):
    """Makes a weak collection of an object that is held beside it."""

    def made():
        held = [Plain()]
        return SimpleNamespace(held=held, weak=make(held[0]))

    return made


def let_go(live):
    """Nothing holds the object any longer."""
    live.held[0] = None


FUNCTIONS = {
    "default": (function, attribute("__defaults__", (5,))),
    "no default": (function, attribute("__defaults__", None)),
    "keyword default": (function, lambda it: it.__kwdefaults__.update(second=5)),
    "cell": (function, grown),
    "attribute of a function": (function, EXTRA),
    "one function with state": (twice(stateful), parted(stateful)),
    "body": (function, lambda it: setattr(it, "__code__", (lambda: it).__code__)),
    "constant": (body("x + 1"), other(body("x + 2"))),
    "type of a constant": (body("x + 1"), other(body("x + True"))),
    "zero of a constant": (body("x + 0.0"), other(body("x + -0.0"))),
    "zero in a tuple": (body("x + (0.0,)"), other(body("x + (-0.0,)"))),
    "frozenset": (body("x in {1, 2}"), other(body("x in {1, 3}"))),
    "type in a frozenset": (body("x in {1, 2}"), other(body("x in {True, 2}"))),
    "code in code": (body("lambda: 1"), other(body("lambda: 2"))),
    "frozenset in code in code": (
        body("[lambda: x in {1, 'a'}]"),
        other(body("[lambda: x in {1, 'b'}]")),
    ),
    "name in a body": (body("x.a"), other(body("x.b"))),
    "parameters": (lambda: lambda x: x, other(lambda: lambda *x: x)),
    "name of a parameter": (lambda: lambda x: 1, other(lambda: lambda y: 1)),
    "positional parameter": (lambda: lambda x: x, other(lambda: lambda x, /: x)),
    "global of no module": (namespaced(1), other(namespaced(2))),
    "lru_cache": (cached(), EXTRA),
    "filled": (cached(), other(cached((1, 1.0)))),
    "answer": (cached((1, 1.0)), other(cached((1, 2.0)))),
    "question": (cached((1, 1.0)), other(cached((2, 1.0)))),
    "order of answers": (
        cached((1, 1.0), (2, 1.0)),
        other(cached((2, 1.0), (1, 1.0))),
    ),
    "answer without limit": (cached((1, 1.0), size=None), other(cached((1, 2.0), size=None))),
    "one memory": (twice(cached()), parted(cached())),
    "bound method": (lambda: collections.Counter(a=1).keys, lambda it: it.__self__.update("a")),
    "self of a method": (lambda: Plain().add, lambda it: setattr(it.__self__, "x", 1)),
    "partial": (lambda: functools.partial(max, 1), EXTRA),
    "argument": (lambda: functools.partial(max, [1]), lambda it: it.args[0].append(1)),
    "keyword": (lambda: functools.partial(max, k=1), lambda it: it.keywords.update(k=2)),
    "attribute named as an argument": (
        with_attribute(lambda: functools.partial(max, 1)),
        lambda it: it.__dict__.update(args=(2,)),
    ),
    "partialmethod": (
        lambda: Plain.__dict__["one"],
        other(lambda: functools.partialmethod(Plain.add, 2)),
    ),
    "super": (lambda: super(Plain, Plain()), lambda it: setattr(it.__self__, "x", 1)),
    "property": (lambda: property(function()), lambda it: grown(it.fget)),
    "subclass of property": (sub(property), EXTRA),
    "staticmethod": (lambda: staticmethod(function()), EXTRA),
    "classmethod": (lambda: classmethod(function()), EXTRA),
    "itemgetter": (lambda: operator.itemgetter(1), other(lambda: operator.itemgetter(True))),
    "item of a getter": (
        lambda: operator.itemgetter((float("nan"), [])),
        other(lambda: operator.itemgetter((float("-nan"), []))),
    ),
    "attrgetter": (lambda: operator.attrgetter("a"), other(lambda: operator.attrgetter("b"))),
    "module of no program": (lambda: types.ModuleType("made"), EXTRA),
    "vectorized": (lambda: np.vectorize(function()), lambda it: grown(it.pyfunc)),
}
REFERENCES = {
    "list iterator": (lambda: iter([1, 2]), doing(next)),
    "tuple iterator": (lambda: iter((1, 2)), doing(next)),
    "range iterator": (lambda: iter(range(2)), doing(next)),
    "reversed": (lambda: reversed([1, 2]), doing(next)),
    "source of an iterator": (lambda: iter([1, 2]), other(lambda: iter([1, 3]))),
    "weak reference": (weak(weakref.ref), let_go),
    "callback": (weak(lambda it: weakref.ref(it, function())), lambda it: called_back(it.weak)),
    "subclass of ref": (weak(lambda it: sub(weakref.ref, it)()), lambda it: EXTRA(it.weak)),
    "WeakMethod": (weak(lambda it: weakref.WeakMethod(it.add)), let_go),
    "WeakKeyDictionary": (
        weak(lambda it: weakref.WeakKeyDictionary({it: [1]})),
        lambda it: next(iter(it.weak.values())).append(2),
    ),
    "key let go": (weak(lambda it: weakref.WeakKeyDictionary({it: 1})), let_go),
    "value let go": (weak(lambda it: weakref.WeakValueDictionary(a=it)), let_go),
    "WeakSet": (weak(lambda it: weakref.WeakSet([it])), let_go),
    "finalizer": (weak(lambda it: weakref.finalize(it, print)), lambda it: it.weak.detach()),
}


def called_back(reference):
    """What the callback of a weak reference holds has changed."""
    grown(reference.__callback__)


FACTS = {**FUNCTIONS, **REFERENCES}
NOT_STATE = {
    "memory of a method of a class": (Plain, doing(Plain.remembered)),
    "documentation of a function": (function, attribute("__doc__", "other")),
    "annotations of a function": (function, lambda it: it.__annotations__.update(x=int)),
    "hits of a memory": (cached((1, 1.0)), doing(lambda it: it(1, key=1))),
    "attribute of a class": (lambda: type("Made", (), {}), EXTRA),
    "module of the program": (lambda: sys.modules[__name__], EXTRA),
}
REFUSED = {
    "frame": sys._getframe,
    "dict keys": lambda: {1: 1}.keys(),
    "methodcaller": lambda: operator.methodcaller("a"),
    "comparison": lambda: functools.cmp_to_key(max)(1),
}
