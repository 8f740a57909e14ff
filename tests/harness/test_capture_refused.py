"""What capture refuses, how an exclusion and a reader of one's own make it go on."""

import contextvars
import gc
import multiprocessing
import operator
import pathlib
import pickle
import struct
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import resumeproof
import torch
from resumeproof.core.errors import InvalidReader, UncapturableLeaf
from resumeproof.core.exclusions import Exclusion
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture, capture_roots
from resumeproof.state.readers import _REGISTRY, reader_for, reading, register_leaf


class Plain:
    """An object that can be hashed and weakly referenced."""


REFUSED = {
    "binary file": lambda: pathlib.Path(__file__).open("r+b"),  # noqa: SIM115
    "text file": lambda: pathlib.Path(__file__).open("r+"),  # noqa: SIM115
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(1), 0.1, 0, torch.qint8),
    "process": multiprocessing.Process,
    "pipe": lambda: multiprocessing.Pipe()[0],
    "methodcaller": lambda: operator.methodcaller("a"),
    "token": lambda: contextvars.ContextVar("x").set(1),
    "compiled": lambda: sys._getframe(),
    "twins in a set": lambda: {Plain(), Plain()},
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantiz.*:UserWarning")
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_name(make):
    """Nothing is skipped: the error names the KeyPath and what to write."""
    live = SimpleNamespace(parts=[make()])
    with pytest.raises(UncapturableLeaf, match=r"(?s)^cannot capture parts\[0\]: .*register_leaf"):
        capture(live)


def test_an_exclusion_cuts_the_walk_and_shows():
    """What an exclusion covers is not walked, and the snapshot says so."""
    live = SimpleNamespace(frame=sys._getframe(), x=1)
    frame = Exclusion(pattern="frame", reason="a frame is no state")
    snapshot = capture(live, exclusions=[frame])
    assert snapshot.excluded == ((KeyPath("frame"), "frame"),)
    assert snapshot[KeyPath("x")].value == 1
    with pytest.raises(UncapturableLeaf, match=r"Exclusion\(pattern='frame', reason='frame that"):
        capture(live)


@pytest.fixture
def registry():
    """Undo what a test registers."""
    before = dict(_REGISTRY)
    yield
    _REGISTRY.clear()
    _REGISTRY.update(before)
    reader_for.cache_clear()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantiz.*:UserWarning")
@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_both_lines_of_a_refusal_work_when_pasted(make):
    """The exclusion covers the object, and after the registration its type can be read."""
    live = SimpleNamespace(parts=[make()])
    with pytest.raises(UncapturableLeaf) as error:
        capture(live)
    lines = str(error.value).splitlines()
    given = lines[2].partition("exclusions=")[2]
    covered = eval(given, {"resumeproof": resumeproof})
    assert capture(live, exclusions=covered).excluded
    exec(lines[1].partition(": ")[2].strip(), {})
    assert capture(live)


def test_a_class_without_a_module_is_refused_by_its_name():
    """Extensions make such classes: the line is for the object that holds one."""
    hidden = type("Pointer", (struct.Struct,), {})
    gc.get_referents(hidden.__dict__)[0].pop("__module__")
    live = SimpleNamespace(world=Plain())
    live.world.this = [hidden("i")]
    with pytest.raises(UncapturableLeaf, match=r"world\.this\[0\]: Pointer is an object") as error:
        capture(live)
    assert error.value.readable == (Plain.__module__, "Plain")


def test_a_key_that_is_an_id_is_excluded_as_any_key():
    """The next process has another one."""
    live = SimpleNamespace(handles={id(print): sys._getframe()})
    with pytest.raises(UncapturableLeaf, match=r"pattern='handles\[\*\]'"):
        capture(live)


class Source:
    """Has a state, and within it an iterator whose thread runs."""

    def __init__(self, stop):
        thread = threading.Thread(target=stop.wait)
        thread.start()
        self.iterator = SimpleNamespace(thread=thread)

    def state_dict(self):
        """Where it stands."""


@pytest.mark.parametrize(
    ("wrap", "pattern"),
    [
        (lambda source: SimpleNamespace(loader=source), "run.loader"),
        (lambda source: SimpleNamespace(loader=source.iterator), "run.loader"),
        (lambda source: source, "run.iterator"),
    ],
    ids=["with a state", "without", "the run itself"],
)
def test_what_a_running_thread_works_for_is_excluded_whole(wrap, pattern):
    """What the thread shares moves as it likes, so that an exclusion of the thread helps nobody."""
    stop = threading.Event()
    run = wrap(Source(stop))
    try:
        with pytest.raises(UncapturableLeaf, match=rf"pattern='{pattern}'") as error:
            capture_roots({"run": run})
        exclusion = eval(error.value.exclusion, {"resumeproof": resumeproof})
        assert capture_roots({"run": run}, [exclusion])
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
    finally:
        stop.set()


def test_a_class_that_no_module_has_gets_no_line_to_paste():
    """The refusal says so, and its exclusion is what works."""
    hidden = type("Pointer", (struct.Struct,), {})
    with pytest.raises(UncapturableLeaf, match="no module has it by name"):
        capture([hidden("i")])


@pytest.mark.usefixtures("registry")
def test_an_error_of_a_reader_names_the_keypath():
    """Whatever goes wrong while an object is read, the message says which object that was."""
    register_leaf(Plain, lambda it: reading("plain", it.missing))
    with pytest.raises(UncapturableLeaf, match=r"parts\[0\]: .*Plain cannot be read \(Attribute"):
        capture(SimpleNamespace(parts=[Plain()]))


@pytest.mark.usefixtures("registry")
def test_a_registered_reader_is_used_for_subclasses_too():
    """A reader of one's own makes a type state, or says that it is none."""
    register_leaf(
        threading.Thread, lambda it: reading("thread", it.name, children=[("a", it._args)])
    )
    live = SimpleNamespace(thread=threading.Thread(name="t", args=([1],)))
    assert capture(live)[KeyPath("thread")].facts == ("t",)
    assert capture(live)[KeyPath("thread", "a", 0, 0)].value == 1
    timer = SimpleNamespace(thread=threading.Timer(1, print))
    assert capture(timer)[KeyPath("thread")].type_name == "threading.Timer"


def test_a_reader_must_be_a_function_of_a_class():
    """A wrong registration is refused with both values."""
    with pytest.raises(InvalidReader, match=r"got cls='Thread' \(str\)"):
        register_leaf("Thread", print)


def test_facts_must_be_plain_values():
    """An object among the facts is refused: it would be compared by its own idea of equality."""
    with pytest.raises(InvalidReader, match="plain values as facts of kind 'x', got ndarray"):
        reading("x", np.ones(1))


def test_one_line_excludes_every_object_that_swig_wraps():
    """A world of Box2D holds many, and a user does not want to be told of each."""
    told = UncapturableLeaf(KeyPath("model", "env", "lander", "this"), "SwigPyObject", "is hidden")
    cut = eval(told.exclusion, {"resumeproof": resumeproof})
    assert isinstance(cut, Exclusion)
    others = ("model.env.drawlist[1].joint.this", "model.env.world.this", "model.env.lander.this")
    assert all(cut.covers(path) for path in others)
    assert not cut.covers("model.env.lander.thistle")
