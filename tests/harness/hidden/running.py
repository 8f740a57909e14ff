"""Facts of what is half-way: iterators, generators, queues. Rows as in `test_hidden_facts`."""

import array
import collections
import concurrent.futures
import contextvars
import decimal
import itertools
import queue
import random
import threading
import weakref
from types import SimpleNamespace

import numpy as np

from tests.harness.hidden.rows import EXTRA, attribute, doing, other, sub


class Indexed:
    """A sequence by its items alone."""

    def __getitem__(self, at):
        """Three of them."""
        return [1, 2, 3][at]

    def __len__(self):
        """Three."""
        return 3


class Plain:
    """An object that can be weakly referenced."""


def numbers(limit, total=0):
    """A generator with variables, a cell, and a loop whose iterator no variable holds."""
    grown = lambda: total  # noqa: E731 (a cell is wanted)
    for number in range(limit):
        total += number
        yield grown()


def deep(source):
    """A generator that waits for another one, inside a `with` and a `try`."""
    try:
        with threading.Lock():
            yield from (2 * part for part in source)
    finally:
        source.append(0)


def catching(problem):
    """A generator that stops where it handles an error."""
    try:
        raise problem
    except ValueError:
        yield 1
        yield 2


def listing(number):
    """A generator whose variables are in a dict that others hold."""
    held = dict(locals())
    yield held
    yield locals()


def twins(first):
    """Two loops that stand at one instruction with other iterators."""
    while True:
        for part in first:
            yield part + 1


def moved(make, times=1):
    """Makes an iterator that has been asked some times."""

    def made():
        live = make()
        for _ in range(times):
            next(live)
        return live

    return made


def begun(function, *args):
    """Starts a coroutine, which then waits."""

    def made():
        live = function(*args)
        live.send(None)
        KEPT.append(live)  # one that is let go half-way warns
        return live

    return made


KEPT = []


class Pause:
    """What a coroutine waits for."""

    def __await__(self):
        """Twice."""
        yield 1
        yield 2


async def waiting(number):
    """A coroutine that waits."""
    await Pause()
    return number


async def giving(number):
    """An asynchronous generator."""
    yield number


ITERATORS = {
    "count": lambda: itertools.count(5),
    "count of fractions": lambda: itertools.count(0.5, 0.25),
    "great count": lambda: itertools.count(2**70, -1),
    "cycle": lambda: itertools.cycle([1, 2]),
    "second round of a cycle": moved(lambda: itertools.cycle([1, 2]), 3),
    "chain": lambda: itertools.chain([1, 2], [3]),
    "chain of an iterable": lambda: itertools.chain.from_iterable(iter([[1, 2], [3]])),
    "islice": lambda: itertools.islice([1, 2, 3], 1, 3),
    "product": lambda: itertools.product([1, 2], [3, 4]),
    "begun product": moved(lambda: itertools.product("ab", repeat=3), 3),
    "permutations": lambda: itertools.permutations([1, 2, 3], 2),
    "begun permutations": moved(lambda: itertools.permutations([1, 2, 3])),
    "combinations": moved(lambda: itertools.combinations([1, 2, 3], 2)),
    "combinations with replacement": moved(
        lambda: itertools.combinations_with_replacement([1, 2, 3], 2)
    ),
    "repeat": lambda: itertools.repeat(1, 2),
    "tee": lambda: itertools.tee([1, 2])[0],
    "second part of a tee": moved(lambda: itertools.tee(range(100))[0], 57),
    "groupby": lambda: itertools.groupby([1, 1, 2]),
    "group": lambda: next(itertools.groupby([1, 1, 2]))[1],
    "accumulate": lambda: itertools.accumulate([1, 2], initial=3),
    "compress": lambda: itertools.compress([1, 2, 3], [1, 0, 1]),
    "dropwhile": lambda: itertools.dropwhile(bool, [1, 0, 2]),
    "takewhile": lambda: itertools.takewhile(bool, [1, 2]),
    "filterfalse": lambda: itertools.filterfalse(None, [0, 0]),
    "starmap": lambda: itertools.starmap(max, [(1, 2), (3, 4)]),
    "pairwise": lambda: itertools.pairwise([1, 2, 3]),
    "zip_longest": lambda: itertools.zip_longest([1, 2], [3], fillvalue=4),
    "enumerate": lambda: enumerate([1, 2]),
    "zip": lambda: zip([1, 2], [3, 4], strict=True),
    "map": lambda: map(str, [1, 2]),
    "filter": lambda: filter(None, [1, 2]),
    "dict iterator": lambda: iter({1: 1, 2: 1}),
    "reversed dict": lambda: reversed({1: 1, 2: 1}),
    "values iterator": lambda: iter({1: 1, 2: 1}.values()),
    "items iterator": lambda: iter({1: 1, 2: 1}.items()),
    "OrderedDict iterator": lambda: iter(collections.OrderedDict(a=1, b=2)),
    "set iterator": lambda: iter({1, 2}),
    "deque iterator": lambda: iter(collections.deque([1, 2])),
    "reversed deque": lambda: reversed(collections.deque([1, 2])),
    "bytes iterator": lambda: iter(b"ab"),
    "bytearray iterator": lambda: iter(bytearray(b"ab")),
    "str iterator": lambda: iter("ab"),
    "iterator of wide text": lambda: iter("\u00e4b"),
    "iterator of items": lambda: iter(Indexed()),
    "reversed items": lambda: reversed(Indexed()),
    "great range": lambda: iter(range(2**70, 2**70 + 2)),
    "flat iterator": lambda: np.zeros((2, 2)).flat,
    "enumerated array": lambda: np.ndenumerate(np.zeros((2, 2))),
    "iterator of an array": lambda: iter(array.array("d", [1, 2])),
    "subclass of zip": sub(zip, [1, 2]),
    "generator": lambda: numbers(5),
    "begun generator": moved(lambda: numbers(5)),
    "generator in a generator": moved(lambda: deep([1, 2, 3])),
    "generator in an error": moved(lambda: catching(ValueError(1))),
    "generator expression": moved(lambda: (x for x in (y + 1 for y in [1, 2, 3]))),
    "generator that lists its variables": moved(lambda: listing(1)),
    "generator over a counter": lambda: twins(itertools.count()),
}
SOURCES = {
    "source of a zip": (lambda: zip([1, 2]), other(lambda: zip([1, 3]))),
    "strictness of a zip": (lambda: zip([1], strict=True), other(lambda: zip([1]))),
    "function of a map": (lambda: map(str, [1]), other(lambda: map(repr, [1]))),
    "step of a count": (lambda: itertools.count(1), other(lambda: itertools.count(1, 2))),
    "type of a count": (lambda: itertools.count(1), other(lambda: itertools.count(1.0))),
    "repeated for ever": (lambda: itertools.repeat(1), other(lambda: itertools.repeat(1, 3))),
    "iterator of a call": (lambda: iter(random.random, 1.0), other(lambda: iter(random.random, 2))),
    "argument of a generator": (lambda: numbers(5), other(lambda: numbers(6))),
    "variable of a generator": (moved(lambda: numbers(5, 1)), other(moved(lambda: numbers(5, 2)))),
    "iterator of a generator": (
        moved(lambda: twins([1, 2])),
        other(moved(lambda: twins([1, 3]))),
    ),
    "code of a generator": (
        lambda: (x for x in [1]),
        other(lambda: (2 * x for x in [1])),
    ),
    "finished generator": (lambda: numbers(1), doing(list)),
    "error of a generator": (
        moved(lambda: catching(ValueError(1))),
        other(moved(lambda: catching(ValueError(2)))),
    ),
    "two names of one iterator": (lambda: [iter([1])] * 2, other(lambda: [iter([1]), iter([1])])),
    "tee of one source": (
        lambda: list(itertools.tee(iter([1, 2]))),
        other(lambda: [itertools.tee(iter([1, 2]))[0] for _ in range(2)]),
    ),
    "coroutine": (begun(waiting, 1), other(begun(waiting, 2))),
    "position of a coroutine": (begun(waiting, 1), doing(lambda it: it.send(None))),
    "asynchronous generator": (lambda: giving(1), other(lambda: giving(2))),
}


def filled(make, *items):
    """Makes a queue that holds something."""

    def made():
        live = make()
        for part in items:
            live.put(part)
        return live

    return made


def executor():
    """An executor that has no thread yet, and a settings change that counts."""
    return concurrent.futures.ThreadPoolExecutor(2, initializer=print, initargs=([1],))


class Local(threading.local):
    """One with a beginning of its own."""

    def __init__(self, start):
        self.value = start


def variable(*value):
    """Makes a context variable, and gives it a value."""

    def made():
        live = contextvars.ContextVar("x", default=0)
        for given in value:
            live.set(given)
        return live

    return made


def context(value):
    """Makes a context in which a variable has a value."""

    def made():
        live = contextvars.Context()
        live.run(VARIABLE.set, value)
        return live

    return made


VARIABLE = contextvars.ContextVar("number")


def proxied(make=Plain):
    """A weak proxy of an object that is held beside it."""
    held = [make()]
    return SimpleNamespace(held=held, weak=weakref.proxy(held[0]))


def ended():
    """A thread that has run."""
    live = threading.Thread(target=print, args=([1],), kwargs={"end": ""})
    live.start()
    live.join()
    return live


SHARED = {
    "flag of an event": (threading.Event, lambda it: it.set()),
    "value of a semaphore": (threading.Semaphore, doing(lambda it: it.acquire())),
    "bound of a semaphore": (
        lambda: threading.BoundedSemaphore(2),
        lambda it: setattr(it, "_initial_value", 3),
    ),
    "parties of a barrier": (lambda: threading.Barrier(1), other(lambda: threading.Barrier(2))),
    "one lock": (lambda: [threading.Lock()] * 2, other(lambda: [threading.Lock() for _ in "ab"])),
    "lock of a condition": (
        lambda: [threading.Condition(lock := threading.Lock()), lock],
        other(lambda: [threading.Condition(threading.Lock()), threading.Lock()]),
    ),
    "attribute of a condition": (threading.Condition, EXTRA),
    "queue": (filled(queue.Queue, 1), doing(lambda it: it.put(2))),
    "order of a queue": (filled(queue.Queue, 1, 2), other(filled(queue.Queue, 2, 1))),
    "size of a queue": (queue.Queue, other(lambda: queue.Queue(3))),
    "work of a queue": (filled(queue.Queue, 1), doing(lambda it: it.task_done())),
    "stack": (filled(queue.LifoQueue, 1), doing(lambda it: it.get())),
    "ranked queue": (filled(queue.PriorityQueue, (2, "a")), doing(lambda it: it.put((1, "b")))),
    "simple queue": (filled(queue.SimpleQueue, [1], [2]), doing(lambda it: it.get())),
    "item of a simple queue": (
        lambda: [part := [1], filled(queue.SimpleQueue, part)()],
        lambda it: it[0].append(2),
    ),
    "filled simple queue": (queue.SimpleQueue, doing(lambda it: it.put(None))),
    "workers of an executor": (
        executor,
        other(lambda: concurrent.futures.ThreadPoolExecutor(3, initializer=print, initargs=([1],))),
    ),
    "argument of an executor": (executor, lambda it: it._initargs[0].append(2)),
    "closed executor": (executor, doing(lambda it: it.shutdown())),
    "result of a future": (concurrent.futures.Future, doing(lambda it: it.set_result([1]))),
    "error of a future": (concurrent.futures.Future, doing(lambda it: it.set_exception(OSError()))),
    "argument of a thread": (
        lambda: threading.Thread(target=print, args=([1],)),
        lambda it: it._args[0].append(1),
    ),
    "daemon": (threading.Thread, attribute("daemon", True)),
    "thread that is over": (ended, other(lambda: threading.Thread(target=print))),
    "attribute of a thread": (threading.Thread, EXTRA),
    "local of a thread": (threading.local, EXTRA),
    "value in a local": (lambda: Local([1]), lambda it: it.value.append(2)),
    "context variable": (variable(), lambda it: it.set(0) and None),
    "value of a variable": (lambda: variable([1])(), lambda it: it.get().append(2)),
    "context": (context(1), other(context(2))),
    "context of decimals": (decimal.Context, attribute("prec", 5)),
    "trap of decimals": (decimal.Context, lambda it: it.traps.update({decimal.Inexact: True})),
    "weak proxy": (proxied, lambda it: it.held.clear()),
}
FACTS = {
    **{name: (make, doing(next)) for name, make in ITERATORS.items()},
    **SOURCES,
    **SHARED,
}
NOT_STATE = {
    "held lock": (threading.Lock, doing(lambda it: it.acquire())),
    "held recursive lock": (threading.RLock, doing(lambda it: it.acquire())),
    "name of a thread": (threading.Thread, attribute("name", "other")),
    "threads of an executor": (
        executor,
        doing(lambda it: it.submit(len, "").result()),
    ),
    "second proxy": (
        proxied,
        lambda it: SimpleNamespace(held=it.held, weak=weakref.proxy(it.held[0], print)),
    ),
}
REFUSED = {
    "running thread": lambda: started(),
    "running generator": lambda: running(),
    "token": lambda: VARIABLE.set(1),
}


def started():
    """A thread that runs until the end of the program."""
    live = threading.Thread(target=threading.Event().wait, daemon=True)
    live.start()
    return live


def running():
    """A thread's generator, which waits for ever."""

    def forever():
        threading.Event().wait()
        yield

    live = forever()
    threading.Thread(target=next, args=(live,), daemon=True).start()
    while not live.gi_running:
        pass
    return live
