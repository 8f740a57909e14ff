"""Plain loops as subjects: every way to build, drive, save and load, and every wrong one."""

import json

import example_loops as examples
import numpy as np
import pytest
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.errors import InvalidSubject
from resumeproof.core.randomness import preserved_streams
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.loop import loop
from resumeproof.trial.session import Session
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=12, save_at=5, cycles=2, gap=2)


class Counter:
    """The smallest run: adds its stride."""

    def __init__(self, stride=1.0):
        self.total = np.zeros(2)
        self.stride = stride

    def step(self):
        """Adds the stride."""
        self.total += self.stride

    def state(self):
        """The sum."""
        return {"total": self.total.copy()}

    def restore(self, state):
        """In place."""
        self.total = state["total"]

    def write(self, path):
        """The sum as a file."""
        path.write_text(json.dumps(self.total.tolist()))

    def read(self, path):
        """In place, from a file."""
        self.total = np.array(json.loads(path.read_text()))

    def write_folder(self, path):
        """The sum as a file in a folder."""
        path.mkdir()
        (path / "total").write_text(json.dumps(self.total.tolist()))

    def read_folder(self, path):
        """In place, from a folder."""
        self.read(path / "total")

    @classmethod
    def make(cls, state):
        """A new counter."""
        made = cls()
        made.restore(state)
        return made

    def replace(self, state):
        """A new counter, from an old one."""
        return self.make(state)


def counter(**changes):
    """A right counter, but for the changes."""
    functions = {"save": Counter.state, "load": Counter.restore}
    return loop(**{"make": Counter, "step": Counter.step, **functions, **changes})


def findings(record):
    """KeyPaths that differed, the global streams apart."""
    keypaths = {str(m.keypath) for f in record.findings for m in f.diff.mismatches}
    return sorted(path for path in keypaths if not path.startswith("streams"))


@pytest.mark.parametrize(
    ("save", "load"),
    [
        (Counter.state, Counter.restore),
        (Counter.state, Counter.make),
        (Counter.state, Counter.replace),
        (Counter.write, Counter.read),
        (Counter.write_folder, Counter.read_folder),
    ],
    ids=["object, in place", "object, class method", "object, returned", "file", "folder"],
)
@pytest.mark.parametrize("medium", ["file", "memory"])
def test_every_form_of_save_and_load_works(save, load, medium):
    """A right run is right in whichever form its functions are written."""
    scenario = Scenario(length=6, save_at=2, cycles=2, gap=1, medium=medium)
    record = run(counter(save=save, load=load), scenario)
    assert record.error == ""
    assert findings(record) == []


def test_lost_state_is_found_under_its_own_name():
    """What `load` leaves alone differs, as `run.` and the attribute."""
    record = run(counter(save=lambda c: {}, load=lambda c, state: None), SCENARIO)
    assert record.verdict is Verdict.DIFFERS
    assert findings(record) == ["run.total"]


def test_target_of_a_load_is_spoiled_before():
    """An in-place load gets a run whose moved floats are NaN and whose constants are whole."""
    seen = []
    subject = counter(load=lambda c, state: seen.append((c.total.copy(), c.stride)))
    run(subject, Scenario(length=4, save_at=2))
    assert np.isnan(seen[0][0]).all()
    assert seen[0][1] == 1.0


def test_step_gets_its_index_where_it_asks_for_it():
    """`step(live, i)` is given steps done, which go on after a load."""
    seen = []
    run(counter(step=lambda c, i: seen.append(i)), Scenario(length=3, save_at=2))
    assert seen[:3] == [0, 1, 2]
    assert seen[-1] == 2


@pytest.mark.parametrize(
    "make", [lambda seed: Counter(seed), lambda *, seed=1: Counter(seed)], ids=["position", "name"]
)
def test_make_gets_the_seed_where_it_asks_for_it(make):
    """`make(seed)` is given the scenario's seed, by position or by name."""
    live = counter(make=make).build(Scenario(length=1, save_at=0, seed=7))
    assert live.target.stride == 7


def test_options_of_the_scenario_are_keywords_of_make():
    """A scenario's options are laid over the defaults of `make`."""
    live = counter().build(Scenario(length=1, save_at=0, options={"stride": 2.0}))
    assert live.target.stride == 2.0


def test_observe_says_what_the_state_is():
    """With `observe` only what it names is compared."""
    subject = counter(observe=lambda c: {"total": c.total}, load=lambda c, s: None)
    assert findings(run(subject, SCENARIO)) == ["total"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"save": None}, r"can be saved, got save=None: write save=Trainer\.save"),
        ({"load": None}, r"can be saved, got load=None: write load=Trainer\.load"),
        ({"step": 3}, r"expected step= to be callable, got 3 \(int\): write step\(live\)"),
        ({"step": lambda: None}, r"1 or 2 positional arguments, got .* needs 0: write step"),
        ({"make": lambda a, b: None}, r"0 or 1 positional arguments, got .*, which needs 2"),
        ({"load": lambda a, b, c: None}, r"which needs 3: write load"),
    ],
)
def test_wrong_argument_is_refused_at_once(changes, message):
    """The message shows what was given, what was expected and what to write."""
    with pytest.raises(InvalidSubject, match=message):
        counter(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"make": lambda: None}, r"expected a run, got None from make=.*: end it with a `return`"),
        ({"save": lambda c: None}, r"to return the checkpoint, got None: end it with `return st"),
        ({"save": lambda c: (x for x in ())}, r"that can be stored, got generator: .* plain data"),
        ({"save": lambda c, path: None}, r"to write a file at the path it gets, got nothing"),
        ({"load": lambda state: None}, r"expected a run from load=.*, got None: end it with `ret"),
    ],
)
def test_function_that_does_not_do_its_part_is_refused(changes, message):
    """What only shows when called is as clear as what shows at once."""
    with pytest.raises(InvalidSubject, match=message):
        run(counter(**changes), Scenario(length=2, save_at=1))


def test_foreign_file_is_refused(tmp_path):
    """A file that this subject did not write is refused before it is read further."""
    path = tmp_path / "foreign.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(InvalidSubject, match=r"that this subject's save\(\) wrote, got .*foreign"):
        counter().load(path, SCENARIO)


def test_step_that_raises_is_an_error_with_its_number():
    """The verdict is ERROR, and says which step of which subject."""
    record = run(examples.raises, SCENARIO)
    assert record.verdict is Verdict.ERROR
    assert "step 3 of loop:Raises raised ArithmeticError: loss is not finite" in record.error


@pytest.mark.parametrize(
    ("make", "step", "name"),
    [
        (Counter, Counter.step, "loop:Counter"),
        (lambda: Counter(), Counter.step, "loop:Counter"),
        (lambda: Counter(), lambda c: c.step(), "loop:run"),
    ],
)
def test_name_is_that_of_what_is_under_test(make, step, name):
    """Reports call a loop by the class of its run, where that can be known."""
    functions = {"save": Counter.state, "load": Counter.restore}
    made = loop(make=make, step=step, **functions)
    assert made.name == name


@pytest.mark.parametrize(
    ("subject", "causes"),
    [
        (examples.forgets_scheduler, ["run.scheduler.last_epoch", "run.scheduler._step_count"]),
        (examples.forgets_order, ["run.order", "run.shuffler"]),
    ],
    ids=["scheduler", "order"],
)
def test_loop_that_forgets_is_found(subject, causes):
    """A forgotten scheduler and a forgotten order of the data are named, and nothing else."""
    record = run(subject, SCENARIO)
    assert record.verdict is Verdict.DIFFERS
    assert sorted(str(m.keypath) for m in record.attribution.lost) == sorted(causes)


def test_right_loop_is_exact():
    """What differs and changes nothing, as streams that nobody draws from, is no failure."""
    record = run(examples.right, SCENARIO)
    assert record.verdict is Verdict.EXACT
    assert not record.vacuous


def test_nondeterministic_loop_is_flaky():
    """Noise from outside is never blamed on the checkpoint."""
    assert run(examples.nondeterministic, SCENARIO).verdict is Verdict.FLAKY


@pytest.mark.parametrize("into", ["used", "fresh"])
def test_load_into_a_target_that_was_made_before_is_the_load(into, tmp_path):
    """Random streams included; the target is asked for once the file was read."""
    subject = examples.forgets_scheduler
    scenario = Scenario(length=12, save_at=5, into=into)
    session = Session(subject, scenario)
    with preserved_streams():
        session.write(session.trained(0), tmp_path / "0.zip")
        wanted = session.capture(session.load(tmp_path / "0.zip"))
        target = subject.poisoned(scenario)
        torch.rand(3)
        got = session.capture(session.load_into(tmp_path / "0.zip", lambda: target))
    assert not session.differences(wanted, got, worded=True)


class Counted(examples.Trainer):
    """Counts the steps of all that were made."""

    steps = 0

    def step(self):
        """One more."""
        type(self).steps += 1
        super().step()


@pytest.mark.parametrize(("observed", "targets"), [(False, 3), (True, 14)])
def test_damaged_files_share_a_target_where_all_of_it_is_seen(observed, targets):
    """Two for the intact file and one to put back from; of what is observed only a part is seen."""
    observe = {"observe": lambda run: {"model": run.model}} if observed else {}
    trial = Trial(
        loop(make=Counted, step=Counted.step, save=Counted.save, load=Counted.load, **observe),
        Scenario(length=12, save_at=5),
    )
    _ = trial.saving, trial.control.noise
    before = Counted.steps
    assert not CHECKS["strictness"](trial)
    assert (Counted.steps - before) / 12 == targets
