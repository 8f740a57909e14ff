"""Damaged checkpoints: which files are found, and which damage is done to files and states."""

import json
import pickle
import shutil
import zipfile

import pytest
import torch
from resumeproof.checks import CHECKS, strictness
from resumeproof.core.errors import InvalidTarget, NotApplicable
from resumeproof.core.scenario import Scenario
from resumeproof.files.entries import read_entries
from resumeproof.subjects.loop import loop
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=8, save_at=5)


class Writes:
    """A plain subject; `write(path, state)` and `read(path)` say what lies where."""

    name, exclusions = "writes", ()

    def __init__(self, write, read):
        self.write, self.read = write, read

    def build(self, scenario):
        """A counter and a table."""
        return {"total": scenario.seed, "table": [1, 2, 3]}

    def train(self, live, *, until, visits):
        """Counts."""
        for step in range(1, until + 1):
            live["total"] += 1
            if step in visits:
                visits[step](live)

    def save(self, live, target):
        """As told."""
        self.write(target, live)

    def load(self, source, scenario):
        """As told."""
        return self.read(source)

    def roots(self, live):
        """All of it."""
        return {"run": live}

    def boundaries(self, scenario):
        """Every step."""
        return range(1, scenario.length + 1)


def beside(path):
    """A file named after the path, which is not there itself."""
    return path.with_name(f"{path.stem}_model.pkl")


def write_beside(path, state):
    """One pickle, without a checksum."""
    beside(path).write_bytes(pickle.dumps(state))


def read_beside(path):
    """Whatever it holds."""
    return pickle.loads(beside(path).read_bytes())


def write_folder(path, state):
    """A file for each entry."""
    shutil.rmtree(path, ignore_errors=True)
    (path / "deep").mkdir(parents=True)
    for name, value in state.items():
        (path / "deep" / name).write_text(json.dumps(value))


def read_folder(path):
    """Entries that are not there count as nothing."""
    files = {file.name: file for file in (path / "deep").iterdir()}
    return {k: json.loads(files[k].read_text()) if k in files else 0 for k in ("total", "table")}


def write_side(path, state):
    """The total in a zip, the table in a file beside it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("total", str(state["total"]))
    path.with_suffix(".table.json").write_text(json.dumps(state["table"]))


def read_side(path):
    """A table that is not there counts as none."""
    with zipfile.ZipFile(path) as archive:
        total = int(archive.read("total"))
    table = path.with_suffix(".table.json")
    return {"total": total, "table": json.loads(table.read_text()) if table.exists() else []}


BESIDE = Writes(write_beside, read_beside)
FOLDER = Writes(write_folder, read_folder)
SIDE = Writes(write_side, read_side)


def found(name, subject):
    """What a check says, by KeyPath."""
    diff = CHECKS[name](Trial(subject, SCENARIO)).diff
    return {str(mismatch.keypath): str(mismatch) for mismatch in diff.mismatches}


@pytest.mark.parametrize(
    ("subject", "damage"),
    [
        (BESIDE, "0-5_model.pkl: byte "),
        (FOLDER, "0-5.zip/deep/table: no file"),
        (FOLDER, "0-5.zip/deep/total: no file"),
        (SIDE, "0-5.table.json: no file"),
    ],
    ids=["named after the path", "in a folder", "another one there", "beside the path"],
)
def test_files_are_damaged_wherever_they_lie(subject, damage):
    """At the path, named after it, or in a folder there."""
    assert any(f"checkpoint['{damage}" in path for path in found("strictness", subject))


@pytest.mark.parametrize("subject", [BESIDE, FOLDER, SIDE], ids=["named after", "folder", "side"])
def test_idempotence_reads_files_wherever_they_lie(subject):
    """The right one passes; of one that loads another table, the table is named."""
    assert not found("idempotence", subject)

    def another(path):
        return {**subject.read(path), "table": [0, 2, 3]}

    (path,) = found("idempotence", Writes(subject.write, another))
    assert "table" in path
    assert path.endswith("[0]")


class Forgetful(Writes):
    """What it was loaded from is saved without the table, and with a note."""

    def save(self, live, target):
        """The second time."""
        super().save(live, target)
        if "loaded" in live:
            target.with_suffix(".table.json").unlink()
            target.with_suffix(".note").write_text("saved before")

    def load(self, source, scenario):
        """Marks what was loaded."""
        return {**super().load(source, scenario), "loaded": True}


def test_files_that_only_one_save_wrote_differ():
    """A side file that is gone is MISSING, a new one UNEXPECTED; nothing aborts."""
    record = run(Forgetful(write_side, read_side), SCENARIO, ["idempotence"])
    kinds = {str(m.keypath): m.kind for f in record.findings for m in f.diff.mismatches}
    assert (record.verdict, kinds) == (
        Verdict.DIFFERS,
        {"['0-5.note']": "UNEXPECTED", "['0-5.table.json']": "MISSING"},
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda path: None, "no such file"), (lambda path: path.mkdir(), "a folder: compare its f")],
    ids=["nothing", "a folder"],
)
def test_what_is_no_file_is_called_what_it_is(make, said, tmp_path):
    """A folder that is there is not said to be missing."""
    make(tmp_path / "0.zip")
    with pytest.raises(InvalidTarget, match=f"expected a checkpoint file, got .*0.zip': {said}"):
        read_entries(tmp_path / "0.zip")


HELD = {}


@pytest.mark.parametrize("name", ["idempotence", "strictness"])
def test_checkpoint_without_files_is_not_passed(name):
    """A subject that keeps its checkpoints elsewhere is told what was looked for, and where."""
    subject = Writes(lambda path, state: HELD.update({path.name: dict(state)}), lambda path: {})
    with pytest.raises(NotApplicable, match=r"writes wrote no file at .*0-5.zip'.* '0-5\.\.\.'"):
        CHECKS[name](Trial(subject, SCENARIO))


class Zipped(Writes):
    """One zip; `entries` says what is taken from it."""

    def __init__(self, take):
        super().__init__(self.pack, self.unpack)
        self.take = take

    def pack(self, path, state):
        """An entry for each value."""
        with zipfile.ZipFile(path, "w") as archive:
            for name, value in state.items():
                archive.writestr(name, json.dumps(value))

    def unpack(self, path):
        """Of what is in it, what is taken."""
        with zipfile.ZipFile(path) as archive:
            return self.take({name: archive.read(name).decode() for name in archive.namelist()})


def _by_name(entries):
    return {name: json.loads(entries[name]) for name in ("total", "table")}


def _whatever(entries):
    return {name: json.loads(text) for name, text in entries.items()}


def _without_end(entries):
    total = entries["total"] or "0"
    return {"total": int(total), "table": json.loads(entries["table"])}


@pytest.mark.parametrize(
    ("take", "damages"),
    [
        (_by_name, set()),
        (_whatever, {"without", "renamed", "extra"}),
        (_without_end, {"half"}),
    ],
    ids=["right", "takes what there is", "reads what is left"],
)
def test_entries_of_a_zip_are_lost_added_renamed_and_cut(take, damages):
    """An entry nobody reads does no harm; what makes another state in silence is found."""
    paths = found("strictness", Zipped(take))
    words = ("without", "renamed", "extra", "half")
    assert {word for word in words for path in paths if word in path} == damages


class Archive:
    """Writes a zip of its own; `forgives` says whether a broken entry counts as none."""

    def __init__(self, forgives=False):
        self.count, self.table, self.forgives = 0, [0], forgives

    def step(self):
        """Counts, and notes it."""
        self.count += 1
        self.table.append(self.count)

    def save(self, path):
        """A pickle for each value, under names that sort among others."""
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(7):
                archive.writestr(f"a{number}.txt", "notes")
            archive.writestr("b.pkl", pickle.dumps(self.count))
            archive.writestr("c.pkl", pickle.dumps(self.table))

    def load(self, path):
        """Of a table that cannot be read it makes a new one, if it forgives."""
        with zipfile.ZipFile(path) as archive:
            self.count = pickle.loads(archive.read("b.pkl"))
            try:
                self.table = pickle.loads(archive.read("c.pkl"))
            except (pickle.UnpicklingError, EOFError):
                if not self.forgives:
                    raise
                self.table = []


@pytest.mark.parametrize("forgives", [True, False])
def test_entries_of_a_zip_within_a_checkpoint_are_damaged(forgives):
    """A pickle cut in half, in the zip that a user's `save` wrote, is no empty table."""
    subject = loop(
        make=lambda: Archive(forgives), step=Archive.step, save=Archive.save, load=Archive.load
    )
    paths = found("strictness", subject)
    expected = {"checkpoint['files/checkpoint.zip: half of c.pkl']"} if forgives else set()
    assert set(paths) == expected


class Remembers:
    """Keeps the path that it was loaded from, which is another one at every load."""

    def __init__(self):
        self.weight, self.source = torch.zeros(2), ""

    def step(self):
        """Moves."""
        self.weight = self.weight + torch.rand(2)

    def save(self, path):
        """As torch writes it: some of its entries nobody reads."""
        torch.save([self.weight, torch.get_rng_state()], path)

    def load(self, path):
        """All of it."""
        self.weight, stream = torch.load(path)
        torch.set_rng_state(stream)
        self.source = str(path)


class Guesses(Remembers):
    """Takes what cannot be read for a fresh start."""

    def load(self, path):
        """In silence."""
        try:
            super().load(path)
        except Exception:  # the fault that is planted: an error becomes a fresh start
            self.weight = torch.zeros(2)


@pytest.mark.parametrize(("kind", "right"), [(Remembers, True), (Guesses, False)])
def test_what_differs_between_two_loads_of_the_intact_file_is_no_damage(kind, right):
    """A path that is remembered; a start from nothing is found beside it."""
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    assert (not found("strictness", subject)) is right


class Silent:
    """Takes whatever it is given, in place; counts how many of it were made."""

    made = 0

    def __init__(self):
        type(self).made += 1
        self.table = {f"c{number}": number for number in range(20)}

    def step(self):
        """All move."""
        self.table = {name: value + 1 for name, value in self.table.items()}

    def state(self):
        """The table."""
        return dict(self.table)

    def load(self, state):
        """Takes the table, however many entries it has."""
        self.table = dict(state)


def endless():
    """A generator, of which no copy can be made."""
    while True:
        yield


class SilentAndHalfRun(Silent):
    """The same; every load moves a generator on."""

    def __init__(self):
        super().__init__()
        self.half_run = endless()

    def load(self, state):
        """And the generator goes on."""
        super().load(state)
        next(self.half_run)


@pytest.mark.parametrize(
    ("kind", "strict", "targets"),
    [(Silent, True, 2), (SilentAndHalfRun, True, 1 + 8), (Silent, False, 8)],
)
def test_target_serves_again_only_where_it_is_as_it_was_and_has_not_trained_on(
    kind, strict, targets
):
    """One more is what is put back from; a new one takes the place of what cannot be put right."""
    subject = loop(make=kind, step=kind.step, save=kind.state, load=kind.load, strict=strict)
    trial = Trial(subject, SCENARIO)
    _ = trial.saving, trial.control.noise
    before = kind.made
    diff = strictness._damaged_states(trial)[0]
    assert len(diff.mismatches) == 8
    # a fresh one, asked whether it has a state; whose state it is; how whole ones are loaded
    others = 3 if strict else 5
    assert kind.made - before == others + targets
