"""Threads and what they share, and what depends on the thread that asks.

Locks hold no state of a run, queues and executors do. A thread that runs cannot be read.
"""

import _thread
import contextvars
import decimal
import queue
import sys
import threading
import weakref
from concurrent.futures.thread import ThreadPoolExecutor
from gc import get_referents
from typing import Any

from ...kind import Kind, Members, Pairs
from ..objects import attributes
from ..reading import Child, Reader, Reading, Unreadable, Unsteady

# names, ids and handles of the operating system: each thread of a process has others
_OF_THE_PROCESS = frozenset({"_name", "_ident", "_native_id", "_tstate_lock", "_handle", "_stderr"})
# an executor makes its threads when it needs them
_OF_THE_EXECUTOR = frozenset(
    {"_threads", "_idle_semaphore", "_shutdown_lock", "_thread_name_prefix", "_broken"}
)


def _lock(obj: Any) -> Reading:
    """No state of a run: between two steps nobody holds it, or a thread of its own that runs on."""
    return ("lock",), (), None


def _condition(obj: threading.Condition) -> Reading:
    """Its lock, which others may share; who waits for it are threads."""
    own = obj.__dict__
    added = [item for item in attributes(own) if item[0] not in _CONDITION]
    return ("lock", "condition"), [("_lock", own["_lock"]), *added], None


_CONDITION = frozenset(vars(threading.Condition()))


def _thread_object(obj: threading.Thread) -> Reading:
    """What it is to run, if it has not begun; nothing, if it is over."""
    own = obj.__dict__
    begun, over = own["_started"]._flag, not threading.Thread.is_alive(obj)
    if begun and not over:
        raise Unsteady("is a thread that runs, and cannot be read while it does")
    hidden = _OF_THE_PROCESS | {"_started", "_is_stopped", "_invoke_excepthook"}
    children = [item for item in attributes(own) if item[0] not in hidden]
    return ("thread", "over" if begun else "not begun"), children, None


def _local(obj: Any) -> Reading:
    """What each thread set on it, the thread that made it first; no thread's is made here."""
    tables = [item for item in get_referents(obj) if type(item) is dict]
    ours = next((table for table in tables if table and all(map(_is_table, table.items()))), {})
    found = list(ours.values())
    if len(found) == 1:
        return ("thread local",), attributes(found[0]), None
    return ("thread local",), [(f"<thread {at}>", own) for at, own in enumerate(found)], None


def _is_table(item: tuple[object, object]) -> bool:
    """Whether it is the table of one thread, under what stands for the thread."""
    key, own = item
    kind = type(key) if not isinstance(key, weakref.ref) else type(key())
    return type(own) is dict and kind.__name__ in ("_localdummy", "NoneType")


def _simple_queue(obj: Any) -> Reading:
    """What waits in it, the next to be taken first."""
    size, held = obj.qsize(), get_referents(obj)
    if sys.version_info < (3, 13):
        # one list, in which what was taken leaves a hole in front
        waiting = held[0][len(held[0]) - size :]
    else:
        waiting = held[:size]
    if len(waiting) != size:
        raise Unreadable("keeps what waits in it in a way not known here")
    return ("queue",), enumerate(waiting), None


def _refill(target: Any, pairs: Pairs) -> None:
    while target.qsize():
        target.get_nowait()
    for _, value in pairs:
        target.put(value)


def _executor(obj: ThreadPoolExecutor) -> Reading:
    """Its settings and the work that waits; the threads are made when needed, and are no state."""
    kept = [item for item in attributes(obj.__dict__) if item[0] not in _OF_THE_EXECUTOR]
    return ("executor",), kept, None


def _variable(obj: contextvars.ContextVar[Any]) -> Reading:
    """Its name, and what it stands for here; without a value its default, which is code."""
    missing = _MISSING
    value = obj.get(missing)
    children: list[Child] = [] if value is missing else [("<value>", value)]
    return ("context variable", obj.name), children, None


_MISSING = object()


def _context(obj: contextvars.Context) -> Reading:
    children: list[Child] = []
    for place, (variable, value) in enumerate(contextvars.Context.items(obj)):
        children += [(f"<variable {place}>", variable), ((variable.name,), value)]
    return ("context",), children, None


def _decimals(obj: decimal.Context) -> Reading:
    *numbers, flags, traps = obj.__reduce__()[1]
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    raised = [tuple(signal.__name__ for signal in listed) for listed in (flags, traps)]
    return ("decimal context", *raised), list(zip(names, numbers, strict=True)), None


_NAMES = ("lock", "thread", "thread local", "executor", "context", "context variable")

OWN_KINDS = (
    *(Kind(name=name) for name in (*_NAMES, "decimal context")),
    Kind(name="queue", members=Members.INDEXED, refill=_refill),
)

READERS: dict[type, Reader] = {
    _thread.LockType: _lock,
    _thread.RLock: _lock,
    threading.Condition: _condition,
    threading.Thread: _thread_object,
    threading.local: _local,
    queue.SimpleQueue: _simple_queue,
    ThreadPoolExecutor: _executor,
    contextvars.ContextVar: _variable,
    contextvars.Context: _context,
    decimal.Context: _decimals,
}
