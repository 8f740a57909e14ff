"""Losses that are expected: put back by the harness, so that all else is judged."""

import pickle

import numpy as np
import pytest
import torch
from resumeproof import CheckpointMismatch, Scenario, check_resume, component, loop, sb3
from resumeproof.core.expected import InvalidExpectedLoss, NoLongerLost
from resumeproof.mutation.campaign import mutate
from resumeproof.subjects.capabilities import expecting
from resumeproof.verdicts import report
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict
from stable_baselines3 import PPO

SCENARIO = Scenario(length=12, save_at=6)
WHY = "the simulator has no get_state yet"


class Run:
    """Two counters, a stream and a window; all of them decide what comes next."""

    saved = ("value", "window")

    def __init__(self, seed=0):
        self.value = float(seed)
        self.window = [0.0]
        self.scale = 1.0
        self.noise = np.random.default_rng(seed)

    def step(self):
        """Every part moves, and reaches `value`."""
        self.scale *= 1.25
        self.window.append(self.scale)
        self.value += self.noise.normal() * self.scale + self.window[-2]

    def save(self):
        """What `saved` names."""
        return pickle.dumps({name: getattr(self, name) for name in self.saved})

    def load(self, content):
        """Puts it back."""
        vars(self).update(pickle.loads(content))


class Mended(Run):
    """Saves its scale, too."""

    saved = ("value", "window", "scale")


class Worse(Run):
    """Forgets its window, too."""

    saved = ("value",)


def subject(kind, **options):
    """A run as a loop."""
    return loop(make=kind, step=kind.step, save=kind.save, load=kind.load, **options)


KNOWN = {"run.scale": WHY, "run.noise": WHY}


def test_expected_losses_are_put_back():
    """What is expected to be lost is put back, and the future agrees."""
    record = run(subject(Run, expected_losses=KNOWN), SCENARIO, ("roundtrip", "resume"))
    assert record.verdict is Verdict.EXACT
    assert {item.pattern: item.leaves > 0 for item in record.expected} == dict.fromkeys(KNOWN, True)
    assert f"2 expected losses put back ({WHY}): run.scale, run.noise" in report.notes(
        record, verbose=False
    )


def test_without_expectation_the_same_run_differs():
    """The same subject without them is found to lose both."""
    record = run(subject(Run), SCENARIO, ("resume",))
    assert record.verdict is Verdict.DIFFERS
    assert sorted(map(str, (m.keypath for m in record.attribution.lost))) == [
        "run.noise.bit_generator",
        "run.scale",
    ]


@pytest.mark.parametrize("cycles", [1, 2])
def test_new_loss_is_the_only_one_named(cycles):
    """Whatever else is lost fails, and nothing that is expected stands among the causes."""
    scenario = Scenario(length=12, save_at=4, cycles=cycles, gap=3)
    record = run(subject(Worse, expected_losses=KNOWN), scenario, ("resume",))
    assert record.verdict is Verdict.DIFFERS
    assert {str(m.keypath) for m in record.attribution.causes} == {"run.window"}


def test_healed_loss_fails():
    """An expected loss that no load loses fails with the line to remove."""
    with pytest.raises(NoLongerLost, match=r"no longer lost: 'run\.scale': remove this line"):
        check_resume(subject(Mended, expected_losses=KNOWN), checks=["resume"])


def test_pattern_of_nothing_fails():
    """A pattern at which nothing is is told apart from a loss that has healed."""
    known = {**KNOWN, "run.scael": WHY}
    with pytest.raises(NoLongerLost, match=r"nothing is at 'run\.scael'"):
        check_resume(subject(Run, expected_losses=known), checks=["resume"])


def test_check_that_loads_nothing_asks_for_a_load():
    """`purity` alone does not load; the expected losses are not called stale for it."""
    check_resume(subject(Run, expected_losses=KNOWN), checks=["purity"])


def test_other_process_puts_back_too():
    """A run that comes back in another interpreter gets the same losses put back."""
    record = run(subject(Run, expected_losses=KNOWN), SCENARIO, ("fresh_process",))
    assert record.verdict is Verdict.EXACT
    assert not record.skipped


def test_component_takes_expected_losses():
    """A part of a run takes them as a loop does."""

    class Average:
        def __init__(self):
            self.mean, self.count = torch.zeros(2), 0

        def update(self):
            self.count += 1
            self.mean += (torch.randn(2) - self.mean) / self.count

        def state_dict(self):
            return {"mean": self.mean.clone()}

        def load_state_dict(self, state):
            self.mean = state["mean"].clone()

    part = component(Average, step=Average.update, expected_losses={"component.count": WHY})
    assert run(part, SCENARIO, ("roundtrip", "resume")).verdict is Verdict.EXACT


def test_what_cannot_be_put_back_is_told():
    """A loss that the harness cannot put back is not passed over: it is named, with the reason."""

    class Reader(Run):
        def __init__(self, seed=0):
            super().__init__(seed)
            self.lines = self.read()

        def read(self):
            yield 0.5
            while True:
                yield self.value / 2
                yield 0.25

        def step(self):
            self.value += next(self.lines)

    record = run(
        subject(Reader, expected_losses={"run.lines": WHY}),
        Scenario(length=12, save_at=5),
        ("roundtrip", "resume"),
    )
    text = report.failure(record)
    assert record.verdict is Verdict.DIFFERS
    assert "expected to be lost, and could not be put back: run.lines" in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"run.scale": ""}, "expected a reason for 'run.scale'"),
        ({"**": "all"}, "expected a pattern that names a KeyPath"),
        ("run.scale", "expected expected_losses to map KeyPath patterns to reasons"),
        ({"run.scale": 1}, "expected expected_losses to map KeyPath patterns to reasons"),
    ],
)
def test_expectations_are_validated(given, message):
    """A pattern of everything, no reason, or another type is refused where it is written."""
    with pytest.raises(InvalidExpectedLoss, match=message):
        subject(Run, expected_losses=given)


def test_records_keep_them():
    """A record with expected losses survives JSON."""
    record = run(subject(Run, expected_losses=KNOWN), SCENARIO, ("resume",))
    assert record.expected
    assert Record.from_plain(record.to_plain()) == record


def test_mutants_of_expected_losses_are_left_out():
    """What is put back after every load cannot be broken by one: it is no mutant."""
    matrix = mutate(subject(Run, expected_losses=KNOWN), SCENARIO, ("roundtrip",))
    survivors = [o for o in matrix.outcomes if o.result == "survived"]
    assert not survivors
    assert any(o.reason == WHY for o in matrix.outcomes)


class Counting(PPO):
    """PPO with a scale of its own, which its save leaves out."""

    def __init__(self, *args, **options):
        self.scale = 1.0
        super().__init__(*args, **options)

    def _excluded_save_params(self):
        return [*super()._excluded_save_params(), "scale"]

    def train(self):
        """Trains as PPO, then shrinks the policy by a scale that moves."""
        super().train()
        self.scale *= 0.99
        with torch.no_grad():
            for parameter in self.policy.parameters():
                parameter.mul_(self.scale)


SMALL = {"env": "CartPole-v1", "n_steps": 16, "batch_size": 16, "n_epochs": 1}
BETWEEN = Scenario(length=64, save_at=32)


def test_stock_loses_nothing_else():
    """With what stock SB3 loses put back, stock SB3 is EXACT, and that is what stands there."""
    record = run(sb3(PPO, **SMALL, expected_losses="sb3"), BETWEEN, ("roundtrip", "resume"))
    assert record.verdict is Verdict.EXACT
    patterns = {item.pattern for item in record.expected}
    assert {"model.env", "model._last_obs"} <= patterns
    assert not any(pattern.startswith("model.policy.optimizer") for pattern in patterns)


def test_own_loss_beside_those_of_stock():
    """A subclass that loses one thing more: exactly that is named."""
    record = run(sb3(Counting, **SMALL, expected_losses="sb3"), BETWEEN, ("resume",))
    assert record.verdict is Verdict.DIFFERS
    assert [str(m.keypath) for m in record.attribution.lost] == ["model.scale"]


class KeepsItsStream(PPO):
    """PPO that brings torch's random stream back, which the stock class loses."""

    def save(self, *args, **options):
        """Saves the stream, too."""
        self.stream = torch.get_rng_state()
        super().save(*args, **options)

    @classmethod
    def load(cls, *args, **options):
        """Puts it back last."""
        model = super().load(*args, **options)
        torch.set_rng_state(model.stream)
        return model


def test_what_the_stock_class_loses_and_a_subclass_does_not_fails():
    """`"sb3"` is strict, too: what is mended is named, with the list that is left."""
    subject = sb3(KeepsItsStream, **SMALL, expected_losses="sb3")
    with pytest.raises(NoLongerLost, match=r"no longer lost: 'streams\.torch'") as caught:
        check_resume(subject, [BETWEEN], ["resume"])
    assert "'model.env': 'stock PPO does not restore it'" in str(caught.value)


def test_stock_class_is_asked_for_where_there_is_one():
    """`"sb3"` of anything else is refused."""
    with pytest.raises(InvalidExpectedLoss, match="expected an algorithm built on one of SB3's"):
        expecting(subject(Run), (), of_stock=True)


def test_mismatch_names_what_is_new():
    """The front door fails with the new loss, and not with those expected."""
    with pytest.raises(CheckpointMismatch, match=r"save and restore run\.window") as caught:
        check_resume(subject(Worse, expected_losses=KNOWN), [SCENARIO], ["resume"])
    assert "next: save and restore run.window\n" in str(caught.value)
